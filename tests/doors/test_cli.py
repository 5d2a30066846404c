"""What a person may get wrong is said in one clear line, with exit status 2, and nothing stays."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the commands judge against torch")

from gradproof.cases import file
from gradproof.subject.entries import CaseRule
from gradproof.subject.subject import Subject
from manual.layers.activation_sigmoid import Tanh
from manual.layers.linear import Linear
from tests.command import main, project, start
from tests.planted import case_of, judged, normal
from tests.subject import subject

Refused = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, which is the current folder."""
    made = project(tmp_path / "project")
    monkeypatch.chdir(made)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return made


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """refused(*arguments) → the one line that is said; nothing is written."""

    def run(*arguments: str) -> str:
        before = sorted(folder.rglob("*"))
        try:
            status = main(arguments)
        except SystemExit as left:  # argparse leaves in this way
            status = int(left.code or 0)
        out, err = capsys.readouterr()
        assert (status, out) == (2, ""), err
        assert err.startswith("gradproof: ") and err.endswith("\n") and err.count("\n") == 1, err
        written = [p for p in sorted(folder.rglob("*")) if "__pycache__" not in str(p)]
        assert written == before
        return err.removeprefix("gradproof: ").strip()

    return run


BAD_OPTIONS = {
    "--layers Lineal": "unknown layer 'Lineal'; did you mean Linear? the layers are ",
    "--layers Linear,,ReLU": "unknown layer ''; the layers are ",
    "--layers ,": "unknown layer ''; the layers are ",
    "--profile quik": "unknown profile 'quik'; choose one of quick, default, deep, example",
    "--examples 0": "argument --examples: '0' given; expected a whole number, 1 or more; see ",
    "--examples x": "argument --examples: 'x' given; expected a whole number, 1 or more; see ",
    "--examples 1e3": "argument --examples: '1e3' given; expected a whole number, 1 or more; see ",
    "--seed=-1": "argument --seed: '-1' given; expected a whole number, 0 or more; see ",
    "--jobs two": "argument --jobs: 'two' given; expected a whole number, 0 or more; see ",
    "--sed 3": "unrecognized arguments: --sed 3; see gradproof --help",
}


@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_an_option_of_verify(refused: Refused, options: str) -> None:
    assert refused("verify", *options.split()).startswith(BAD_OPTIONS[options])


def test_a_command(refused: Refused) -> None:
    assert refused("verfy").startswith("argument command: invalid choice: 'verfy'")


def test_names_in_layers_may_repeat_and_have_spaces() -> None:
    from gradproof.options import names

    assert names("") == ()
    assert names("Linear, ReLU,Linear") == ("Linear", "ReLU")


@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_stands_where_the_report_should(refused: Refused, folder: Path, below: str) -> None:
    (folder / "out").write_text("mine")
    said = refused("verify", "--layers", "Tanh", "--out", str(Path("out") / below))
    assert said.startswith(f"{folder / 'out' / below} cannot be written to (")
    assert said.endswith("make it a writable folder, or choose another one with --out")


def test_a_read_only_report_folder(refused: Refused, folder: Path) -> None:
    out = folder / "out"
    out.mkdir(mode=0o555)
    try:
        (out / "probe").touch()
    except PermissionError:
        pass
    else:
        pytest.skip("did not run: root may write anywhere")
    said = refused("verify", "--layers", "Tanh", "--out", "out")
    assert said.startswith(f"{out} cannot be written to (Permission denied)")


def test_a_file_stands_where_runs_are_kept(refused: Refused, folder: Path) -> None:
    (folder / "reports/latest").mkdir(parents=True)
    (folder / "reports/runs").write_text("mine")
    said = refused("verify", "--layers", "Tanh")
    assert said.startswith(f"{folder / 'reports/runs'} cannot be written to (File exists)")


def test_no_run_to_report_on(refused: Refused, folder: Path) -> None:
    assert refused("report", "runs/none").startswith("there is no run in runs/none")
    (folder / "empty").mkdir()
    assert refused("report", "empty").startswith("empty/run.json cannot be read (")
    (folder / "empty/run.json").write_text('{"run": "r"}')
    assert refused("report", "empty").startswith("empty has no rows (parts/*.jsonl)")
    (folder / "empty/parts").mkdir()
    assert refused("report", "empty").startswith("empty has no rows (parts/*.jsonl)")


def test_no_project(refused: Refused, folder: Path) -> None:
    (folder / "pyproject.toml").unlink()
    for command in ("verify", "list"):
        assert refused(command).startswith(f"no pyproject.toml in {folder} or above it; run in")


