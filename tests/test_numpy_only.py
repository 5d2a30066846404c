"""The half without torch, by itself: every layer's backward against a complex step of its forward.

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

from gradproof.cases import Case, draw_shape, make_case, received
from gradproof.fill import LAYOUTS
from gradproof.spec import CaseRule, Draw
from manual.layer import Layer
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
        grads = case.layer.backward(saved, case.dy if isinstance(y, tuple) else case.dy[0])

    smooth = [name for name, is_smooth in zip(case.arrays, case.smooth, strict=True) if is_smooth]
    assert set(grads) == set(smooth)
    for name, arg in zip(case.arrays, args, strict=True):
        if arg is None or name not in grads:
            continue
        assert grads[name].shape == arg.shape
        assert grads[name].dtype == arg.dtype
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
    """d⟨dy, y⟩ along a random direction v, by the complex step, against ⟨grad, v⟩."""
    # NaN is torch's answer at a few arguments; whether it is right there, the judge says.
    there = np.isfinite(grad)
    grad = np.where(there, grad, 0)
    v = np.random.default_rng(case.seed).standard_normal(grad.shape) * there
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
    size = sum(np.sum(abs(dy * part.imag / STEP)) + np.sum(abs(dy)) for dy, part in pairs)
    assert abs(along - np.sum(grad * v)) <= HALF_THE_DIGITS * (size + np.sum(abs(grad * v)))


def as_tuple(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)
