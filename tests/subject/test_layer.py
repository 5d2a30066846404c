"""What the signature of `forward` says: kinds of arguments, and outputs without a cotangent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("torch", reason="the twins are torch functions")

import torch
from torch import Tensor

from gradproof import Buffer, InputError, Layer, Param, Real, Subject, index, real, spec
from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.cases.draw import make_case
from gradproof.cases.file import load, save
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


class Pick:
    """An index, of which forward says nothing; in one call after the other it could be either."""

    def forward(self, table, at):  # type: ignore[no-untyped-def]
        return table[at], (table.shape, at)

    def backward(self, saved, dy):  # type: ignore[no-untyped-def]
        shape, at = saved
        dtable = np.zeros(shape, dy.dtype)
        np.add.at(dtable, at, dy)
        return {"table": dtable}


@dataclass(frozen=True)
class Counted(Plain):
    """It says of integers that they have a gradient."""

    def forward(self, x: Real, scale: Any = None) -> Any:
        return super().forward(x, scale)


def test_integers_are_an_index_where_nothing_is_said_of_them(tmp_path: Path) -> None:
    case = draw(spec(Pick(), table=real(4, 3), at=index(4, 5)))
    assert case.kinds == {"table": "real", "at": "index"}
    assert judge(subject(lambda _, table, at: table[at]), case).verdict == "agree"
    save(tmp_path / "case.npz", case)
    again = load(tmp_path / "case.npz", {"Pick": Pick})
    assert isinstance(again, Case) and again.kinds == case.kinds
    assert draw(spec(Pick(), table=real(4, 3), at=real(5))).kinds["at"] == "real"


def test_integers_are_no_number_with_a_gradient() -> None:
    with pytest.raises(InputError, match="annotate x with Index"):
        draw(spec(Counted(), x=index(3, 4)))


class Any2:
    """It takes whatever there is; its case strategy names it."""

    def forward(self, *arrays):  # type: ignore[no-untyped-def]
        x, scale = arrays
        return x * scale, arrays

    def backward(self, saved, dy):  # type: ignore[no-untyped-def]
        x, scale = saved
        return {"x": dy * scale, "scale": dy * x}


def test_entries_name_the_arguments_of_a_forward_that_names_none(tmp_path: Path) -> None:
    case = draw(spec(Any2(), x=real(2, 3), scale=real(2, 3)))
    assert case.kinds == {"x": "real", "scale": "real"}
    assert judge(subject(lambda _, x, scale: x * scale), case).verdict == "agree"
    save(tmp_path / "case.npz", case)
    again = load(tmp_path / "case.npz", {"Any2": Any2})
    assert isinstance(again, Case) and [*again.kinds] == ["x", "scale"]
    numbered = draw(spec(Any2(), arrays0=real(2, 3), arrays1=real(2, 3)))
    assert [*numbered.kinds] == ["arrays0", "arrays1"], "as they are named in a network"


class Static:
    """Its methods take no self."""

    @staticmethod
    def forward(x: Real, weight: Param) -> Any:
        return x * weight, (x, weight)

    @staticmethod
    def backward(saved: Any, dy: Any) -> Any:
        x, weight = saved
        return {"x": dy * weight, "weight": dy * x}


def test_static_methods_have_no_self() -> None:
    case = draw(spec(Static(), x=real(2, 3), weight=real(2, 3)))
    assert case.kinds == {"x": "real", "weight": "param"}
    assert judge(subject(lambda _, x, weight: x * weight), case).verdict == "agree"


class Unreadable(Plain):
    """Its annotation names what is nowhere."""

    def forward(self, x: Nowhere) -> Any:  # type: ignore[name-defined,override]  # noqa: F821
        return x, ()


class Misnamed(Plain):
    """It is annotated with a kind that there is not."""

    def forward(self, x: Annotated[Array, "input"], scale: Any = None) -> Any:
        return super().forward(x, scale)


@pytest.mark.parametrize(
    ("layer", "name", "said"),
    [
        (
            Unreadable(),
            "x",
            "the annotations of Unreadable.forward cannot be read (NameError: name",
        ),
        (
            Misnamed(),
            "x",
            "Misnamed says that x is of the kind 'input'; the kinds are real, param, index, buffer",
        ),
        (
            Plain(),
            "weight",
            "Plain.forward does not take weight; let its case strategy name arrays as forward does",
        ),
    ],
)
def test_what_forward_and_its_strategy_may_get_wrong(layer: Any, name: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        draw(spec(layer, **{name: real(2, 3)}))
    assert str(raised.value).startswith(said)


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
