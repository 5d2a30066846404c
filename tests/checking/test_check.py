"""`gradproof.check`: one call, for each kind of function and of inputs, right and wrong."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from hypothesis import strategies as st
from rich.console import Console
from torch.nn import functional as F

import gradproof
from gradproof import Disagreement, check, choice, index, real

FEW = 12


class Scaled(torch.autograd.Function):
    """x tanh(w), with a gradient for w that may be wrong."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.save_for_backward(x, torch.tanh(w))
        return x * torch.tanh(w)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        x, t = ctx.saved_tensors
        return dy * t, dy * x * (1 - t * t)


class Forgetful(Scaled):
    """The derivative of tanh is forgotten."""

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        x, t = ctx.saved_tensors
        return dy * t, dy * x


def scaled(x: Any, w: Any) -> Any:
    return x * torch.tanh(w)


class Layer:
    """The same as an object with two methods, on NumPy arrays."""

    factor = 1.0

    def forward(self, x: Any, w: Any) -> Any:
        t = np.tanh(w)
        return x * t, (x, t)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, t = saved
        return {"x": dy * t, "w": self.factor * dy * x * (1 - t * t)}


class Doubled(Layer):
    factor = 2.0


def pair(factor: float) -> Any:
    """The same as a pair of functions; the gradients come in the order of the inputs."""

    def forward(x: Any, w: Any) -> Any:
        return x * np.tanh(w), (x, np.tanh(w))

    def backward(saved: Any, dy: Any) -> Any:
        x, t = saved
        return dy * t, factor * dy * x * (1 - t * t)

    return forward, backward


def pulled(factor: float) -> Any:
    """The same as a function that returns its pull-back."""

    def function(x: Any, w: Any) -> Any:
        t = np.tanh(w)
        return x * t, lambda dy: (dy * t, factor * dy * x * (1 - t * t))

    return gradproof.vjp(function)


def registered(name: str, factor: float) -> Any:
    """The same as a custom op of torch.library."""

    @torch.library.custom_op(f"gradprooftests::{name}", mutates_args=())
    def op(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return x * torch.tanh(w)

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    def backward(ctx: Any, dy: Any) -> Any:
        x, w = ctx.saved_tensors
        t = torch.tanh(w)
        return dy * t, factor * dy * x * (1 - t * t)

    op.register_autograd(backward, setup_context=setup_context)
    return op


TWO = (real(2, 3), real(2, 3))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (Scaled.apply, Forgetful.apply),
        (Layer(), Doubled()),
        (pair(1.0), pair(2.0)),
        (pulled(1.0), pulled(2.0)),
        (registered("right", 1.0), registered("doubled", 2.0)),
    ],
    ids=["autograd.Function", "layer", "pair", "vjp", "custom op"],
)
def test_each_kind_of_function(right: Any, wrong: Any) -> None:
    verdict = check(right, scaled, TWO, cases=FEW)
    assert verdict
    assert dict(verdict) == {"y": "agree", "x": "agree", "w": "agree", "conduct": "agree"}
    with pytest.raises(Disagreement, match="in the gradient of w") as caught:
        check(wrong, scaled, TWO, cases=FEW)
    assert dict(caught.value.verdict)["w"] == "disagree"
    assert dict(caught.value.verdict)["x"] == "agree"


def test_a_module_without_parameters() -> None:
    assert check(torch.nn.SiLU(), F.silu, (real(5),), cases=FEW)
    assert not check(torch.nn.SiLU(), F.gelu, (real(5),), cases=FEW, raise_exception=False)


def test_a_module_with_parameters_is_refused() -> None:
    with pytest.raises(gradproof.InputError, match=r"Linear has parameters \(weight, bias\)"):
        check(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3), (real(2, 3),))


def drawn(draw: Any) -> Any:
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return {"x": real(n, m), "w": real(m)}


