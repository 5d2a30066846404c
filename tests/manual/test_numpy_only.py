"""The half without torch, by itself: every layer's backward against a complex step of its forward,
a network's against the product of its steps' Jacobians.

This runs on every supported Python, also where torch is absent. It shows that the code works there;
whether a gradient is right is for the judge to say.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradproof.cases.case import Case, received
from gradproof.cases.draw import draw_shape, make_case
from gradproof.cases.values import LAYOUTS
from gradproof.subject.entries import CaseRule, Draw
from manual.layer import Layer
from manual.net import Net, Step
from tests.completeness import layers
from tests.strategies.rules import cases_for

importlib.import_module("tests.strategies")

STEP = 2.0**-100
HALF_THE_DIGITS = np.sqrt(np.finfo(np.float64).eps)

LAYERS = [kind for kind in layers() if kind in cases_for]


def test_there_are_layers() -> None:
    assert LAYERS


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
@settings(max_examples=settings.default.max_examples // 4)
@given(data=st.data())
def test_backward_is_the_forward_s_derivative(kind: type[Layer], data: st.DataObject) -> None:
    case = data.draw(smooth_cases(cases_for[kind]))
    args = received(case)
    with np.errstate(all="raise", under="ignore"):
        y, saved = case.layer.forward(*args)
        case = case.with_dy(as_tuple(y))
        dy = case.dy if isinstance(y, tuple) else case.dy[0]
        grads = case.layer.backward(saved, dy)

    smooth = [name for name, is_smooth in zip(case.arrays, case.smooth, strict=True) if is_smooth]
    assert set(grads) == set(smooth)
    for name in smooth:
        part = case.layer.partial_backward(saved, dy, {name})
        assert np.array_equal(part[name], grads[name], equal_nan=True)
    for name, arg in zip(case.arrays, args, strict=True):
        if arg is None or name not in grads:
            continue
        assert grads[name].shape == arg.shape
        assert grads[name].dtype == arg.dtype
        if name in case.layer.by_design:
            continue
        # A mean over nothing is NaN, which has no derivative.
        if case.dtype == "float64" and all(np.isfinite(part).all() for part in as_tuple(y)):
            compare(case, name, args, grads[name])


@st.composite
def smooth_cases(draw: Draw, rule: CaseRule) -> Case:
    """Cases of normal numbers: never at a kink, where a derivative is a matter of convention."""
    spec = rule.rule(draw, draw_shape(draw, rule))
    dtype, layout = draw(st.sampled_from(["float64", "float32"])), draw(st.sampled_from(LAYOUTS))
    return make_case(spec, dtype, ("normal",) * 3, layout, draw(st.integers(0, 2**32 - 1)))


def compare(case: Case, name: str, args: list[Any], grad: Any) -> None:
    """d⟨dy, y⟩ along a random direction v against ⟨grad, v⟩."""
    # NaN is torch's answer at a few arguments; whether it is right there, the judge says.
    there = np.isfinite(grad)
    grad = np.where(there, grad, 0)
    v = np.random.default_rng(case.seed).standard_normal(grad.shape) * there
    along, size = (chained if isinstance(case.layer, Net) else complex_step)(case, name, args, v)
    assert abs(along - np.sum(grad * v)) <= HALF_THE_DIGITS * (size + np.sum(abs(grad * v)))


def complex_step(case: Case, name: str, args: list[Any], v: Any) -> tuple[float, float]:
    """The derivative along v, and the magnitude of what it is a sum of."""
    smooth = zip(case.arrays, args, case.smooth, strict=True)
    stepped = [
        (arg + 1j * STEP * v if key == name else arg + 0j) if is_smooth else arg
        for key, arg, is_smooth in smooth
    ]
    y, _ = case.layer.forward(*stepped)
    pairs = [(dy, part) for dy, part in zip(case.dy, as_tuple(y), strict=True) if dy is not None]
    along = sum(np.sum(dy * part.imag / STEP) for dy, part in pairs)
    # Terms of a sum may cancel, so their magnitudes are the measure; and those of dy, where
    # they cancel inside the layer, as in a softmax of one class.
    return along, sum(np.sum(abs(dy * part.imag / STEP)) + np.sum(abs(dy)) for dy, part in pairs)


def chained(case: Case, name: str, args: list[Any], v: Any) -> tuple[float, float]:
    """The same for a network, by its steps' Jacobians, a row of which is a backward of one entry.

    A complex step through all steps would not do: where one saturates, such as a sigmoid before a
    cross-entropy, what it rounds away the next one needs. Each layer has a test of its own.
    """
    values = dict(zip(case.arrays, args, strict=True))
    # Of each value, its derivative along v and the magnitude of what that is a sum of.
    moved = {key: np.zeros((2, *np.shape(value))) for key, value in values.items()}
    moved[name] = np.array([v, abs(v)])
    for step in case.layer.steps:
        y, saved = step.layer.forward(*(None if key is None else values[key] for key in step.args))
        values.update(zip(step.outs, as_tuple(y), strict=True))
        for out in step.outs:
            moved[out] = np.zeros((2, *values[out].shape))
            if out in step.state:
                continue
            for entry in np.ndindex(values[out].shape):
                row = step.layer.backward(saved, one_entry(step, values, out, entry))
                for own, key in step.slots:
                    if own in row:
                        moved[out][:, *entry] += along_row(row[own], *moved[key])
    pairs = zip(case.dy, case.layer.steps[-1].outs, strict=True)
    ends = [(dy, *moved[out]) for dy, out in pairs if dy is not None]
    return sum(np.sum(dy * t) for dy, t, _ in ends), sum(np.sum(abs(dy) * m) for dy, _, m in ends)


def one_entry(step: Step, values: dict[str, Any], out: str, entry: tuple[int, ...]) -> Any:
    """The cotangent that is 1 at one entry of one output of a step."""
    dy = np.zeros_like(values[out])
    dy[entry] = 1
    return dy if step.out == out else tuple(dy if name == out else None for name in step.outs)


def along_row(row: Any, along: Any, size: Any) -> tuple[float, float]:
    """⟨row, along⟩ and its magnitude: no less than `size`, since a row may be what 1 - 1 left."""
    # Where nothing moves, an infinite slope is none of this test's.
    row = np.where(size > 0, row, 0)
    return np.sum(row * along), np.sum(abs(row) * size) + np.max(size, initial=0)


def as_tuple(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)
