"""The separation's figures are of other arithmetic, and of the judge's own verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="layers are judged against torch")

from benchmarks import separation
from benchmarks.arithmetic import Coarse, Fused, OneByOne, Reversed, Shuffled, lower, other_order
from benchmarks.separation import ORDERS, main, outcome, results
from gradproof.judge.truth import truth_decides
from manual.layers.activation import ReLU
from manual.layers.linear import Linear
from tests.planted import SUBJECT, normal, on

TERMS = 57
"""No entry of Linear's is the sum of more terms than that, and a bias."""


def linear(dtype: str = "float64", terms: int = TERMS) -> Any:
    x, weight, dy = normal(5, terms), normal(3, terms, seed=1), normal(5, 3, seed=2)
    return on(Linear(), dy, dtype=dtype, x=x, weight=weight, bias=normal(3, seed=3))


def of_sizes(case: Any) -> Any:
    """The case with the magnitudes of all numbers: the results are then Σ |term|.

    Two ways of adding n terms are each off by at most n u Σ |term|, with u half of eps (Higham,
    Accuracy and Stability of Numerical Algorithms (2002), eq. 3.5).
    """
    arrays = {name: abs(a) for name, a in case.arrays.items()}
    return replace(case, arrays=arrays, dy=tuple(map(abs, case.dy)))


def made(case: Any, way: Any) -> dict[str, Any]:
    found = results(replace(case, layer=other_order(case.layer, way)))
    assert found is not None
    return found


@pytest.mark.parametrize("way", ORDERS.values())
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_other_arithmetic_changes_last_digits_alone(way: Any, dtype: str) -> None:
    case = linear(dtype)
    own, other, size = results(case), made(case, way), results(of_sizes(case))
    assert own is not None and size is not None and other.keys() == own.keys()
    assert any((other[name] != a).any() for name, a in own.items())
    for name, a in own.items():
        assert type(other[name]) is np.ndarray and other[name].dtype == a.dtype
        off = np.abs(other[name] - a)
        assert (off <= (TERMS + 1) * np.finfo(dtype).eps * size[name]).all()


def test_the_orders_are_those_that_they_are_called() -> None:
    terms = normal(9) * 10.0 ** np.arange(9)
    total = 0.0
    for term in terms:
        total += float(term)
    assert float(np.sum(terms.view(OneByOne))) == total
    assert [*Reversed.order(4)] == [3, 2, 1, 0]
    assert sorted(Shuffled.order(9)) == [*range(9)] != [*Shuffled.order(9)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_fused_product_is_rounded_once(dtype: str) -> None:
    a, b = (normal(200, seed=s).astype(dtype).view(Fused) for s in (0, 1))
    c = -(np.asarray(a) * np.asarray(b))  # what is left is the error of the product
    left = [Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a, b, strict=True)]
    exact = [float(p + Fraction(float(z))) for p, z in zip(left, c, strict=True)]
    assert np.count_nonzero(exact) > 100
    plain = np.asarray(a) * np.asarray(b) + c
    assert not plain.any()
    # Of a product of float64 longdouble has 64 bits; of float32 float64 has all.
    lost = 2.0**-64 * np.abs(c) if dtype == "float64" else 0
    assert (np.abs(np.asarray(a * b + c) - exact) <= lost).all()


def test_every_operation_in_bfloat16_is_rounded() -> None:
    a = np.float32([1 + 2**-7, 3]).view(Coarse)
    assert np.asarray(a * a).tolist() == [1 + 2**-6, 9]
    case = linear("float32")
    found = results(replace(case, layer=lower(case.layer, "bfloat16")))
    assert found is not None
    for a in found.values():
        assert not (a.view(np.uint32) & 0xFFFF).any()


def test_what_is_written(tmp_path: Path) -> None:
    options = "--layers", "Linear,ReLU,Softmax", "--cases", "10", "--out", str(tmp_path)
    assert main([*options]) == 0
    (path,) = tmp_path.iterdir()
    about = json.loads(path.read_text(encoding="utf-8"))
    lower_counts = [sum(counts.values()) for counts in about["lower"].values()]
    assert sum(lower_counts) == about["cases"] > 20 and min(lower_counts) > 0
    for way in ORDERS:
        assert sum(about["orders"][way].values()) == about["cases"]
        assert about["orders"][way].get("rejected", 0) == 0 < about["orders"][way]["agree"]
    for counts in about["lower"].values():
        assert counts["rejected"] > 0 and "reference" not in counts
    assert path.stat().st_size < 2000


def test_numbers_that_stay_the_same_are_counted_apart() -> None:
    one = on(ReLU(), np.ones(3), x=np.float64([-1, 2, 4]))
    own = results(one)
    assert own is not None
    coarse = replace(one, layer=lower(one.layer, "float32"))
    assert outcome(SUBJECT, coarse, own) == "same"
    third = on(ReLU(), np.full(3, 1 / 3), x=np.float64([-1, 2, 4]))
    own = results(third)
    assert own is not None
    coarse = replace(third, layer=lower(third.layer, "float32"))
    assert outcome(SUBJECT, coarse, own) == "rejected"


def test_an_order_that_loses_a_term_is_called_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Lost(Reversed):
        @staticmethod
        def order(n: int) -> Any:
            return np.arange(max(n - 1, 1))

    monkeypatch.setattr(separation, "ORDERS", {**ORDERS, "reversed": Lost})
    options = "--layers", "Sum,Linear", "--cases", "6", "--out", str(tmp_path)
    assert main([*options]) == 1
    about = json.loads((tmp_path / "separation.json").read_text(encoding="utf-8"))
    assert about["orders"]["reversed"]["rejected"] > 0
    assert about["orders"]["shuffled"].get("rejected", 0) == 0


def test_an_excuse_is_counted_and_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def lenient(twin: Any, case: Any, found: list[Any]) -> None:
        truth_decides(twin, case, found)
        for f in found:
            if f.verdict == "disagree":
                f.verdict = "reference"

    monkeypatch.setattr("gradproof.judge.closer.truth_decides", lenient)
    options = "--layers", "Linear", "--cases", "6", "--out", str(tmp_path)
    assert main([*options]) == 1
    about = json.loads((tmp_path / "separation.json").read_text(encoding="utf-8"))
    assert sum(counts.get("reference", 0) for counts in about["lower"].values()) > 0
    assert any("reference" in told for told in about["accepted"])