@pytest.mark.parametrize(
    "inputs",
    [
        (torch.zeros(2, 3), torch.zeros(3)),
        [np.zeros((2, 3)), np.zeros(3, np.float32)],
        {"x": real(2, 3), "w": real(3)},
        drawn,
    ],
    ids=["tensors", "arrays", "entries by name", "a function of draw"],
)
def test_each_kind_of_inputs(inputs: Any) -> None:
    assert check(lambda x, w: Scaled.apply(x, w.expand_as(x)), scaled, inputs, cases=FEW)
    wrong = lambda x, w: Forgetful.apply(x, w.expand_as(x))  # noqa: E731
    verdict = check(wrong, scaled, inputs, cases=FEW, raise_exception=False)
    assert [f.quantity for f in verdict.disagreements] == ["w"]


def test_integers_and_masks_have_no_gradient() -> None:
    def take(table: Any, ids: Any, keep: Any) -> Any:
        return F.embedding(ids, table) * keep[..., None]

    inputs = {"table": real(4, 3), "ids": index(4, 5), "keep": choice((0, 1), 5)}
    assert dict(check(take, take, inputs, cases=FEW)).keys() == {"y", "table", "conduct"}
    example = (torch.zeros(4, 3), torch.tensor([0, 3, 1]), torch.ones(3))
    assert "ids" not in dict(check(take, take, example, cases=FEW))


def test_only_tensors_that_require_a_gradient_have_one_as_in_gradcheck() -> None:
    given = torch.zeros(2, requires_grad=True), torch.zeros(2)
    assert dict(check(Forgetful.apply, scaled, given, cases=FEW)).keys() == {"y", "x", "conduct"}


def test_names_are_those_of_the_reference_or_given() -> None:
    assert list(dict(check(torch.mul, lambda a, b: a * b, TWO, cases=2))) == [
        *("y", "a", "b", "conduct")
    ]
    named = check(torch.mul, torch.mul, TWO, names=("left", "right"), cases=2)
    assert "left" in dict(named)


def test_one_dtype_only() -> None:
    def single(x: Any) -> Any:
        if x.dtype != torch.float32:
            raise RuntimeError("expected scalar type Float")
        return torch.tanh(x)

    verdict = check(single, torch.tanh, (real(4),), dtypes=("float32",), cases=FEW)
    assert set(verdict.table["dtype"]) == {"float32"}
    with pytest.raises(gradproof.InputError, match=r"takes no float64 .* dtypes=\('float32',\)"):
        check(single, torch.tanh, (real(4),), cases=FEW)


def test_the_message_the_table_and_the_file(tmp_path: Path) -> None:
    verdict = check(Forgetful.apply, scaled, TWO, cases=FEW, raise_exception=False)
    said = str(verdict)
    assert said.startswith("Forgetful disagrees with PyTorch in the gradient of w")
    assert "the backward pass is wrong" in said
    assert "<pre>Forgetful" in verdict._repr_html_()
    shown = Console(file=StringIO(), width=200)
    shown.print(verdict)
    assert said == repr(verdict) == shown.file.getvalue().rstrip()  # type: ignore[attr-defined]
    path = verdict.save(tmp_path / "case")
    with np.load(path, allow_pickle=False) as held:
        assert {"arg:x", "arg:w", "dy:0"} <= set(held.files)
    assert path.with_suffix(".txt").read_text(encoding="utf-8").startswith("Forgetful disagrees")
    right = check(Scaled.apply, scaled, TWO, cases=FEW)
    assert str(right).startswith(f"Scaled agrees with PyTorch in {FEW} cases")
    assert len(right.table) == FEW * 3
    with pytest.raises(gradproof.InputError, match="there is no case to save"):
        right.save(tmp_path / "none")


def test_a_saved_case_is_judged_again(tmp_path: Path) -> None:
    wrong = check(Forgetful.apply, scaled, TWO, cases=FEW, raise_exception=False)
    path = wrong.save(tmp_path / "case")
    again = check(Forgetful.apply, scaled, TWO, case=path, raise_exception=False)
    assert str(again) == str(wrong)
    assert len(again.judgements) == 1
    with pytest.raises(gradproof.Disagreement, match="in the gradient of w"):
        check(Forgetful.apply, scaled, TWO, case=str(path))
    mended = type("Forgetful", (Scaled,), {})
    assert check(mended.apply, scaled, TWO, case=path)
    with pytest.raises(gradproof.InputError, match="'Forgetful' is no layer"):
        check(Scaled.apply, scaled, TWO, case=path)
    with pytest.raises(gradproof.InputError, match="there is no case file"):
        check(Scaled.apply, scaled, TWO, case=tmp_path / "none.npz")


