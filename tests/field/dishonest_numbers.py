"""Layers with a wrong gradient that try to pass: what is rounded, and what is taken for granted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gradproof import Subject, real
from tests.field.dishonest import ZERO, X, handed_in, simple, squared
from tests.field.outsiders import Entries, outsider

W = "the gradient of w disagrees"

# Less precision inside


def rounded(kind: Any, array: Any) -> Any:
    with np.errstate(all="ignore"):
        return array.astype(kind).astype(array.dtype)


@handed_in("computes in float32, whatever it gets", X, 20)
def float32_inside(patch: pytest.MonkeyPatch) -> Subject:
    forward = lambda x: (rounded(np.float32, x * x), (x,))  # noqa: E731
    return squared(lambda x, dy: rounded(np.float32, 2 * x * dy), forward)


@handed_in("saves x as float32", X, 20)
def float32_in_what_is_saved(patch: pytest.MonkeyPatch) -> Subject:
    return squared(forward=lambda x: (x * x, (rounded(np.float32, x),)))


@handed_in("sums in float32", "y disagrees", 20)
def float32_in_a_sum(patch: pytest.MonkeyPatch) -> Subject:
    def total(x: Any) -> Any:
        return x.sum(-1, dtype=np.float32).astype(x.dtype), (x,)

    backward = lambda s, dy: {"x": s[0] * 0 + dy[..., None]}  # noqa: E731
    return outsider(total, backward, lambda x: x.sum(-1))


simple(
    "float32 in the gradient",
    "rounds the gradient to float32",
    lambda x, dy: rounded(np.float32, 2 * x * dy),
)
simple(
    "float32 in the cotangent",
    "rounds dy to float32",
    lambda x, dy: 2 * x * rounded(np.float32, dy),
)
simple(
    "float16 in the gradient",
    "rounds the gradient to float16",
    lambda x, dy: rounded(np.float16, 2 * x * dy),
)


def sine(cosine: Callable[[Any], Any]) -> Subject:
    """A sine with somebody's own cosine."""
    backward = lambda s, dy: {"x": cosine(s[0]).astype(dy.dtype) * dy}  # noqa: E731
    return outsider(lambda x: (np.sin(x), (x,)), backward, torch.sin)


@handed_in("looks the cosine up in a table of 100,001 places", X)
def table_of_cosines(patch: pytest.MonkeyPatch) -> Subject:
    places = np.linspace(-8, 8, 100_001)
    return sine(lambda x: np.interp(x, places, np.cos(places)))


@handed_in("takes finite differences for the cosine", X)
def finite_differences(patch: pytest.MonkeyPatch) -> Subject:
    return sine(lambda x: (np.sin(x.astype(float) + 1e-6) - np.sin(x.astype(float) - 1e-6)) / 2e-6)


@handed_in("adds 1e-8 to the denominator of a reciprocal", X)
def small_number_in_the_denominator(patch: pytest.MonkeyPatch) -> Subject:
    backward = lambda s, dy: {"x": -dy / (s[0] * s[0] + np.asarray(1e-8, dy.dtype))}  # noqa: E731
    return outsider(lambda x: (1 / x, (x,)), backward, torch.reciprocal)


# The cotangent, and values

for name, does, gradient, said, cases in [
    ("dy is taken for ones", "does not multiply by dy", lambda x, dy: 2 * x, X, 12),
    (
        "dy is taken for equal",
        "multiplies by the first number of dy",
        lambda x, dy: 2 * x * dy.flat[0],
        X,
        12,
    ),
    ("dy is averaged", "multiplies by the mean of dy", lambda x, dy: 2 * x * dy.mean(), X, 12),
    ("dy is clipped", "clips dy to ±1", lambda x, dy: 2 * x * np.clip(dy, -1, 1), X, 12),
    ("gradient is clipped", "clips to ±1e6", lambda x, dy: np.clip(2 * x * dy, -1e6, 1e6), X, 20),
    ("sign of dy", "loses the sign of dy", lambda x, dy: 2 * x * abs(dy), X, 12),
    (
        "zeros of dy",
        "takes ones for the zeros of dy",
        lambda x, dy: 2 * x * np.where(dy == 0, np.ones_like(dy), dy),
        ZERO,
        12,
    ),
    (
        "dy in memory order",
        "reads dy as a kernel does that takes it for contiguous",
        lambda x, dy: 2 * x * dy.ravel(order="K").reshape(dy.shape),
        X,
        40,
    ),
    (
        "known numbers only",
        "right at 0, ±1, 2, ½, 1e4 and 1e-4",
        lambda x, dy: (
            np.where(np.isin(x, [0, 1, -1, 2, 0.5, 1e4, 1e-4]), 2, 2.5).astype(x.dtype) * x * dy
        ),
        X,
        12,
    ),
    (
        "wrong beyond a hundred",
        "right from −100 to 100",
        lambda x, dy: np.where(abs(x) > 100, 3 * x * dy, 2 * x * dy),
        X,
        20,
    ),
    (
        "wrong for equal neighbours",
        "wrong where an entry equals the one before it",
        lambda x, dy: (
            np.where((x == np.roll(x, 1, -1)) & (x.shape[-1] > 1), 3, 2).astype(x.dtype) * x * dy
        ),
        X,
        40,
    ),
    (
        "wrong in float32",
        "right in float64 only",
        lambda x, dy: (3 if x.dtype == np.float32 else 2) * x * dy,
        X,
        12,
    ),
    ("NaN everywhere", "returns NaN", lambda x, dy: np.full_like(x, np.nan), X, 12),
    (
        "NaN where it is hard",
        "returns NaN where x > 1",
        lambda x, dy: np.where(x > 1, np.nan, 2 * x * dy).astype(x.dtype),
        X,
        12,
    ),
    ("infinite", "returns infinity", lambda x, dy: np.full_like(x, np.inf), X, 12),
]:
    simple(name, does, gradient, said, cases)


def product(gradients: Callable[[Any, Any, Any], dict[str, Any]]) -> Subject:
    """x times w, with gradients(x, w, dy)."""
    entries: Entries = lambda draw, x: {"x": real(*x), "w": real(*x)}  # noqa: E731
    backward = lambda s, dy: gradients(s[0], s[1], dy)  # noqa: E731
    return outsider(lambda x, w: (x * w, (x, w)), backward, lambda x, w: x * w, entries)


@handed_in("x and w have each other's gradient", X)
def gradient_of_the_other(patch: pytest.MonkeyPatch) -> Subject:
    return product(lambda x, w, dy: {"x": x * dy, "w": w * dy})


@handed_in("w has zeros for a gradient", W)
def zeros_for_one_gradient(patch: pytest.MonkeyPatch) -> Subject:
    return product(lambda x, w, dy: {"x": w * dy, "w": np.zeros_like(dy)})


@handed_in("w has no gradient", "backward returned no gradient for it")
def one_gradient_is_missing(patch: pytest.MonkeyPatch) -> Subject:
    return product(lambda x, w, dy: {"x": w * dy})