SUBJECTS = {
    "": 'has no [tool.gradproof] subject = "module:function"; add one that names',
    "[tool.gradproof]\nsubject = 3": "has no [tool.gradproof] subject = ",
    '[tool.gradproof]\nsubject = "tests.subject"': "has no [tool.gradproof] subject = ",
    '[tool.gradproof]\nsubject = ":subject"': "has no [tool.gradproof] subject = ",
    '[tool.gradproof]\nsubject = "no_such:f"': (
        "the subject no_such:f cannot be imported: ModuleNotFoundError: No module named 'no_such'; "
        "install or correct no_such"
    ),
    '[tool.gradproof]\nsubject = "math:f"': (
        "the subject math:f cannot be made: f is absent in math; define a function f() there"
    ),
    '[tool.gradproof]\nsubject = "math:pi"': (
        "the subject math:pi cannot be made: pi is of type float in math; define a function pi()"
    ),
    '[tool.gradproof]\nsubject = "math:sqrt"': (
        "the subject math:sqrt cannot be made: TypeError: math.sqrt() takes exactly one argument "
        "(0 given); correct math:sqrt"
    ),
    '[tool.gradproof]\nsubject = "builtins:dict"': (
        "builtins:dict returned dict; a gradproof.Subject is expected"
    ),
    "[tool.gradproof\nsubject = 3": (
        "pyproject.toml is not valid TOML: Expected ']' at the end of a table declaration (at line "
        "1, column 16); correct it there"
    ),
    "tool = 3": "pyproject.toml: tool is of type int, a table is expected; write [tool.gradproof]",
    '[tool]\ngradproof = "m:f"': "pyproject.toml: gradproof is of type str, a table is expected; ",
    "[[tool.gradproof]]": "pyproject.toml: gradproof is of type list, a table is expected; write ",
}


