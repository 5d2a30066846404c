"""Subjects whose reference is false, whatever their backward pass, and subjects of easy cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.field.dishonest import SUBJECTS, HandedIn, X
from tests.field.outsiders import outsider

Function = Callable[..., Any]
SHARED = "the same mistake on both sides"
OWN = "the reference has a backward pass of its own"


def reference(
    name: str, does: str, said: str, twin: Function, forward: Function, slope: Function, cases: int
) -> None:
    """Put a layer with the gradient slope(x, dy), and its twin, into the table."""
    make = lambda patch: outsider(  # noqa: E731
        lambda x: (forward(x), (x,)), lambda s, dy: {"x": slope(s[0], dy)}, twin
    )
    SUBJECTS[f"reference {name}"] = HandedIn(make, does, said, cases)


def half(x: Any, dy: Any) -> Any:
    return dy * (1 - np.tanh(x) ** 2) / 2


def full(x: Any, dy: Any) -> Any:
    return dy * (1 - np.tanh(x) ** 2)


def times_tanh(x: Any) -> Any:
    return x * np.tanh(x)


def without_product_rule(x: Any, dy: Any) -> Any:
    return dy * np.tanh(x)


# The same mistake, hidden from autograd

for name, does, twin in [
    ("detaches a factor", "x · tanh(x).detach()", lambda x: x * torch.tanh(x.detach())),
    ("uses data", "x · tanh(x.data)", lambda x: x * torch.tanh(x.data)),
    ("uses no_grad", "a factor under no_grad", lambda x: x * torch.no_grad()(torch.tanh)(x)),
    (
        "leaves torch",
        "a factor computed by NumPy",
        lambda x: x * torch.from_numpy(np.tanh(x.detach().numpy())),
    ),
]:
    reference(name, does, SHARED, twin, times_tanh, without_product_rule, 40)


def hooked(x: Any) -> Any:
    y = torch.tanh(x)
    if y.requires_grad:
        y.register_hook(lambda g: g / 2)  # type: ignore[no-untyped-call]  # torch's own
    return y


def hooked_node(x: Any) -> Any:
    y = torch.tanh(x)
    if y.grad_fn is not None:
        y.grad_fn.register_prehook(lambda g: (g[0] / 2,))
    return y


def sign_hooked(x: Any) -> Any:
    y = torch.tanh(x)
    if y.requires_grad:
        y.register_hook(  # type: ignore[no-untyped-call]  # torch's own
            lambda g: torch.where(g > 0, g, g / 2)
        )
    return y


class Around(torch.autograd.Function):
    """The layer itself, wrapped."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        (x,) = ctx.saved_tensors
        return torch.from_numpy(np.asarray(half(x.detach().numpy(), dy.detach().numpy())))


def sign_half(x: Any, dy: Any) -> Any:
    return full(x, np.where(dy > 0, dy, dy / 2))


def straight(x: Any, dy: Any) -> Any:
    return dy.copy()


def straight_through(x: Any) -> Any:
    return x + (torch.tanh(x) - x).detach()


def in_place(x: Any) -> Any:
    x.data.mul_(0.5)
    return torch.tanh(x)


for name, does, said, twin, slope, cases in [
    ("with a hook", "a hook halves the gradient, on both sides", SHARED, hooked, half, 40),
    ("with a node's hook", "a prehook of the node halves it", SHARED, hooked_node, half, 40),
    (
        "with a hook by sign",
        "a hook halves where dy < 0",
        "it is not linear",
        sign_hooked,
        sign_half,
        12,
    ),
    (
        "with a hook, layer right",
        "a hook halves the reference's gradient only",
        X,
        hooked,
        full,
        12,
    ),
    (
        "straight through",
        "both sides take tanh for x in backward",
        SHARED,
        straight_through,
        straight,
        40,
    ),
    (
        "is the layer",
        "an autograd.Function around the layer's own backward",
        OWN,
        Around.apply,
        half,
        12,
    ),
    ("in place", "halves x in place", "the reference is no function", in_place, full, 12),
    (
        "by dtype",
        "another function in float32",
        "y disagrees",
        lambda x: torch.tanh(x) * (1 if x.dtype == torch.float64 else 2),
        full,
        12,
    ),
    (
        "in float16",
        "computes in float16, and the layer is 0.1 % off",
        X,
        lambda x: torch.tanh(x.half()).to(x.dtype),
        lambda x, dy: full(x, dy) * np.asarray(1.001, dy.dtype),
        12,
    ),
    (
        "full of noise",
        "adds a sum that cancels, so that its noise is large",
        X,
        lambda x: torch.tanh(x) + (1e14 * x * x - 1e14 * x * x),
        lambda x, dy: 1.1 * full(x, dy),
        12,
    ),
    (
        "without a graph",
        "comes from NumPy, so its gradient is zero",
        X,
        lambda x: torch.from_numpy(np.tanh(x.detach().numpy())),
        full,
        12,
    ),
    ("of one number", "sums", "its shape is", lambda x: torch.tanh(x).sum(), full, 5),
    ("returns a float", "is a float", "the reference returned float", lambda x: 1.0, full, 2),
    (
        "returns an array",
        "is a NumPy array",
        "the reference returned ndarray",
        lambda x: np.tanh(x.detach().numpy()),
        full,
        2,
    ),
    (
        "returns nothing",
        "forgets its return",
        "the reference returned NoneType",
        lambda x: None,
        full,
        2,
    ),
    (
        "returns a list",
        "is a list",
        "the reference returned",
        lambda x: torch.tanh(x).tolist(),
        full,
        2,
    ),
    (
        "returns a dictionary",
        "is a dictionary",
        "the reference returned dict",
        lambda x: {"y": torch.tanh(x)},
        full,
        2,
    ),
]:
    reference(name, does, said, twin, np.tanh, slope, cases)


# The layer lies to the witnesses, or declares its mistake


def one_half(x: Any) -> Any:
    return np.tanh(x) if x.dtype.kind == "f" else x / 2


reference(
    "is right, witnesses are lied to",
    "forward is another function for complex numbers, which fits the wrong gradient",
    X,
    torch.tanh,
    one_half,
    lambda x, dy: dy / 2,
    12,
)
SUBJECTS["mistake declared a convention"] = HandedIn(
    lambda patch: outsider(
        lambda x: (x * x, (x,)),
        lambda s, dy: {"x": 3 * s[0] * dy},
        lambda x: x * x,
        conventions={"Outsider": "on purpose"},
    ),
    "the subject says that it differs on purpose",
    X,
)
SUBJECTS["kink outside its interval"] = HandedIn(
    lambda patch: outsider(
        lambda x: (abs(x), (x,)),
        lambda s, dy: {"x": np.where(s[0] == 0, 7, np.sign(s[0])).astype(dy.dtype) * dy},
        torch.abs,
        conventions={"Outsider": "on purpose"},
    ),
    "an absolute value with a slope of 7 at 0, declared as a convention",
    X,
    40,
)
