"""Subjects that a careless or dishonest author hands in: each is told what is wrong with it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from gradproof import InputError
from tests.field.outsiders import faults, outsider

BUFFERS: dict[Any, Any] = {}
CALLS: dict[Any, Any] = {}


def square(x: Any) -> Any:
    return x * x, (x,)


def slope(saved: Any, dy: Any) -> Any:
    return 2 * saved[0] * dy


def kept(key: Any, array: Any) -> Any:
    """The array, in memory that every call with this key returns."""
    held = BUFFERS.setdefault((key, array.shape, array.dtype.str), np.empty_like(array))
    held[...] = array
    return held


SAME_MEMORY = "it changes when backward is called again: all calls return the same memory"


@pytest.mark.parametrize(
    ("forward", "backward", "twin"),
    [
        (square, lambda s, dy: {"x": kept("square", slope(s, dy))}, lambda x: x * x),
        (
            lambda x: (x.sum(-1), (x,)),
            lambda s, dy: {"x": kept("sum", s[0] * 0 + dy[..., None])},
            lambda x: x.sum(-1),
        ),
        (
            lambda x: (np.tanh(x), (np.tanh(x),)),
            lambda s, dy: {"x": kept("tanh", dy * (1 - s[0] ** 2))[...]},
            torch.tanh,
        ),
    ],
    ids=["square", "sum", "tanh"],
)
def test_one_buffer_for_all_calls(forward: Any, backward: Any, twin: Any) -> None:
    assert {f.cause for f in faults(outsider(forward, backward, twin))} == {SAME_MEMORY}


class Zero(np.ndarray):
    """Differences of which are zero."""

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        plain = [a.view(np.ndarray) if isinstance(a, Zero) else a for a in args]
        result = getattr(ufunc, method)(*plain, **kwargs)
        return np.zeros_like(result) if ufunc is np.subtract else result


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda g: (3 * g).view(Zero), "Zero"),
        (lambda g: np.ma.masked_greater(g, 0.5), "MaskedArray"),
        (lambda g: g.view(np.recarray), "recarray"),
    ],
    ids=["Zero", "MaskedArray", "recarray"],
)
def test_a_gradient_is_a_plain_array(change: Any, name: str) -> None:
    found = faults(outsider(square, lambda s, dy: {"x": change(slope(s, dy))}, lambda x: x * x))
    assert {f.cause for f in found} == {f"its gradient is {name}, not a plain array"}
    found = faults(outsider(lambda x: (change(x * x), (x,)), slope, lambda x: x * x))
    assert {f.cause for f in found} == {f"forward returned {name}, not a plain array"}


def function(forward: Any, backward: Any) -> Any:
    """An autograd.Function of somebody's own."""

    def run(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return forward(x)

    def pull(ctx: Any, dy: Any) -> Any:
        return backward(*ctx.saved_tensors, dy)

    body = {"forward": staticmethod(run), "backward": staticmethod(pull)}
    own: Any = type("Own", (torch.autograd.Function,), body)
    return own.apply


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


SHARED = [
    (
        lambda x: (np.tanh(x), (x,)),
        lambda s, dy: {"x": dy * (1 - np.tanh(s[0]))},
        function(torch.tanh, lambda x, dy: dy * (1 - torch.tanh(x))),
    ),
    (
        lambda x: (x * logistic(x), (x,)),
        lambda s, dy: {"x": dy * logistic(s[0])},
        function(lambda x: x * torch.sigmoid(x), lambda x, dy: dy * torch.sigmoid(x)),
    ),
    (
        lambda x: (x * x * x, (x,)),
        lambda s, dy: {"x": 2 * s[0] * s[0] * dy},
        function(lambda x: x * x * x, lambda x, dy: 2 * x * x * dy),
    ),
]


@pytest.mark.parametrize(("forward", "backward", "twin"), SHARED, ids=["tanh", "silu", "cube"])
def test_a_mistake_that_the_reference_shares(forward: Any, backward: Any, twin: Any) -> None:
    found = faults(outsider(forward, backward, twin))
    said = "the reference has a backward pass of its own, OwnBackward, with the same mistake"
    assert {f.cause for f in found} == {said}
    assert {f.votes.verdict for f in found if f.votes} == {"both backward passes are wrong"}


@pytest.mark.parametrize(("forward", "backward", "twin"), SHARED, ids=["tanh", "silu", "cube"])
def test_a_function_of_pytorch_that_was_replaced(
    forward: Any, backward: Any, twin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernel libraries do so when they are imported."""
    monkeypatch.setattr(torch.nn.functional, "silu", twin)
    found = faults(outsider(forward, backward, torch.nn.functional.silu))
    assert found
    assert all("of its own" in f.cause for f in found)


def test_a_right_function_of_ones_own_may_be_the_reference() -> None:
    cube = function(lambda x: x * x * x, lambda x, dy: 3 * x * x * dy)
    right = outsider(lambda x: (x * x * x, (x,)), lambda s, dy: {"x": 3 * s[0] * s[0] * dy}, cube)
    assert not faults(right)


@pytest.mark.parametrize(
    "twin",
    [
        lambda x: torch.nn.functional.dropout(x, 0.5),
        lambda x: x + torch.rand(()),
        lambda x: x * CALLS.setdefault("twin", iter(range(1, 10**9))).__next__(),
    ],
    ids=["dropout", "noise", "state"],
)
def test_a_reference_that_is_no_function(twin: Any) -> None:
    found = faults(outsider(lambda x: (x * 3, ()), lambda s, dy: {"x": 7 * dy}, twin))
    assert found
    told = [f for f in found if f.cause.startswith("the reference is no function")]
    assert len(told) > len(found) / 2, "a single number may be dropped twice by chance"


def counted(saved: Any, dy: Any) -> Any:
    CALLS["sum"] = CALLS.get("sum", 0) + 1
    return {"x": 2 * saved[0] * dy * CALLS["sum"]}


def accumulated(saved: Any, dy: Any) -> Any:
    new = 2 * saved[0] * dy
    key = new.shape, new.dtype
    CALLS[key] = CALLS.get(key, 0) + new
    return {"x": CALLS[key].copy()}


def remembered(x: Any) -> Any:
    CALLS["x"] = x
    return x * x, ()


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (square, counted),
        (square, accumulated),
        (remembered, lambda s, dy: {"x": 2 * CALLS["x"] * dy}),
    ],
    ids=["counted", "accumulated", "remembered"],
)
def test_state_between_calls_comes_before_the_values(forward: Any, backward: Any) -> None:
    CALLS.clear()
    causes = [f.cause for f in faults(outsider(forward, backward, lambda x: x * x))]
    told = [c for c in causes if c.startswith(("a second backward gives", "a second forward"))]
    assert len(told) > 0.9 * len(causes), "what is added to may be zero"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (np.random.rand, "it changes the state of np.random"),
        (lambda: torch.rand(1), "it changes the state of torch's random numbers"),
        (lambda: torch.set_grad_enabled(False), "it changes torch's grad mode"),
    ],
    ids=["numpy", "torch", "grad"],
)
def test_what_belongs_to_everybody_is_left_alone(change: Any, said: str) -> None:

    def backward(saved: Any, dy: Any) -> Any:
        change()
        return {"x": slope(saved, dy)}

    with torch.enable_grad():
        found = faults(outsider(square, backward, lambda x: x * x), count=1)
    assert said in {f.cause for f in found}


def leave() -> None:
    sys.exit("enough")


@pytest.mark.parametrize(
    ("forward", "backward", "said"),
    [
        (lambda x: leave(), slope, "forward raised SystemExit: enough"),
        (square, lambda s, dy: leave(), "backward raised SystemExit: enough"),
        (square, lambda s, dy: {"x": dy @ np.ones(99)}, "backward raised ValueError"),
    ],
    ids=["forward", "backward", "error"],
)
def test_what_a_layer_raises_is_told(forward: Any, backward: Any, said: str) -> None:
    found = faults(outsider(forward, backward, lambda x: x * x))
    assert found
    assert all(f.cause.startswith(said) for f in found)


@pytest.mark.parametrize("fft", [torch.fft.fft, torch.fft.rfft], ids=["fft", "rfft"])
def test_complex_outputs_are_refused(fft: Any) -> None:
    with pytest.raises(InputError, match="return the real and the imaginary part as two outputs"):
        faults(outsider(square, slope, fft))


def test_a_reference_whose_backward_fails_is_an_error_of_that_case() -> None:
    class Unfinished(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            raise NotImplementedError("not on this device")

    doubled = outsider(lambda x: (2 * x, ()), lambda _, dy: {"x": 2 * dy}, Unfinished.apply)
    said = "the backward pass of the reference raised NotImplementedError: not on this device"
    assert {(f.verdict, f.cause) for f in faults(doubled)} == {("error", said)}
