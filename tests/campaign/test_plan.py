"""What runs, trials and soaks set out to do, and where they say that it took place."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the subject has twins in torch")

from gradproof.campaign import plan, run, soak
from gradproof.campaign.processes import in_processes, parallel
from gradproof.campaign.task import Done, Task
from gradproof.campaign.watch import Watch, lost_case, unwatched
from gradproof.errors import InputError
from gradproof.mutation import study
from gradproof.mutation.bug import Bug
from gradproof.mutation.hunt import Hunted
from gradproof.storage import environment
from gradproof.subject.subject import Subject
from gradproof.subject.traceback_place import blame_dump
from manual.layers.activation_sigmoid import Sigmoid, Tanh
from manual.layers.linear import Linear
from manual.net import Net
from manual.optimizers.adam import Adam
from manual.optimizers.sgd import SGD
from tests.command import project
from tests.planted import SUBJECT

TANH = "manual.layers.activation_sigmoid:Tanh.backward"
SIGN = Bug("sign", "Tanh", TANH, "1 - y * y", "y * y - 1", cause="sign")
STEP = Bug("step", "SGD", "manual.optimizers.sgd:SGD.update", "new += param", "new -= param")
ONE = Bug(
    "one", "Linear", "manual.layers.linear:Linear._gradients", "g = rows(dy)", "g = 1 * rows(dy)"
)
AUTOMATIC = "Tanh.backward:3 y * y → (y / y)"


def few(**changes: Any) -> Subject:
    """Three layers, networks and two optimisers."""
    kinds: tuple[type, ...] = (Net, Tanh, Linear, Sigmoid)
    given: dict[str, Any] = {
        "rules": {kind: SUBJECT.rules[kind] for kind in kinds},
        "optimizers": {kind: SUBJECT.optimizers[kind] for kind in (SGD, Adam)},
        "trajectories": lambda profile, seed: [profile, seed],
        "bugs": lambda: [SIGN, STEP],
        "harmless": lambda: [(ONE, "a factor of 1")],
        "survivors": lambda: {AUTOMATIC: "nobody knows"},
    }
    return replace(SUBJECT, **given | changes)


def tasks(**options: Any) -> list[Task]:
    return plan.plan(few(), plan.Options(**options))


def test_a_run_trains_draws_networks_and_then_judges_each_kind() -> None:
    profile = plan.PROFILES["quick"]
    found = [(t.source, t.target, t.count) for t in tasks(profile="quick", examples=450)]
    assert found == [
        ("trajectory", "0", profile.steps),
        ("trajectory", "1", profile.steps),
        *(("network", "Net", count) for count in (200, 200, 50)),
        ("layer", "Tanh", profile.cases),
        ("sensitivity", "Tanh", profile.sensitivity),
        ("layer", "Linear", profile.cases),
        ("sensitivity", "Linear", profile.sensitivity),
        ("layer", "Sigmoid", profile.cases),
        ("sensitivity", "Sigmoid", profile.sensitivity),
        ("optimizer", "SGD", profile.cases),
        ("optimizer", "Adam", profile.cases),
    ]
    without = plan.plan(few(trajectories=None), plan.Options("quick", examples=450))
    assert [(t.source, t.target, t.count) for t in without] == found[2:]


@pytest.mark.parametrize("profile", plan.PROFILES)
def test_a_profile_says_how_many_networks_are_drawn(profile: str) -> None:
    drawn = [t.count for t in tasks(profile=profile) if t.source == "network"]
    assert sum(drawn) == plan.PROFILES[profile].networks
    assert max(drawn) <= plan.SHARD


def test_only_the_layers_that_are_asked_for_are_judged() -> None:
    some = tasks(layers=("Tanh", "SGD"))
    assert [t.name for t in some] == ["layer-Tanh-0", "sensitivity-Tanh-0", "optimizer-SGD-0"]
    networks = tasks(layers=("Net",), examples=401)
    assert [(t.source, t.count) for t in networks] == [("network", n) for n in (200, 200, 1)]


def test_no_two_tasks_of_any_seeds_draw_the_same() -> None:
    several = [t for seed in range(3) for t in tasks(seed=seed)]
    assert len({t.name for t in several}) == len(several)
    assert [t.seed for t in tasks(seed=2)[-2:]] == [2, 2]
    shards = [t.seed for t in several if t.source == "network"]
    assert shards[:2] == [0, 1], "the first seed's, which reports name"
    assert len(set(shards)) == len(shards)


def hunted(root: Path, options: study.Options, **changes: Any) -> list[study.Target]:
    return study.plan(root, few(**changes), options)


def test_bugs_of_the_catalogue_are_hunted_and_harmless_changes(tmp_path: Path) -> None:
    found = hunted(tmp_path, study.Options(only="catalogue"))
    assert [(t.group, t.bug.name, t.kinds, t.callers, t.reason) for t in found] == [
        ("harmless", "one", ("Linear",), ("Linear",), "a factor of 1"),
        ("catalogue", "step", ("SGD",), ("SGD",), ""),
        ("catalogue", "sign", ("Tanh",), ("Tanh",), ""),
    ]
    some = hunted(tmp_path, study.Options(("Tanh",), only="catalogue"))
    assert [t.bug.name for t in some] == ["sign"]
    assert hunted(tmp_path, study.Options(only="catalogue"), bugs=None, harmless=None) == []


def test_automatic_bugs_are_hunted_in_all_that_a_layer_goes_through(tmp_path: Path) -> None:
    found = hunted(tmp_path, study.Options(("Linear", "Tanh"), only="automatic"))
    assert {(t.bug.function, t.kinds, t.callers) for t in found} == {
        ("manual.layers.linear:Linear.backward", ("Linear",), ("Linear",)),
        ("manual.layers.linear:Linear._gradients", ("Linear",), ("Linear",)),
        ("manual.numeric:rows", ("Linear",), ("Linear",)),
        (TANH, ("Tanh",), ("Tanh",)),
    }
    assert [t.bug.name for t in found if t.reason == "nobody knows"] == [AUTOMATIC]
    known = hunted(tmp_path, study.Options(only="automatic"), survivors=None)
    assert {t.reason for t in known} == {""}


def test_a_helper_of_several_is_hunted_in_the_one_asked_for_and_blames_all(tmp_path: Path) -> None:
    found = hunted(tmp_path, study.Options(("SGD",)))
    (step, *automatic) = found
    assert (step.group, step.bug.name) == ("catalogue", "step")
    assert {(t.bug.function, t.kinds, t.callers) for t in automatic} == {
        ("manual.optimizers.sgd:SGD.update", ("SGD",), ("SGD",)),
        ("manual.optimizer:descent", ("SGD", "Adam"), ("Adam", "SGD")),
    }


def test_a_target_is_known_by_its_bug_its_seed_and_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keys(seed: int = 0, **changes: Any) -> list[str]:
        options = study.Options(seed=seed, only="catalogue")
        return [t.key for t in hunted(tmp_path, options, **changes)]

    usual = keys()
    assert len(set(usual)) == 3 and {len(key) for key in usual} == {16}
    assert keys() == usual
    assert not set(keys(seed=1)) & set(usual)
    assert len(set(keys(bugs=lambda: [replace(SIGN, new="1 + y * y")])) & set(usual)) == 1
    monkeypatch.setattr(study, "_state_of_the_code", lambda root: "other")
    assert not set(keys()) & set(usual)


def test_the_state_of_the_code_is_that_of_the_projects_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_module_of_a_test.py").write_text("X = 1\n")
    before = study._state_of_the_code(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    import own_module_of_a_test  # type: ignore[import-not-found]  # noqa: F401

    with_it = study._state_of_the_code(tmp_path)
    assert with_it != before, "it is loaded"
    assert study._state_of_the_code(tmp_path / "elsewhere") == before, "it lies elsewhere"
    (tmp_path / "own_module_of_a_test.py").write_text("X = 2\n")
    assert study._state_of_the_code(tmp_path) != with_it


@pytest.mark.parametrize(
    ("bug", "said"),
    [
        (
            replace(SIGN, kind="Tanhh"),
            "the bug 'sign' is in Tanhh, which the subject does not have",
        ),
        (replace(SIGN, cause="fate"), "the bug 'sign' has the cause 'fate'; choose one of "),
        (replace(SIGN, old="not there"), "a bug cannot be planted: "),
    ],
)
def test_a_bug_that_is_none(tmp_path: Path, bug: Bug, said: str) -> None:
    with pytest.raises(InputError) as told:
        hunted(tmp_path, study.Options(only="catalogue"), bugs=lambda: [bug])
    assert str(told.value).startswith(said)


def target(group: str = "catalogue", **changes: Any) -> study.Target:
    bug = replace(SIGN, quantities=("x", "y"), origin="a book", **changes)
    return study.Target(bug, group, ("Tanh",), ("Net", "Tanh"), "because", "k3y")


def test_the_row_of_a_bug() -> None:
    killed = Hunted("killed", 7, 0.123456, "Tanh", "x", "sign", 5, "Sigmoid", scored=True)
    row = study._row(target(), killed)
    assert (row.name, row.kind, row.function, row.group) == ("sign", "Tanh", TANH, "catalogue")
    assert (row.old, row.new) == (SIGN.old, SIGN.new)
    assert (row.origin, row.quantities, row.cause_planted) == ("a book", "x y", "sign")
    assert (row.outcome, row.examples, row.seconds) == ("killed", 7, 0.1235)
    assert (row.layer_named, row.layer_right) == ("Tanh", True)
    assert (row.cause_named, row.cause_right) == ("sign", True)
    assert (row.network_layer, row.network_layer_right) == ("Sigmoid", False)
    assert (row.shrunk_size, row.reason, row.key) == (5, "because", "k3y")
    elsewhere = study._row(target(), replace(killed, kind="Sigmoid", network="Net", cause="?"))
    assert (elsewhere.layer_right, elsewhere.network_layer_right) == (False, True)
    assert elsewhere.cause_right is False
    assert study._row(target(), replace(killed, cause="?", scored=False)).cause_right is None
    assert study._row(target(), replace(killed, scored=False)).cause_right is True
    assert study._row(target(cause=""), killed).cause_right is None


@pytest.mark.parametrize(
    ("group", "outcome", "said"),
    [
        ("harmless", "survived", "harmless"),
        ("harmless", "equivalent", "harmless"),
        ("harmless", "killed", "false alarm"),
        ("harmless", "timeout", "false alarm"),
        ("automatic", "survived", "survived"),
        ("catalogue", "timeout", "timeout"),
    ],
)
def test_the_outcome_of_a_bug(group: str, outcome: str, said: str) -> None:
    row = study._row(target(group), Hunted(outcome))
    assert row.outcome == said
    if outcome != "killed":
        assert (row.layer_right, row.cause_right, row.network_layer_right) == (None, None, None)
        assert row.shrunk_size is None


def test_the_shards_of_a_soak() -> None:
    tasks = soak.plan(SUBJECT, soak.Options(450, seed=2))
    assert [*tasks] == [(2, 0), (2, 1), (2, 2)]
    assert [(t.source, t.target, t.count) for t in tasks.values()] == [
        ("network", "Net", count) for count in (200, 200, 50)
    ]


def test_where_a_run_took_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = environment.environment(tmp_path)
    names = "python numpy torch scipy hypothesis pandas gradproof blas threads cpu cores device"
    assert list(found) == [*names.split(), "platform", "commit"]
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert (found["threads"], found["device"]) == ("3", "cpu")
    assert found["cores"] == os.cpu_count()
    assert found["platform"] == platform.platform(terse=True)
    assert found["commit"] == "unknown", "no repository"
    known = Path("/proc/cpuinfo")
    if known.exists() and "model name" in known.read_text():
        assert f": {found['cpu']}\n" in known.read_text()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert environment.environment(tmp_path)["threads"] == "as the libraries choose"
    assert environment._version("no-such-package-anywhere") == "absent"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("vendor_id : X\nmodel name : A: fast one\nmodel name : B\n", "A: fast one"),
        ("processor : 0\n", platform.machine()),
        (None, platform.processor() or platform.machine()),
    ],
)
def test_the_name_of_the_processor(
    monkeypatch: pytest.MonkeyPatch, text: str | None, name: str
) -> None:
    def read(path: Path) -> str:
        assert str(path) == "/proc/cpuinfo"
        if text is None:
            raise FileNotFoundError
        return text

    monkeypatch.setattr(Path, "read_text", read)
    assert environment._cpu() == name


def test_the_commit_of_a_run(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    (tmp_path / "out").mkdir()
    for name in ("code.py", "out/rows.csv"):
        (tmp_path / name).write_text("1\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    head = git("rev-parse", "HEAD")[:12]
    (tmp_path / "new.py").write_text("1\n")
    assert environment.commit(tmp_path) == head, "what git does not track does not count"
    (tmp_path / "out/rows.csv").write_text("2\n")
    assert environment.commit(tmp_path) == f"{head}+"
    assert environment.commit(tmp_path, leave=tmp_path / "out") == head
    assert environment.commit(tmp_path, leave=tmp_path.parent) == f"{head}+", "not inside"
    (tmp_path / "code.py").write_text("2\n")
    assert environment.commit(tmp_path, leave=tmp_path / "out") == f"{head}+"


def test_a_run_says_at_its_beginning_what_it_is(tmp_path: Path) -> None:
    root = project(tmp_path / "project")
    options = plan.Options("quick", 7, 3, ("Tanh",), out=Path("a"), runs=Path("b/c"))
    folder, about = run._begin(root, options, {"Tanh": "chosen"})
    assert folder.parent == root / "b/c" and about["run"] == folder.name
    assert folder.name.endswith(f"-{os.getpid()}")
    assert (
        (folder / "parts").is_dir()
        and (folder / "counterexamples").is_dir()
        and (root / "a").is_dir()
    )
    assert json.loads((folder / "run.json").read_text()) == about
    assert list(about) == (
        "run started finished profile seed examples layers conventions environment".split()
    )
    assert (about["profile"], about["seed"], about["examples"]) == ("quick", 3, 7)
    assert (about["layers"], about["conventions"]) == (["Tanh"], {"Tanh": "chosen"})
    assert about["finished"] is None and about["started"].endswith("+00:00")
    assert about["environment"] == environment.environment(root)


def test_no_more_tasks_are_asked_for_than_workers_can_have_at_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    asked: list[int] = []

    def tasks() -> Iterator[int]:
        for n in range(5):
            asked.append(n)
            yield n

    made = parallel(abs, tasks(), 1)
    assert next(made) == 0
    assert asked == [0, 1], "one at first, and one for each that is done"
    assert list(made) == [1, 2, 3, 4], "one process does them in their order"
    assert os.environ["MKL_NUM_THREADS"] == "1", "for the workers"


def ends(task: Task, watch: Watch) -> Done:
    """End the process while a case is judged, or before."""
    with watch("abc") if task.target == "judging" else unwatched(""):
        os._exit(3)


def test_a_task_that_ends_its_process_before_a_case_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        list(in_processes(ends, [Task("layer", "drawing", 1, 0)], 1, tmp_path, "nothing is kept"))
    why = "its process ended (os._exit, or out of memory?)"
    said = f"a worker process failed in layer-drawing-0: {why}"
    assert str(told.value) == f"{said}; nothing is kept"


def test_a_case_that_ends_its_process_again_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"its process ended .*; nothing is kept"):
        list(in_processes(ends, [Task("layer", "judging", 1, 0)], 1, tmp_path, "nothing is kept"))


def test_a_crash_is_told_of_with_the_place(tmp_path: Path) -> None:
    dump = f'Fatal Python error: Segmentation fault\n\n  File "{__file__}", line 7 in twin\n'
    assert blame_dump(dump) == ("Segmentation fault", f"{__file__}:7")
    (tmp_path / "t.case").write_text("abc         ")
    (tmp_path / "t.crash").write_text(dump)
    said = f"its process crashed: Segmentation fault (at {__file__}:7)"
    assert lost_case(tmp_path, "t", 60.0) == ("abc", said)


def test_layers_are_left_out_and_cases_are_counted() -> None:
    tasks = plan.plan(few(), plan.Options("quick", skip=("Tanh", "SGD"), cases=7))
    assert not {"Tanh", "SGD"} & {task.target for task in tasks}
    assert {task.count for task in tasks if task.source in ("layer", "optimizer")} == {7}
    with pytest.raises(InputError, match="unknown layer 'Tahn'; did you mean Tanh"):
        plan.plan(few(), plan.Options("quick", skip=("Tahn",)))
    with pytest.raises(InputError, match="all layers are skipped"):
        plan.plan(few(), plan.Options("quick", layers=("Tanh",), skip=("Tanh",)))
