"""Subjects that try to leave before they are judged, or to change what judges them."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis.control import _current_build_context

from gradproof import Subject
from tests.field.dishonest import AGAIN, SUBJECTS, HandedIn, X, handed_in, right, squared
from tests.field.outsiders import outsider

# Away before there is a verdict


class MuteError(Exception):
    """It raises where its text is asked for."""

    def __str__(self) -> str:
        raise RuntimeError


def leaves(name: str, does: str, leave: Callable[[], Any], said: str) -> None:
    """Put a layer whose backward pass leaves into the table."""
    make = lambda patch: squared(lambda x, dy: leave())  # noqa: E731
    SUBJECTS[name] = HandedIn(make, does, said)


def throw(error: BaseException) -> None:
    raise error


leaves(
    "drops its own case",
    "tells Hypothesis that the case is invalid",
    lambda: _current_build_context.value.data.mark_invalid(),  # type: ignore[union-attr]  # noqa: PLW0108
    "backward raised AttributeError",
)
leaves(
    "skipped by pytest",
    "calls pytest.skip",
    lambda: pytest.skip("no GPU"),
    "backward raised Skipped",
)
leaves(
    "expected to fail",
    "calls pytest.xfail",
    lambda: pytest.xfail("slow"),
    "backward raised XFailed",
)
leaves(
    "no ordinary exception",
    "raises BaseException",
    lambda: throw(BaseException("none of yours")),
    "backward raised BaseException",
)
leaves(
    "end of a generator",
    "raises GeneratorExit",
    lambda: throw(GeneratorExit()),
    "backward raised GeneratorExit",
)
leaves(
    "an exception without words",
    "raises what raises when it is printed",
    lambda: throw(MuteError()),
    "backward raised MuteError",
)


@handed_in("the reference calls sys.exit(0)", "the reference raised SystemExit")
def reference_leaves(patch: pytest.MonkeyPatch) -> Subject:
    return outsider(
        lambda x: (x * x, (x,)),
        lambda s, dy: {"x": 2 * s[0] * dy},
        lambda x: throw(SystemExit(0)),
    )


# Two faces


class Lazy(dict[str, Any]):
    """It shows others than it gives."""

    def __getitem__(self, name: str) -> Any:
        return 3 * super().__getitem__(name)


@handed_in("a dictionary that shows others than it gives", "not a plain dictionary")
def lying_dictionary(patch: pytest.MonkeyPatch) -> Subject:
    backward = lambda s, dy: Lazy(x=2 * s[0] * dy)  # noqa: E731
    return outsider(lambda x: (x * x, (x,)), backward, lambda x: x * x)


@handed_in("wrong where all of dy is 1, as after y.sum()", X, 40)
def wrong_for_a_sum(patch: pytest.MonkeyPatch) -> Subject:
    return squared(lambda x, dy: (3 if (dy == 1).all() else 2) * x * dy)


@handed_in("one array for y in all calls", "it changes when forward is called again")
def one_array_for_y(patch: pytest.MonkeyPatch) -> Subject:
    held: dict[Any, Any] = {}

    def forward(x: Any) -> Any:
        buffer = held.setdefault((x.shape, x.dtype), np.empty_like(x))
        buffer[...] = x * x
        return buffer[...], (x,)

    return squared(forward=forward)


@handed_in("right in the first backward after each forward", AGAIN)
def first_backward_only(patch: pytest.MonkeyPatch) -> Subject:
    calls: list[int] = []

    def forward(x: Any) -> Any:
        calls.clear()
        return x * x, (x,)

    def backward(x: Any, dy: Any) -> Any:
        calls.append(0)
        return (2 if len(calls) == 1 else 3) * x * dy

    return squared(backward, forward)


# What belongs to everybody


def changes(name: str, does: str, change: Callable[[], Any], said: str) -> None:
    """Put a right layer that changes something in backward into the table."""

    def backward(x: Any, dy: Any) -> Any:
        change()
        return right(x, dy)

    SUBJECTS[name] = HandedIn(lambda patch: squared(backward), does, said, 4)


changes("seeds NumPy with 0", "np.random.seed(0)", lambda: np.random.seed(0), "np.random")  # noqa: NPY002
changes("seeds Python", "random.seed(0)", lambda: random.seed(0), "the state of random")
changes(
    "no subnormal numbers",
    "torch.set_flush_denormal(True)",
    lambda: torch.set_flush_denormal(True),
    "how the processor rounds",
)
changes(
    "rounds upwards",
    "calls fesetround",
    lambda: ctypes.CDLL(None).fesetround(0x800),
    "how the processor rounds",
)
changes(
    "default device",
    'set_default_device("meta")',
    lambda: torch.set_default_device("meta"),
    "torch's default device",
)
changes(
    "precision of products",
    "allows products in less precision",
    lambda: torch.set_float32_matmul_precision("medium"),
    "torch's precision of products",
)


@handed_in("backward replaces it by one that returns zeros", "numpy.abs")
def numpy_abs_replaced(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        patch.setattr(np, "abs", lambda a, **how: np.zeros_like(a))
        return right(x, dy)

    return squared(backward)