def test_the_same_seed_draws_the_same() -> None:
    one, two, other = (
        check(Scaled.apply, scaled, TWO, cases=4, seed=seed).table for seed in (3, 3, 4)
    )
    assert one.equals(two)
    assert not one.equals(other)


def test_a_choice_at_a_kink_may_be_declared() -> None:
    class Relu(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy * (ctx.saved_tensors[0] >= 0)

    said = str(check(Relu.apply, torch.relu, (real(4),), cases=40, raise_exception=False))
    assert "another choice than PyTorch at a kink" in said
    declared = check(Relu.apply, torch.relu, (real(4),), cases=40, conventions="1 at 0")
    assert "with another choice at a kink" in str(declared)


def test_what_is_always_zero_is_no_evidence() -> None:
    said = check(lambda x: x * 0, lambda x: x * 0, (real(3),), cases=FEW, raise_exception=False)
    assert not said
    assert "nothing could have failed" in str(said)


def integers_only() -> Any:
    return check(torch.neg, torch.neg, (index(3, 4),))


def writes(x: Any) -> Any:
    x.detach().mul_(2)
    return x * 1


WRONG_USE: dict[str, tuple[Callable[[], Any], str]] = {
    "no inputs": (lambda: check(torch.neg, torch.neg, ()), "there are no inputs"),
    "integers only": (integers_only, "no input has a gradient"),
    "shapes": (
        lambda: check(torch.mm, torch.mm, (real(2, 3), real(2, 3))),
        "the reference raised RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    ),
    "func alone does not take them": (
        lambda: check(lambda x: x.view(7), torch.neg, (real(4),)),
        "func cannot take",
    ),
    "no derivative": (
        lambda: check(torch.neg, lambda x: torch.neg(x.detach()), (real(4),)),
        "do not depend on an input that has a gradient",
    ),
    "reference is no function": (
        lambda: check(torch.neg, lambda x: x + torch.rand(4), (real(4),)),
        "the reference is no function",
    ),
    "complex outputs": (
        lambda: check(torch.neg, lambda x: torch.complex(x, x), (real(4),)),
        "return the real and the imaginary part as two outputs",
    ),
    "names": (
        lambda: check(torch.mul, torch.mul, TWO, names=("x",)),
        "there are 2 inputs and 1 names",
    ),
    "dtypes": (
        lambda: check(torch.neg, torch.neg, (real(4),), dtypes=("int8",)),
        "dtypes are one or more of float64, float32, bfloat16, float16, not int8",
    ),
    "cases": (lambda: check(torch.neg, torch.neg, (real(4),), cases=0), "at least 1, not 0"),
    "func": (lambda: check("neg", torch.neg, (real(4),)), "func is of type str"),
    "reference": (
        lambda: check(torch.neg, 3, (real(4),)),  # type: ignore[arg-type]
        "reference is of type int",
    ),
    "text": (lambda: check(torch.neg, torch.neg, ("abc",)), "the input x"),
}


@pytest.mark.parametrize("name", WRONG_USE)
def test_wrong_use_gets_one_sentence(name: str) -> None:
    call, said = WRONG_USE[name]
    with pytest.raises(gradproof.InputError) as caught:
        call()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("func", "said"),
    [
        (lambda x: torch.tanh(x) + 1e-3 * torch.rand(()), "changes the state of torch's random"),
        (writes, "it writes into its input x"),
        (lambda x: torch.tanh(x).numpy(force=True), "it returned ndarray, not tensors"),
    ],
    ids=["random", "writes", "returns an array"],
)
def test_bad_conduct_is_told(func: Any, said: str) -> None:
    try:
        text = str(check(func, torch.tanh, (real(4),), cases=FEW, raise_exception=False))
    except gradproof.InputError as error:
        text = str(error)
    assert said in text
