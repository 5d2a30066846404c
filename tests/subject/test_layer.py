"""What the signature of `forward` says: kinds of arguments, and outputs without a cotangent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("torch", reason="the twins are torch functions")

import torch
from torch import Tensor

from gradproof import Buffer, InputError, Layer, Param, Real, Subject, index, real, spec
from gradproof.arrays import Array
from gradproof.cases.draw import make_case
from gradproof.counterexamples.message import explain_culprit
from gradproof.judge.dispatch import judge
from gradproof.subject.layer import argument_kinds, differentiable


@dataclass(frozen=True)
class Scale(Layer):
    """y = γ x, and beside it the running mean of x, which has no cotangent."""

    momentum: float = 0.25

    def forward(
        self, x: Real, weight: Param, running_mean: Buffer
    ) -> tuple[tuple[Real, Buffer], tuple[Any, ...]]:
        mean = (1 - self.momentum) * running_mean + self.momentum * x.mean(axis=0)
        return (x * weight, mean), (x, weight)

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Array]:
        x, weight = saved
        assert dy[1] is None, "a state has no cotangent"
        return {"x": dy[0] * weight, "weight": (dy[0] * x).sum(axis=0)}


@dataclass(frozen=True)
class Plain:
    """Nothing is annotated, and no method names the arguments."""

    def forward(self, x, scale=None):  # type: ignore[no-untyped-def]
        return (x if scale is None else x * scale), (x, scale)

    def backward(self, saved, dy):  # type: ignore[no-untyped-def]
        x, scale = saved
        return {"x": dy.copy()} if scale is None else {"x": dy * scale, "scale": dy * x}


def scale_twin(layer: Scale, x: Tensor, weight: Tensor, running_mean: Tensor) -> Any:
    mean = (1 - layer.momentum) * running_mean + layer.momentum * x.detach().mean(dim=0)
    return x * weight, mean


def subject(twin: Any) -> Subject:
    return Subject("made for this", rules={}, twin=twin)


draw = partial(make_case, dtype="float64", hazards=("normal",) * 3, layout="C", seed=1)
CASE = draw(spec(Scale(), x=real(5, 3), weight=real(3), running_mean=real(3)))


def test_kinds_are_what_the_annotations_say() -> None:
    kinds = argument_kinds(Scale(), 3)
    assert kinds == {"x": "real", "weight": "param", "running_mean": "buffer"}
    assert differentiable(Scale(), 2) == (True, False)


def test_without_annotations_every_argument_and_output_has_a_gradient() -> None:
    assert argument_kinds(Plain(), 1) == {"x": "real"}
    assert argument_kinds(Plain(), 2) == {"x": "real", "scale": "real"}
    assert differentiable(Plain(), 2) == (True, True)
    with pytest.raises(TypeError, match="does not take 3 arrays"):
        argument_kinds(Plain(), 3)
    case = draw(spec(Plain(), x=real(2, 3), scale=real(2, 3)))
    assert judge(subject(lambda _, x, scale: x * scale), case).verdict == "agree"


def test_a_state_is_compared_and_has_no_cotangent() -> None:
    judgement = judge(subject(scale_twin), CASE)
    assert judgement.verdict == "agree"
    assert {f.quantity for f in judgement.findings} == {"y", "y1", "x", "weight"}
    assert judgement.case.dy[1] is None


def test_a_wrong_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Scale.forward

    def forward(self: Scale, *arrays: Array) -> Any:
        (y, mean), saved = right(self, *arrays)
        return (y, mean * (1 + 1e-9)), saved

    monkeypatch.setattr(Scale, "forward", forward)
    judgement = judge(subject(scale_twin), CASE)
    assert judgement.culprit is not None and judgement.culprit.quantity == "y1"
    text = explain_culprit(subject(scale_twin), judgement, "")
    assert "manual ≠ torch" in text and "your forward is not torch's function" in text


def test_integers_need_an_index() -> None:
    with pytest.raises(InputError, match="annotate x with Index"):
        draw(spec(Plain(), x=index(3, 4)))


@dataclass(frozen=True)
class Stopped(Plain):
    """Its gradient is not the derivative on purpose."""

    by_design: ClassVar[dict[str, str]] = {"x": "x is detached"}


def test_a_rule_by_design_is_named_where_the_layer_differentiates_all_the_same() -> None:
    case = draw(spec(Stopped(), x=real(2, 3), scale=real(2, 3)))
    twin = subject(lambda _, x, scale: (x.detach() + 0 * x) * scale)
    text = explain_culprit(twin, judge(twin, case), "")
    assert "the backward pass is wrong: by design, x is detached" in " ".join(text.split())
    plain = judge(twin, replace(case, layer=Plain()))
    assert "PyTorch is wrong here" in explain_culprit(twin, plain, "")


def test_the_reference_keeps_its_own_buffers() -> None:
    """A twin that writes into a buffer writes into a copy."""
    before = np.array(CASE.arrays["running_mean"])

    def writes(layer: Scale, x: Tensor, weight: Tensor, running_mean: Tensor) -> Any:
        y, mean = scale_twin(layer, x, weight, running_mean)
        with torch.no_grad():
            running_mean.copy_(mean)
        return y, mean

    judge(subject(writes), CASE)
    assert np.array_equal(CASE.arrays["running_mean"], before)
