"""Layers with a wrong gradient that try to pass: what is kept, counted, never written, or lost.

Each is made by a function, so that what it keeps is new. `SUBJECTS` has them all by name.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch

from gradproof import Subject
from tests.field.outsiders import outsider

Make = Callable[[pytest.MonkeyPatch], Subject]
X = "the gradient of x disagrees"
AGAIN = "a second backward gives another result"
ZERO = "it is not zero for a zero dy"
STATE = "a second forward changes this gradient: some state is kept outside `saved`"


@dataclass(frozen=True)
class HandedIn:
    """A subject, what it does, and a piece of what is said of it after so many cases."""

    make: Make
    does: str
    said: str
    cases: int = 12


SUBJECTS: dict[str, HandedIn] = {}


def handed_in(does: str, said: str, cases: int = 12) -> Callable[[Make], Make]:
    """Put the subject that a function makes into the table."""

    def put(make: Make) -> Make:
        SUBJECTS[make.__name__.replace("_", " ")] = HandedIn(make, does, said, cases)
        return make

    return put


def square(x: Any) -> Any:
    return x * x, (x,)


def right(x: Any, dy: Any) -> Any:
    return 2 * x * dy


def squared(gradient: Callable[..., Any] = right, forward: Any = square) -> Subject:
    """A square whose gradient of x is gradient(x, dy)."""
    return outsider(forward, lambda s, dy: {"x": gradient(s[0], dy)}, lambda x: x * x)


def simple(name: str, does: str, gradient: Any, said: str = X, cases: int = 12) -> None:
    """Put a square whose gradient is one formula into the table."""
    SUBJECTS[name] = HandedIn(lambda patch: squared(gradient), does, said, cases)


# What is kept from an earlier call


@handed_in("forward keeps y by the shape of x", "y disagrees", 40)
def y_kept_by_shape(patch: pytest.MonkeyPatch) -> Subject:
    kept: dict[Any, Any] = {}
    return squared(forward=lambda x: (kept.setdefault((x.shape, x.dtype), x * x).copy(), (x,)))


@handed_in("backward keeps its result by the shape of x", ZERO)
def gradient_kept_by_shape(patch: pytest.MonkeyPatch) -> Subject:
    kept: dict[Any, Any] = {}
    return squared(lambda x, dy: kept.setdefault((x.shape, x.dtype), 2 * x * dy).copy())


@handed_in("backward keeps its result by id(x)", ZERO)
def gradient_kept_by_id(patch: pytest.MonkeyPatch) -> Subject:
    kept: dict[Any, Any] = {}
    return squared(lambda x, dy: kept.setdefault((id(x), x.shape, x.dtype), 2 * x * dy).copy())


@handed_in("backward keeps its result by the bytes of x, and forgets dy", ZERO)
def gradient_kept_by_the_numbers_of_x(patch: pytest.MonkeyPatch) -> Subject:
    kept: dict[Any, Any] = {}
    return squared(lambda x, dy: kept.setdefault((x.tobytes(), x.shape), 2 * x * dy).copy())


@handed_in("each backward returns what the first one after forward returned", ZERO)
def gradient_kept_in_saved(patch: pytest.MonkeyPatch) -> Subject:
    def backward(saved: Any, dy: Any) -> Any:
        x, known = saved
        known.append(2 * x * dy)
        return {"x": known[0].copy()}

    return outsider(lambda x: (x * x, (x, [])), backward, lambda x: x * x)


@handed_in("backward pops the saved array off a list", "backward raised IndexError: pop from")
def tape_is_popped(patch: pytest.MonkeyPatch) -> Subject:
    backward = lambda s, dy: {"x": 2 * s[0].pop() * dy}  # noqa: E731
    return outsider(lambda x: (x * x, ([x],)), backward, lambda x: x * x)


@handed_in("the first backward drops what was saved; later ones return zeros", AGAIN)
def saved_is_dropped(patch: pytest.MonkeyPatch) -> Subject:
    def backward(saved: Any, dy: Any) -> Any:
        return {"x": 2 * saved[0].pop("x", np.zeros_like(dy)) * dy}

    return outsider(lambda x: (x * x, ({"x": x},)), backward, lambda x: x * x)


@handed_in("backward doubles the saved array in place", AGAIN)
def saved_is_doubled(patch: pytest.MonkeyPatch) -> Subject:
    def backward(saved: Any, dy: Any) -> Any:
        saved[0]["x"] *= 2
        return {"x": saved[0]["x"] * dy}

    return outsider(lambda x: (x * x, ({"x": x.copy()},)), backward, lambda x: x * x)


@handed_in("all calls of forward save into one array", STATE)
def one_array_for_what_is_saved(patch: pytest.MonkeyPatch) -> Subject:
    held: dict[Any, Any] = {}

    def forward(x: Any) -> Any:
        buffer = held.setdefault((x.shape, x.dtype), np.empty_like(x))
        buffer[...] = x
        return x * x, ([buffer],)

    return outsider(forward, lambda s, dy: {"x": 2 * s[0][0] * dy}, lambda x: x * x)


@handed_in("gradients add up, as without zero_grad", STATE)
def gradients_add_up(patch: pytest.MonkeyPatch) -> Subject:
    total: list[Any] = [0]

    def backward(x: Any, dy: Any) -> Any:
        total[0] = 2 * x * dy + (total[0] if np.shape(total[0]) == x.shape else 0)
        return total[0].astype(x.dtype)

    return squared(backward)


@handed_in("each call fills the gradient before with zeros", "all calls return the same memory")
def next_call_clears_the_last(patch: pytest.MonkeyPatch) -> Subject:
    last: list[Any] = []

    def backward(x: Any, dy: Any) -> Any:
        for g in last:
            g.fill(0)
        last[:] = [2 * x * dy]
        return last[0]

    return squared(backward)


# Memory that was never written


@handed_in("np.empty, filled only where x > 0", AGAIN)
def empty_where_x_is_negative(patch: pytest.MonkeyPatch) -> Subject:
    def backward(saved: Any, dy: Any) -> Any:
        g = np.empty_like(saved[0])
        g[saved[0] > 0] = dy[saved[0] > 0]
        return {"x": g}

    return outsider(lambda x: (np.maximum(x, 0), (x,)), backward, torch.relu)


@handed_in("np.empty, in the hope that the right numbers still lie there", AGAIN)
def empty_that_was_just_freed(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        (2 * x * dy).sum()
        return np.empty_like(x)

    return squared(backward)


@handed_in("np.empty, without its last row", AGAIN)
def last_row_is_never_written(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        g = np.empty_like(x)
        g[:-1] = (2 * x * dy)[:-1]
        return g

    return squared(backward)


# Right for some shapes, in some calls

simple(
    "small sizes only",
    "right up to 64 numbers",
    lambda x, dy: (2 if x.size <= 64 else 3) * x * dy,
    cases=40,
)
simple(
    "even lengths only",
    "right where the last axis is even",
    lambda x, dy: x * dy * (1 + (x.shape[-1] + 1) % 2),
)


def counted(name: str, does: str, factor: Callable[[int], int], said: str, cases: int = 12) -> None:
    """Put a square whose factor depends on how many calls there were into the table."""

    def make(patch: pytest.MonkeyPatch) -> Subject:
        calls = count()
        return squared(lambda x, dy: factor(next(calls)) * x * dy)

    SUBJECTS[name] = HandedIn(make, does, said, cases)


counted("first ten calls only", "right in the first 10 calls", lambda n: 2 + (n >= 10), AGAIN, 40)
counted("even calls only", "right in every other call", lambda n: 2 + n % 2, X)


@handed_in("right only from the second backward on", AGAIN)
def second_backward_only(patch: pytest.MonkeyPatch) -> Subject:
    calls: list[int] = []

    def forward(x: Any) -> Any:
        calls.clear()
        return square(x)

    def backward(x: Any, dy: Any) -> Any:
        calls.append(0)
        return (2 if len(calls) > 1 else 3) * x * dy

    return squared(backward, forward)


@handed_in("one entry in a hundred is lost by chance, without NumPy's generator", AGAIN, 40)
def entries_are_lost_by_chance(patch: pytest.MonkeyPatch) -> Subject:
    own = np.random.default_rng(0)
    return squared(lambda x, dy: 2 * x * dy * (own.random(x.shape) < 0.99))


@handed_in("every tenth call is wrong, by chance", AGAIN, 40)
def wrong_by_chance(patch: pytest.MonkeyPatch) -> Subject:
    own = random.Random(0)
    return squared(lambda x, dy: (2 if own.random() < 0.9 else 3) * x * dy)


@handed_in("returns zeros, which a thread fills later", AGAIN)
def filled_by_a_thread(patch: pytest.MonkeyPatch) -> Subject:
    def backward(x: Any, dy: Any) -> Any:
        g = np.zeros_like(x)
        timer = threading.Timer(0.001, lambda: np.copyto(g, 2 * x * dy))
        timer.daemon = True
        timer.start()
        return g

    return squared(backward)
