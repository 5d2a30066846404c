"""A soak goes on where it was broken off, counts the same in any way, and tells what is flagged."""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="a soak judges against torch")

from gradproof.campaign import plan, soak
from gradproof.campaign.search import judged
from gradproof.campaign.soak_record import Disagreement, Shard, read, recording
from gradproof.errors import InputError
from tests.command import group_ended, main, project, start
from tests.planted import SUBJECT

SHARD = Shard(
    shard=0,
    seed=0,
    asked=2,
    networks=2,
    arrays=50,
    commit="a",
    finished="2026-01-01T00:01:00+00:00",
    seconds=60.0,
    verdicts={"agree": 1, "vacuous": 1},
    disagreements=(),
    dtypes={"float64": 2},
    hazards={"dy normal": 2},
    kinks=0,
    samples=3,
    short=base64.b64encode(b"first.").decode(),
)
WRONG = """
from manual.layers.activation_sigmoid import Tanh
from tests.subject import subject

right = Tanh.backward
Tanh.backward = lambda *args: {n: -g for n, g in right(*args).items()}
"""
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


@contextmanager
def silent(*_: int) -> Iterator[Callable[[Shard], None]]:
    yield lambda shard: None


def soaked(folder: Path, networks: int, **options: Any) -> list[Shard]:
    """The shards of a soak with a record in this folder."""
    chosen = soak.Options(networks, **{"seed": 3, "jobs": 1, "out": folder, **options})
    return soak.soak(project(folder.parent / "project"), SUBJECT, chosen, silent)


def counts(shards: list[Shard]) -> list[dict[str, Any]]:
    timed = {"finished": "", "seconds": 0.0}
    return sorted((asdict(s) | timed for s in shards), key=lambda s: s["shard"])


def lines(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]


def test_the_counts_depend_neither_on_the_workers_nor_on_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "SHARD", 6)
    together = counts(soaked(tmp_path / "two", 16, jobs=2))
    assert [s["networks"] for s in together] == [6, 6, 4]
    assert min(s["arrays"] for s in together) > 6 * 5

    assert [s["networks"] for s in counts(soaked(tmp_path / "one", 8))] == [6, 2]
    assert counts(soaked(tmp_path / "one", 16)) == together
    record = tmp_path / "one" / soak.JOURNAL
    assert [(s["shard"], s["networks"]) for s in lines(record)] == [(0, 6), (1, 2), (1, 6), (2, 4)]
    found = soak.summarise(read(record).values())
    assert (found.networks, found.false_alarms, found.seeds) == (16, 0, (3,))
    assert found == soak.summarise(soaked(tmp_path / "one", 16))
    about = json.loads((tmp_path / "one" / soak.FILE).read_text(encoding="utf-8"))
    assert about.pop("environment")["commit"] in found.by_commit
    assert about == json.loads(json.dumps(asdict(found)))
    assert sum(found.verdicts.values()) == sum(found.dtypes.values()) == 16
    assert sum(found.hazards.values()) == 3 * 16


def test_shards_draw_from_seeds_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [plan.Options("deep", seed=seed, layers=("Net",)) for seed in (0, 1, 2, 10**6)]
    seeds = [task.seed for run in runs for task in plan.plan(SUBJECT, run)]
    for seed in (0, 1, 77):
        tasks = soak.plan(SUBJECT, soak.Options(200_000, seed)).values()
        assert sum(task.count for task in tasks) == 200_000
        seeds += [task.seed for task in tasks]
    own = sorted(seed for seed in seeds if seed >= 10**18)
    assert max(set(seeds) - set(own)) < min(own)
    most = 7919 * 2 * soak.SHARD  # what `judged` adds to it at most
    assert min(b - a for a, b in pairwise(own)) > most

    monkeypatch.setattr(soak, "SHARD", 20)
    drawn = [
        {drawn.case.digest for drawn in judged(SUBJECT, task, shrink=False)}
        for task in soak.plan(SUBJECT, soak.Options(40)).values()
    ]
    simplest = 3  # a few are so small that any seed draws them
    assert [len(d) for d in drawn] == [20, 20] and len(drawn[0] & drawn[1]) <= simplest


def test_no_shard_is_begun_after_the_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "SHARD", 2)
    times = iter([0.0, 0.0, 59.0])
    monkeypatch.setattr(soak, "monotonic", lambda: next(times, 61.0))
    assert [s.shard for s in soaked(tmp_path / "out", 200, minutes=1)] == [0, 1]


