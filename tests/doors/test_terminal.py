"""What the terminal shows, word by word as in tests/messages/terminal-*.txt."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rich", reason="the tables are drawn by rich")

from gradproof import terminal
from gradproof.campaign.soak import Summary, Tally, summarise
from gradproof.campaign.soak_record import Disagreement, Shard
from gradproof.campaign.task import Done, Task
from gradproof.mutation import study_report
from gradproof.mutation.score import Row
from tests.golden import unchanged
from tests.planted import SUBJECT

KILLED = Row(
    name="tanh-sign",
    kind="Tanh",
    function="manual.layers.activation_sigmoid:Tanh.backward",
    old="1 - y",
    new="y - 1",
    group="catalogue",
    origin="sign",
    quantities="x",
    cause_planted="sign",
    outcome="killed",
    examples=3,
    seconds=0.25,
    layer_named="Tanh",
    layer_right=True,
    cause_named="sign",
    cause_right=True,
    network_layer="Tanh",
    network_layer_right=True,
    shrunk_size=2,
    reason="",
    key="0",
)
ROWS = [
    KILLED,
    replace(KILLED, name="slow|er", cause_right=False, cause_named="a\nfactor 2", examples=5),
    replace(KILLED, name="lost", outcome="survived", layer_right=None, cause_right=None, seconds=9),
    replace(KILLED, name="same", group="automatic", outcome="equivalent", reason="no change"),
    replace(KILLED, name="other", group="automatic", network_layer="ReLU", cause_planted="factor"),
    replace(KILLED, name="late", group="automatic", outcome="timeout", reason="endless"),
    replace(KILLED, name="unseen", network_layer="", network_layer_right=None, shrunk_size=8),
    replace(KILLED, name="proved", group="harmless", outcome="harmless", reason="a factor of 1"),
    replace(KILLED, name="not so", group="harmless", outcome="false alarm", layer_named="ReLU"),
    replace(KILLED, name="misplaced", group="automatic", layer_right=False, layer_named="ReLU"),
]


FAULTS = (
    Disagreement("Linear", "bias", 2, "counterexamples/a.npz"),
    Disagreement("ReLU", "x", 1, ""),
)
SHARD = Shard(
    shard=1,
    seed=7,
    asked=500,
    networks=500,
    arrays=4000,
    commit="abc",
    finished="2026-01-02T00:01:00+00:00",
    seconds=60.0,
    verdicts={"vacuous": 3, "disagree": 1, "error": 1, "agree": 495},
    disagreements=FAULTS,
    dtypes={"float64": 500},
    hazards={"x normal": 500},
    kinks=4,
    samples=9,
    short=base64.b64encode(b"123456abcdef").decode(),
)
EARLIER = replace(
    SHARD,
    shard=0,
    commit="before",
    arrays=2000,
    finished="2026-01-02T00:00:30+00:00",
    seconds=20.0,
    verdicts={"agree": 500},
    disagreements=(),
    dtypes={"float32": 100, "float64": 400},
    kinks=1,
    samples=1,
    short=base64.b64encode(b"abcdefabcdef").decode(),
)


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    """Without the blanks that fill a line to the terminal's width."""
    lines = (line.rstrip() for line in capsys.readouterr().out.splitlines())
    return "\n".join(lines) + "\n"


def line(kind: str, verdict: str, **worst: float) -> Any:
    numbers = {"cases": 12, "arrays": 34, "vacuous": 5, "kinks": 6}
    warning = "" if worst else f"nothing was judged of {kind}"
    return SimpleNamespace(kind=kind, verdict=verdict, worst=worst, warning=warning, **numbers)


def about(**changed: Any) -> dict[str, Any]:
    counts = {"networks": 7, "layer cases": 8}
    return {
        "verdict": "agree",
        "counts": counts,
        "counterexamples": [],
        "too vacuous": False,
        **changed,
    }


def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("[bold]a disagrees[/]\n" + "in full " * 20)
    layers = [line("Linear", "disagree", float64=1234.5, float32=0.25), line("ReLU", "agree")]
    wrong = about(verdict="disagree", counterexamples=["a.npz", "absent.npz"])
    terminal.show(tmp_path, wrong, layers, Path("out"))
    terminal.show(tmp_path, about(interrupted=True), [], Path("out"))
    terminal.show(tmp_path, about(**{"too vacuous": True}), [], Path("out"))
    text = shown(capsys)
    unchanged("terminal-run", text)


