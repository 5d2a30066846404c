"""Subjects that break the contract, a setting, PyTorch or NumPy, or whose reference is false."""

from __future__ import annotations

import gc
import sys
import unittest
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gradproof import Subject
from tests.field.dishonest import AGAIN, STATE, SUBJECTS, ZERO, HandedIn, X, handed_in, squared
from tests.field.outsiders import outsider

RAN = "backward raised "
LINEAR = "it is not linear in dy"

# Exceptions


@handed_in("returns zeros where NumPy raises", X)
def zeros_after_an_exception(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        try:
            return np.stack([2 * x, np.zeros(3, x.dtype)])[0] * dy
        except ValueError:
            return np.zeros_like(x)

    return squared(backward)


@handed_in("returns the last result that worked", X, 20)
def old_result_after_an_exception(patch: pytest.MonkeyPatch) -> Subject:
    last: list[Any] = [np.zeros(1)]

    def backward(x: Any, dy: Any) -> Any:
        if x.size <= 6:
            last[0] = 2 * x * dy
        return np.resize(last[0], x.shape).astype(x.dtype)

    return squared(backward)


@handed_in("suppresses its exception, and returns dy", X)
def exception_is_swallowed(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        with suppress(AttributeError):
            return 2 * x.missing * dy
        return dy.copy()

    return squared(backward)


@handed_in("raises in every third call", "backward raised RuntimeError: busy")
def raises_now_and_then(patch: pytest.MonkeyPatch) -> Subject:
    calls = iter(range(10**9))

    def backward(x: Any, dy: Any) -> Any:
        if next(calls) % 3 == 2:
            raise RuntimeError("busy")
        return 2 * x * dy

    return squared(backward)


@handed_in("calls itself for ever", RAN + "RecursionError")
def deep_recursion(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        return backward(x, dy)

    return squared(backward)


@handed_in("asks for two exabytes", RAN + "MemoryError")
def huge_array(patch: pytest.MonkeyPatch) -> Subject:
    return squared(lambda x, dy: np.zeros(1 << 58)[: x.size])


def raises(error: BaseException) -> Subject:
    """A square whose backward raises."""

    def backward(x: Any, dy: Any) -> Any:
        raise error

    return squared(backward)


for name, does, error in [
    ("exits with 0", "calls sys.exit(0)", SystemExit(0)),
    ("skipped by unittest", "raises SkipTest", unittest.SkipTest("no GPU")),
    ("end of an iterator", "raises StopIteration", StopIteration()),
]:
    make: Any = lambda patch, error=error: raises(error)  # noqa: E731
    SUBJECTS[name] = HandedIn(make, does, RAN + type(error).__name__)

# What is returned


def returns(name: str, does: str, said: str, backward: Callable[..., Any]) -> None:
    """Put a square with this backward(saved, dy) into the table."""
    make = lambda patch: outsider(lambda x: (x * x, (x,)), backward, lambda x: x * x)  # noqa: E731
    SUBJECTS[name] = HandedIn(make, does, said)


class Equal(np.ndarray):
    """Equal to everything, and zero in every calculation."""

    def __eq__(self, other: object) -> Any:
        return True

    __hash__ = None

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        return np.zeros(self.shape)


class Duck:
    """Says that it is an array."""

    __class__: Any = np.ndarray

    def __init__(self, array: Any) -> None:
        self.array = array

    def __getattr__(self, name: str) -> Any:
        return getattr(self.array, name)


def overlapping(g: Any) -> Any:
    return np.lib.stride_tricks.as_strided(g.ravel()[:1].copy(), g.shape, (0,) * g.ndim)


PLAIN = ", not a plain array"
for name, does, said, change in [
    ("list", "returns a list", f"its gradient is list{PLAIN}", lambda g: g.tolist()),
    ("float", "returns a float", f"its gradient is float{PLAIN}", lambda g: float(g.sum())),
    ("None", "returns no array", f"its gradient is NoneType{PLAIN}", lambda g: None),
    ("tensor", "returns a tensor", f"its gradient is Tensor{PLAIN}", torch.tensor),
    (
        "equal to all",
        "says that it equals everything",
        f"its gradient is Equal{PLAIN}",
        lambda g: g.view(Equal),
    ),
    ("duck", "says that its class is ndarray", f"its gradient is Duck{PLAIN}", Duck),
    ("objects", "an array of objects", "its dtype is object", lambda g: g.astype(object)),
    ("integers", "rounds to integers", "its dtype is int64", lambda g: g.astype(np.int64)),
    ("complex", "complex numbers", "its dtype is complex", lambda g: g.astype(complex)),
    ("long double", "more precision", "its dtype is float", lambda g: g.astype(np.longdouble)),
    ("other bytes", "big-endian", "its dtype is >f", lambda g: g.astype(g.dtype.newbyteorder(">"))),
    ("sum", "an array without axes", "its shape is ()", lambda g: np.asarray(g.sum())),
    ("first row", "one row only", "its shape is (1,", lambda g: g[:1]),
    ("one number", "a view with strides of 0 over one number", X, overlapping),
]:
    returns(
        f"gradient is {name}",
        does,
        said,
        lambda s, dy, change=change: {"x": change(2 * s[0] * dy)},
    )

for name, does, said, whole in [
    ("no dictionary", "returns None", "backward returned NoneType", lambda g: None),
    ("pairs", "returns a list of pairs", "backward returned list", lambda g: [("x", g)]),
    ("empty", "returns {}", "backward returned no gradient for it", lambda g: {}),
    ("too many", "one gradient more", "though it has none", lambda g: {"x": g, "z": g.copy()}),
]:
    returns(name, does, said, lambda s, dy, whole=whole: whole(2 * s[0] * dy))


@handed_in("forward multiplies x in place", "forward raised ValueError: output array is read-only")
def writes_into_x(patch: pytest.MonkeyPatch) -> Subject:
    def forward(x: Any) -> Any:
        x *= x
        return x, (x,)

    return squared(forward=forward)


@handed_in("backward multiplies dy in place", RAN + "ValueError: output array is read-only")
def writes_into_dy(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        dy *= 2 * x
        return dy

    return squared(backward)


@handed_in("makes dy writeable first", AGAIN)
def writes_into_dy_by_force(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        if dy.base is None:
            dy.flags.writeable = True
            dy *= 2 * x
        return dy.copy()

    return squared(backward)


# What belongs to everybody, and what is patched

for name, does, said, set_it in [
    ("seeds NumPy", "np.random.seed(7)", "the state of np.random", lambda: np.random.seed(7)),  # noqa: NPY002
    ("seeds torch", "manual_seed(7)", "torch's random numbers", lambda: torch.manual_seed(7)),
    (
        "default dtype",
        "makes float64 the default",
        "torch's default dtype",
        lambda: torch.set_default_dtype(torch.float64),
    ),
    (
        "threads",
        "gives torch two threads more",
        "torch's number of threads",
        lambda: torch.set_num_threads(torch.get_num_threads() + 2),
    ),
]:

    def setting(patch: pytest.MonkeyPatch, change: Any = set_it) -> Subject:
        def backward(x: Any, dy: Any) -> Any:
            change()
            return 2 * x * dy

        return squared(backward)

    SUBJECTS[name] = HandedIn(setting, does, said, 1)

for owner, name, value in [
    (np, "array_equal", lambda *a, **k: True),
    (np, "allclose", lambda *a, **k: True),
    (np, "isclose", lambda a, *b, **k: np.ones(np.shape(a), bool)),
    (np, "isnan", lambda a, *b, **k: np.zeros(np.shape(a), bool)),
    (np, "subtract", lambda a, *b, **k: np.zeros_like(a)),
    (np, "greater", lambda a, *b, **k: np.zeros(np.shape(a), bool)),
    (np, "any", lambda *a, **k: np.False_),
    (np, "max", lambda *a, **k: np.float64(0)),
    (np.testing, "assert_allclose", lambda *a, **k: None),
    (torch, "allclose", lambda *a, **k: True),
]:

    def replaced(
        patch: pytest.MonkeyPatch, owner: Any = owner, name: str = name, value: Any = value
    ) -> Subject:
        def forward(x: Any) -> Any:
            patch.setattr(owner, name, value)
            return x * x, (x,)

        return squared(lambda x, dy: 3 * x * dy, forward)

    SUBJECTS[f"{owner.__name__}.{name} replaced"] = HandedIn(
        replaced, "forward replaces it by one that finds nothing", X, 5
    )


@handed_in("looks in the callers' variables for the reference's gradient", LINEAR)
def stolen_from_frames(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        frame, wanted = sys._getframe(), 2 * x * dy
        while frame := frame.f_back:  # type: ignore[assignment]  # the loop ends at None
            for held in frame.f_locals.values():
                for a in vars(held).values() if hasattr(held, "__dict__") else ():
                    a = a[0] if isinstance(a, (list, tuple)) and a else a  # noqa: PLW2901
                    g = a.detach().numpy() if isinstance(a, torch.Tensor) else a
                    if (
                        isinstance(g, np.ndarray)
                        and g.shape == x.shape
                        and np.allclose(g, wanted, 1e-3)
                    ):
                        return g.astype(x.dtype)
        return 3 * x * dy

    return squared(backward)


@handed_in("looks for a leaf's gradient among all objects in memory", X, 2)
def stolen_from_memory(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        for t in gc.get_objects():
            if type(t) is torch.Tensor and t.is_leaf and t.shape == x.shape and t.grad is not None:
                return t.grad.numpy().astype(x.dtype)
        return 3 * x * dy

    return squared(backward)


@handed_in("keeps what autograd's engine returned last", ZERO)
def stolen_from_autograd(patch: pytest.MonkeyPatch) -> Subject:
    kept: dict[Any, Any] = {}
    real = torch.autograd.Variable._execution_engine.run_backward

    def run_backward(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        kept.update({tuple(g.shape): g.detach().clone() for g in found if g is not None})
        return found

    engine = SimpleNamespace(run_backward=run_backward)
    patch.setattr(torch.autograd.Variable, "_execution_engine", engine)
    return squared(lambda x, dy: kept[x.shape].numpy().astype(x.dtype))


@handed_in("calls autograd, and adds to .grad", STATE)
def autograd_inside_adds_up(patch: pytest.MonkeyPatch) -> Subject:
    def forward(x: Any) -> Any:
        t = torch.tensor(x.copy(), requires_grad=True)
        return (t * t).detach().numpy(), (t, t * t)

    def backward(saved: Any, dy: Any) -> Any:
        saved[1].backward(torch.tensor(dy.copy()), retain_graph=True)
        return {"x": saved[0].grad.numpy().copy()}

    return outsider(forward, backward, lambda x: x * x)