@pytest.mark.parametrize("text", SUBJECTS)
def test_a_subject_that_is_none(refused: Refused, folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(text)
    assert SUBJECTS[text] in refused("verify")


def test_a_pyproject_that_is_no_text(refused: Refused, folder: Path) -> None:
    (folder / "pyproject.toml").write_bytes(b"\xff\xfe")
    assert refused("verify").startswith(f"{folder / 'pyproject.toml'} cannot be read: 'utf-8' ")


RAISING = {
    "raise KeyError('absent')": ("made: KeyError: 'absent'", 1),
    "import sys\nsys.exit('no more')": ("made: SystemExit: no more", 2),
    "\ndef f(:": ("made: SyntaxError: ", 2),
    "\n\nimport no_such_module": ("imported: ModuleNotFoundError: No module named ", 3),
    "def f():\n    raise ValueError('two\\nlines')": ("made: ValueError: two lines", 2),
    "def f():\n    raise RuntimeError": ("made: RuntimeError ", 2),
    "def f():\n    assert 1 < 0": ("made: AssertionError ", 2),
    "def f():\n    return f()": ("made: RecursionError: ", 2),
    "import json\ndef f():\n    json.loads('{')": ("made: JSONDecodeError: ", 3),
}
"""What a subject's module holds, what is said of it, and the line that is blamed."""


@pytest.mark.parametrize("text", RAISING)
def test_a_subject_that_raises(
    refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (folder / "pyproject.toml").write_text('[tool.gradproof]\nsubject = "raising_subject:f"')
    (folder / "raising_subject.py").write_text(text)
    monkeypatch.delitem(sys.modules, "raising_subject", raising=False)
    raised, line = RAISING[text]
    try:
        said = refused("list")
    finally:
        sys.modules.pop("raising_subject", None)
    assert said.startswith(f"the subject raising_subject:f cannot be {raised}")
    place = f"{folder / 'raising_subject.py'}:{line}"
    assert f" (at {place}); " in said
    assert said.endswith(("; install or correct no_such_module", f"; correct {place}"))


class Plain:
    """It has no forward."""


class Sizes:
    """Its options have no names."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes


@dataclass(frozen=True)
class Half:
    """It has no backward."""

    def forward(self, x: Any) -> Any:
        return x, ()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Plain, "the layer Plain has no forward; what a layer needs is in gradproof.Layer"),
        (Sizes, "Sizes takes *sizes, and a case saves options by name; give each argument of"),
        (Half, "the layer Half has no backward; what a layer needs is in gradproof.Layer"),
    ],
)
def test_a_layer_that_is_none(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, kind: type, said: str
) -> None:
    made = Subject("one", rules={kind: CaseRule(print, (1, 1), empty=False)}, twin=print)
    monkeypatch.setattr("tests.subject.subject", lambda: made)
    assert refused("verify").startswith(said)


def test_an_unfinished_subject(
    refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Subject("one", rules={}, twin=print, unfinished="Sine is not finished; add …")
    monkeypatch.setattr("tests.subject.subject", lambda: made)
    assert refused("verify") == "Sine is not finished; add …"


@pytest.mark.parametrize("command", ["verify", "list", "replay case.npz"])
def test_torch_is_missing(folder: Path, tmp_path: Path, command: str) -> None:
    without = tmp_path / "without"
    without.mkdir()
    (without / "torch.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')"
    )
    process = start(folder, *command.split(), before=without)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("gradproof: the subject tests.subject:subject cannot be imported: ")
    assert err.endswith("; pip install torch\n") and err.count("\n") == 1
    assert [p.name for p in folder.iterdir()] == ["pyproject.toml"]


def test_a_crash_is_no_disagreement(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gradproof.terminal.show_layers", lambda subject: 1 // 0)
    assert main(["list"]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


LINEAR = {"type": "Linear"}
X_W = ["x", "weight"]


def net(*steps: tuple[str, list[str]], inputs: list[str] = X_W) -> dict[str, Any]:
    """A network of Linear steps: (name of the output, names of the arguments)."""
    made = [{"type": "Step", "out": o, "layer": LINEAR, "args": a} for o, a in steps]
    return {"layer": {"type": "Net", "inputs": inputs, "steps": made}, "arguments": inputs}


NAN = np.full((4, 3), np.nan)
BAD_CASES: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"format": 99}, "is of format 99; this gradproof reads "),
    "wrong shape": (
        {"arg:weight": normal(4, 5)},
        "Linear cannot take x (2, 3), weight (4, 5): ",
    ),
    "wrong dtype": ({"arg:x": normal(2, 3).astype("f4")}, "x has dtype float32; it should be "),
    "integers": ({"arg:x": np.ones((2, 3), int)}, "x has dtype int64; it should be float64"),
    "unknown dtype": ({"dtype": "float31"}, "data type 'float31' not understood"),
    "NaN": ({"arg:weight": NAN}, "weight holds NaN; give it numbers"),
    "NaN in dy": ({"dy:0": np.full((2, 4), np.nan)}, "dy 0 holds NaN; give it numbers"),
    "too many outputs": ({"outputs": 2}, "has dy for 2 outputs; there are 1"),
    "unknown layer": ({"layer": {"type": "Lineal"}}, "'Lineal' is no layer of this subject"),
    "no layer": ({"layer": {"type": "SGD"}}, "holds a SGD, which is no layer"),
    "a step that is a layer": (
        {"layer": {"type": "Net", "inputs": X_W, "steps": [LINEAR]}},
        "Net cannot be made: ",
    ),
    "unknown name": (
        net(("h", ["x", "w"])),
        "step 'h' (Linear) reads 'w', which no input or earlier step sets",
    ),
    "cycle": (
        net(("h", ["i", "weight"]), ("i", ["h", "weight"])),
        "step 'h' (Linear) reads 'i', which no input or earlier step sets",
    ),
    "itself": (
        net(("h", ["h", "weight"])),
        "step 'h' (Linear) reads 'h', which no input or earlier step sets",
    ),
    "rebound name": (
        net(("h", X_W), ("h", ["h", "weight"])),
        "step 'h' (Linear) sets 'h' a second time; every name is set once",
    ),
    "rebound input": (
        net(("x", X_W)),
        "step 'x' (Linear) sets 'x' a second time; every name is set once",
    ),
    "unread step": (
        net(("h", X_W), ("i", X_W)),
        "step 'h' (Linear): nobody reads 'h'; read it or leave it out",
    ),
    "wrong count": (net(("h", ["x"])), "step 'h' (Linear): "),
    "no steps": (net(), "a network needs at least one step"),
    "mismatched shapes": (
        net(("h", X_W), ("i", ["h", "weight"])),
        "step 'i' (Linear) cannot take x (2, 4), weight (4, 3): ",
    ),
}


def saved(path: Path, **changes: Any) -> Path:
    """A case file with some arrays or parts of its description replaced."""
    case = judged(case_of(Linear(), x=normal(2, 3), weight=normal(4, 3))).case
    file.save(path, case)
    about, arrays = file._read(path)
    arrays |= {name: value for name, value in changes.items() if ":" in name}
    about |= {name: value for name, value in changes.items() if ":" not in name}
    np.savez(path, allow_pickle=False, case=np.array(json.dumps(about)), **arrays)
    return path


@pytest.mark.parametrize("bad", BAD_CASES)
def test_a_case_that_cannot_be_judged(refused: Refused, folder: Path, bad: str) -> None:
    changes, said = BAD_CASES[bad]
    assert said in refused("replay", str(saved(folder / "case.npz", **changes)))


def test_no_whole_case_file(refused: Refused, folder: Path) -> None:
    assert refused("replay", "none.npz") == "there is no case file none.npz"
    assert refused("replay", ".").startswith(". is not a complete case file (")
    path = saved(folder / "case.npz")
    whole = path.read_bytes()
    for share in (0, 0.01, 0.3, 0.6, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        assert refused("replay", "case.npz").startswith("case.npz is not a complete case file (")


def test_a_case_that_overflowed_may_hold_nan(folder: Path) -> None:
    case = judged(case_of(Tanh(), x=np.array([1.0, np.nan]))).case
    file.save(folder / "case.npz", case)
    assert main(["replay", "case.npz"]) == 0


def test_a_layer_that_refuses_what_torch_takes_is_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(folder / "case.npz")
    assert main(["replay", "case.npz"]) == 0

    def forward(self: Linear, *arrays: Any) -> Any:
        raise ValueError("shapes do not match")

    monkeypatch.setattr(Linear, "forward", forward)
    assert main(["replay", "case.npz"]) == 1
    assert "forward raised ValueError: shapes do not match" in capsys.readouterr().out


def test_the_layers_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert all(f" {name[:12]}" in listed for name in subject().layers)