def test_a_soak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "counterexamples").mkdir()
    (tmp_path / "counterexamples/a.txt").write_text("the first one [b]in full[/b] " * 9)
    found = summarise([SHARD, EARLIER])
    terminal.show_soak(found, 1000, tmp_path / "soak.json")
    right = replace(found, false_alarms=0, disagreements=())
    terminal.show_soak(right, 1001, tmp_path / "soak.json")
    text = shown(capsys).replace(f"figures: {tmp_path}", "figures: folder")
    unchanged("terminal-soak", text)


def test_the_sum_of_a_soak() -> None:
    assert summarise([SHARD, EARLIER]) == Summary(
        networks=1000,
        distinct=998,
        vacuous=3,
        arrays=6000,
        false_alarms=2,
        disagreements=FAULTS,
        verdicts={"agree": 995, "disagree": 1, "error": 1, "vacuous": 3},
        dtypes={"float32": 100, "float64": 900},
        hazards={"x normal": 1000},
        kinks=5,
        samples=10,
        seeds=(7,),
        by_commit={"before": Tally(500, 2000, 0), "abc": Tally(500, 4000, 2)},
        rate=750.0,
        since="2026-01-02T00:00:00+00:00",
        until="2026-01-02T00:01:00+00:00",
    )
    nothing = summarise([])
    assert (nothing.networks, nothing.rate, nothing.since, nothing.until) == (0, 0.0, "", "")


def test_a_trial(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_trial(ROWS, Path("out"))
    terminal.show_trial(ROWS[:1], Path("out"))
    text = shown(capsys)
    unchanged("terminal-trial", text)


def test_a_trial_in_full() -> None:
    place = {"commit": "abc", "cpu": "a processor"}
    said = {"passed": False, "seed": 3, "profile": "default", "environment": place}
    unchanged("trial", study_report.markdown(ROWS, said))


def test_the_layers(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {name: SUBJECT.rules[kind] for name, kind in SUBJECT.layers.items() if name == "Tanh"}
    assert kinds, "the subject has a Tanh"
    less = replace(SUBJECT, rules={SUBJECT.layers["Tanh"]: kinds["Tanh"]}, optimizers={})
    terminal.show_layers(less)
    text = " ".join(shown(capsys).split())
    for words in ("Layers and optimisers of gradproof", "function", "Tanh", "y = tanh x"):
        assert words in text


def test_a_formula_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_layers(SUBJECT)
    text = shown(capsys)
    assert "start:end:step" in text and "dims[i]" in text


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the bar is told, in order."""
    told: list[dict[str, Any]] = []
    kind: Any = terminal.Progress
    add: Callable[..., Any] = kind.add_task
    update: Callable[..., Any] = kind.update

    def adding(self: Any, description: str, **given: Any) -> Any:
        told.append({"begun": description, **given})
        return add(self, description, **given)

    def updating(self: Any, line: Any, **given: Any) -> Any:
        told.append(given)
        return update(self, line, **given)

    monkeypatch.setattr(kind, "add_task", adding)
    monkeypatch.setattr(kind, "update", updating)
    return told


def test_the_bar_of_a_run(bars: list[dict[str, Any]]) -> None:
    with terminal.progress(3) as advance:
        for source, examples in (("network", 4), ("layer", 5), ("optimizer", 6), ("network", 1)):
            advance(Done(Task(source, "Tanh", 1, 0), examples=examples))
    assert bars[0] == {"begun": "judging", "total": 3}
    assert [bar["description"] for bar in bars[1:]] == [
        "4 networks, 0 cases judged",
        "4 networks, 5 cases judged",
        "4 networks, 11 cases judged",
        "5 networks, 11 cases judged",
    ]
    assert [bar["advance"] for bar in bars[1:]] == [1] * 4


def test_the_bar_of_a_soak(bars: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((100.0, 130.0, 160.0))
    monkeypatch.setattr(terminal, "monotonic", lambda: next(clock))
    with terminal.soak_progress(1000, 200, 1) as advance:
        for networks, flagged in ((50, 0), (150, 2)):
            shard: Any = SimpleNamespace(networks=networks, flagged=flagged)
            advance(shard)
    assert bars == [
        {"begun": "1 flagged", "total": 1000, "completed": 200},
        {"completed": 250, "description": "1 flagged, 100 a minute"},
        {"completed": 400, "description": "3 flagged, 200 a minute"},
    ]