def test_a_soak_that_is_not_finished_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "SHARD", 2)
    monkeypatch.chdir(project(tmp_path / "project"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert main(["soak", "--networks", "4", "--jobs", "1"]) == 0
    assert "agree: 4 of 4 networks judged" in capsys.readouterr().out
    assert main(["soak", "--networks", "8", "--jobs", "1", "--minutes", "1e-9"]) == 0
    out, _ = capsys.readouterr()
    assert "agree so far: 4 of 8 networks judged" in out
    assert "not finished: the same command continues" in out


def begun(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """A soak that has finished a shard, and its record."""
    process = start(folder, "soak", "--networks", "20000", "--jobs", "1", "--seed", "5")
    record = folder / "reports/judge" / soak.JOURNAL
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if record.exists() and b"\n" in record.read_bytes():
            return process, record
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(f"no shard was finished: {process.communicate()}")


@needs_proc
def test_a_killed_soak_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path / "project")
    process, record = begun(folder)
    process.kill()
    assert group_ended(process), "a worker outlived its soak"
    process.communicate()
    before = record.read_bytes()
    stood = len(read(record))
    with record.open("ab") as file:
        file.write(before[: len(before) // stood // 2])  # killed in the middle of the next line
    assert len(read(record)) == stood

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    again = ["soak", "--networks", str(200 * (stood + 1)), "--jobs", "1", "--seed", "5"]
    assert main(again) == 0
    assert record.read_bytes().startswith(before)
    assert [shard for _, shard in read(record)] == [*range(stood + 1)]
    after = record.read_bytes()
    assert main(again) == 0
    assert record.read_bytes() == after


@needs_proc
def test_ctrl_c_keeps_the_finished_shards(tmp_path: Path) -> None:
    process, record = begun(project(tmp_path / "project"))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, ""), err
    assert group_ended(process)
    said = "gradproof: interrupted; the finished shards are in reports/judge/rows/soak.jsonl, and "
    assert err.splitlines()[-1] == said + "the same command continues"
    assert lines(record)


def test_a_wrong_layer_is_flagged_and_its_counterexample_replays(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", "wrong_subject:subject")
    (folder / "wrong_subject.py").write_text(WRONG)

    def run(*arguments: str) -> tuple[int, str]:
        process = start(folder, *arguments)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err
        return process.returncode, out

    status, out = run("soak", "--networks", "200", "--jobs", "1")
    assert status == 1, out
    assert "flagged: Tanh x" in out and "\ndisagree: 200 of 200 networks judged" in out
    found = soak.summarise(read(folder / "reports/judge" / soak.JOURNAL).values())
    (fault,) = (d for d in found.disagreements if (d.kind, d.quantity) == ("Tanh", "x"))
    assert found.false_alarms == sum(d.networks for d in found.disagreements) >= 3
    assert found.false_alarms == found.verdicts["disagree"] < 200
    assert (folder / "reports/judge" / fault.counterexample).is_file()
    (command,) = {line.split("gradproof ", 1)[1] for line in out.splitlines() if "  again" in line}
    status, out = run(*shlex.split(command))
    assert status == 1 and "Tanh disagrees with PyTorch in the gradient of x" in out


def test_the_summary_is_of_all_that_stands_there(tmp_path: Path) -> None:
    record = tmp_path / "soak.jsonl"
    short = base64.b64encode(b"first.second").decode()
    fault = Disagreement("Tanh", "x", 1, "counterexamples/Tanh-x-0000.npz")
    verdicts = {"agree": 2, "error": 1}
    later = replace(
        SHARD,
        shard=1,
        seed=4,
        networks=3,
        arrays=7,
        commit="b+",
        finished="2026-01-01T00:02:00+00:00",
        verdicts=verdicts,
        disagreements=(fault,),
        short=short,
    )
    with recording(record) as (shards, append):
        assert shards == {}
        append(replace(SHARD, asked=1, networks=1))
        append(SHARD)
        append(later)
    with recording(record) as (shards, _):
        assert shards == {(0, 0): SHARD, (4, 1): later}
    found = soak.summarise(read(record).values())
    assert (found.networks, found.distinct, found.vacuous, found.arrays) == (5, 4, 1, 57)
    assert (found.false_alarms, found.disagreements) == (1, (fault,))
    assert found.verdicts == {"agree": 3, "vacuous": 1, "error": 1}
    assert (found.dtypes, found.samples, found.seeds) == ({"float64": 4}, 6, (0, 4))
    assert found.by_commit == {"a": soak.Tally(2, 50, 0), "b+": soak.Tally(3, 7, 1)}
    assert found.rate == 5 / 2
    assert found.since == "2026-01-01T00:00:00+00:00"
    assert found.until == "2026-01-01T00:02:00+00:00"
    assert soak.summarise([]).rate == 0


@pytest.mark.parametrize(
    "text", ['{"run": 1}\n', "{}\n", json.dumps(asdict(SHARD) | {"more": 1}) + "\n"]
)
def test_a_file_that_is_no_record_is_left_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
) -> None:
    monkeypatch.chdir(project(tmp_path / "project"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    record = tmp_path / "project" / soak.JOURNAL
    record.parent.mkdir()
    record.write_text(text)
    assert main(["soak", "--out", "."]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"gradproof: a line of {record} is no shard of a soak; move the file ")
    assert record.read_text() == text


def test_two_soaks_do_not_write_the_same_record(tmp_path: Path) -> None:
    record = tmp_path / "soak.jsonl"
    with (
        recording(record),
        pytest.raises(InputError, match=r"another soak is writing to .*; wait for it, or "),
        recording(record),
    ):
        pass


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="cannot be written to"):
        soaked(tmp_path / "out", 2)
    (tmp_path / "other" / soak.JOURNAL).mkdir(parents=True)
    with pytest.raises(InputError, match=r"soak.jsonl cannot be written to \(Is a directory\)"):
        soaked(tmp_path / "other", 2)


def test_a_subject_without_networks() -> None:
    with pytest.raises(InputError, match="has no networks to draw"):
        soak.plan(replace(SUBJECT, net=None), soak.Options())


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "ten"])
def test_minutes_are_a_number_above_0(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["soak", f"--minutes={minutes}"])
    assert left.value.code == 2
    said = f"gradproof: argument --minutes: '{minutes}' given; expected a number above 0; see "
    assert capsys.readouterr().err.startswith(said)
