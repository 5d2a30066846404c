"""Cases go to disk and come back bit for bit; bad files are refused in one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.cases.case import Case
from gradproof.cases.draw import cases
from gradproof.cases.file import FORMAT, load, save
from gradproof.counterexamples.replay import replay
from gradproof.counterexamples.write import write
from gradproof.errors import InputError, in_one_line
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Add
from manual.layers.linear import Linear
from manual.net import Net, Step
from tests.planted import SUBJECT, break_gradient, case_of, judged, normal
from tests.strategies.rules import cases_for

INNER = Net(("x", "weight"), (Step("h", Linear(), ("x", "weight", None)),))
NESTED = Net(
    ("x", "weight"),
    (
        Step("a", INNER, ("x", "weight")),
        Step("b", Tanh(), ("a",)),
        Step("c", Add(alpha=0.1), ("a", "b")),
    ),
)


def same_bits(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())


def assert_same(a: Case, b: Case) -> None:
    assert a.layer == b.layer
    assert [*a.arrays] == [*b.arrays]
    assert all(same_bits(x, b.arrays[n]) for n, x in a.arrays.items())
    assert len(a.dy) == len(b.dy)
    assert all(map(same_bits, a.dy, b.dy))
    assert (a.kinds, a.dtype, a.layout, a.seed) == (b.kinds, b.dtype, b.layout, b.seed)
    assert a.hazards == b.hazards


@given(st.sampled_from(sorted(SUBJECT.layers)).flatmap(lambda n: cases(_rule(n))))
def test_any_case_comes_back(tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    case = judged(case).case
    path = tmp_path_factory.mktemp("case") / "case.npz"
    save(path, case)
    assert_same(case, load(path, SUBJECT.types))


def _rule(name: str) -> Any:
    return cases_for[SUBJECT.layers[name]]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_nested_network_comes_back(tmp_path: Path, dtype: str) -> None:
    case = judged(case_of(NESTED, dtype, x=normal(2, 3), weight=normal(4, 3))).case
    save(tmp_path / "case.npz", case)
    assert_same(case, load(tmp_path / "case.npz", SUBJECT.types))


def test_the_bits_of_every_number_survive(tmp_path: Path) -> None:
    x = np.array([-0.0, 5e-324, 1 / 3, np.nextafter(1, 2), 1e308, np.inf, -np.inf])
    case = judged(case_of(Tanh(), x=x)).case
    save(tmp_path / "case.npz", case)
    assert_same(case, load(tmp_path / "case.npz", SUBJECT.types))


def saved(path: Path, **changes: Any) -> Path:
    """A case file of which some entries are changed, or left out where the change is None."""
    case = judged(case_of(Linear(), x=normal(2, 3), weight=normal(4, 3))).case
    save(path, case)
    with np.load(path, allow_pickle=False) as file:
        content = {n: file[n] for n in file.files}
    about = json.loads(str(content["case"]))
    for name, value in changes.items():
        key = name.replace("__", ":")
        if key in content and value is None:
            del content[key]
        elif key in content:
            content[key] = value
        elif value is None:
            del about[name]
        else:
            about[name] = value
    np.savez(path, allow_pickle=False, **(content | {"case": np.array(json.dumps(about))}))
    return path


LINEAR = {"type": "Linear"}

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"format": FORMAT + 1}, "is of format 2; this gradproof reads 1"),
    "no version": ({"format": None}, "is not a complete case file"),
    "unknown layer": ({"layer": {"type": "Lineal"}}, "'Lineal' is no layer of this subject"),
    "no type": ({"layer": {"in": 3}}, "None is no layer of this subject"),
    "unknown option": ({"layer": LINEAR | {"bias": 1}}, "Linear cannot be made: "),
    "wrong argument": ({"arguments": ["x", "weigth"]}, "arg:weigth"),
    "wrong dtype": ({"arg__x": normal(2, 3).astype("f4")}, "x has dtype float32; it should be fl"),
    "another dtype": ({"dtype": "float32"}, "x has dtype float64; it should be float32"),
    "NaN": ({"arg__weight": np.full((4, 3), np.nan)}, "weight holds NaN"),
    "wrong shape": ({"arg__weight": normal(4, 5)}, "Linear cannot take x (2, 3), weight (4, 5)"),
    "wrong shape of dy": ({"dy__0": normal(4, 2)}, "dy 0 has shape (4, 2); y has (2, 4)"),
    "array left out": ({"arg__weight": None}, "arg:weight"),
    "no layout": ({"layout": None}, "lacks 'layout'"),
    "a network with an unread step": (
        {
            "layer": {
                "type": "Net",
                "inputs": ["x", "weight"],
                "steps": [
                    {"type": "Step", "out": "h", "layer": LINEAR, "args": ["x", "weight"]},
                    {"type": "Step", "out": "i", "layer": LINEAR, "args": ["x", "weight"]},
                ],
            }
        },
        "Net cannot be made: step 'h' (Linear): nobody reads 'h'",
    ),
    "a network with an unknown name": (
        {
            "layer": {
                "type": "Net",
                "inputs": ["x", "weight"],
                "steps": [{"type": "Step", "out": "h", "layer": LINEAR, "args": ["x", "w"]}],
            }
        },
        "Net cannot be made: step 'h' (Linear) reads 'w', which no input or earlier step sets",
    ),
}


@pytest.mark.parametrize(("changes", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = saved(tmp_path / "case.npz", **changes)
    with pytest.raises(InputError) as refused:
        load(path, SUBJECT.types)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no case file"):
        load(tmp_path / "none.npz", SUBJECT.types)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "case.npz")
    whole = path.read_bytes()
    for size in range(0, len(whole), 61):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError):
            load(path, SUBJECT.types)


def test_a_flipped_bit_is_refused_or_harmless(tmp_path: Path) -> None:
    path = saved(tmp_path / "case.npz")
    whole, case = path.read_bytes(), load(path, SUBJECT.types)
    for at in range(0, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        try:
            other = load(path, SUBJECT.types)
        except InputError:
            continue
        assert_same(case, other)


def test_text_is_no_case(tmp_path: Path) -> None:
    path = tmp_path / "case.npz"
    path.write_text("not an archive")
    with pytest.raises(InputError, match="is not a complete case file"):
        load(path, SUBJECT.types)


def test_a_case_that_agrees_is_one_line(tmp_path: Path) -> None:
    judgement, text = replay(SUBJECT, saved(tmp_path / "case.npz"))
    assert judgement.culprit is None
    assert text.startswith("Linear()  float64  x (2, 3)  weight (4, 3)  agrees with PyTorch: 3 arr")
    assert text.count("\n") == 1


def test_a_counterexample_is_written_and_replayed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    break_gradient(monkeypatch, Linear, "weight", lambda g, s, d: -g["weight"])
    case = case_of(NESTED, x=normal(2, 3), weight=normal(4, 3))
    path = write(SUBJECT, judged(case), tmp_path / "counterexamples", "a network")
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".npz", ".py", ".txt"]
    assert path.name.startswith("Linear-weight-")
    text = path.with_suffix(".txt").read_text(encoding="utf-8")
    assert "shrunk from a network" in text
    judgement, again = replay(SUBJECT, path)
    assert judgement.culprit is not None
    assert judgement.culprit.quantity == "weight"
    assert f"gradproof replay {path}" in text
    assert f"gradproof replay {path}" in again


def test_why_a_file_is_not_complete_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.npz").write_bytes(b"")
    with pytest.raises(InputError, match=r"complete case file \(EOFError: No data left in file\)"):
        load(tmp_path / "empty.npz", SUBJECT.types)
    np.savez(tmp_path / "other.npz", x=np.zeros(2))
    with pytest.raises(InputError, match=r"complete case file \(KeyError: 'case'\)"):
        load(tmp_path / "other.npz", SUBJECT.types)
    assert in_one_line(ValueError("a\n b" + 300 * "c")) == "ValueError: a b" + 185 * "c"
