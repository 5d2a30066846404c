"""What the families share: one table of rules, one twin, bugs, and small helpers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gradproof import Bug, CaseRules

cases = CaseRules()


@singledispatch
def twin(layer: Any, *tensors: Any) -> Any:
    """The same function by PyTorch."""
    raise NotImplementedError(type(layer).__name__)


def bugs(module: str, wrong: Mapping[str, Sequence[tuple[str, str, str, str, str]]]) -> list[Bug]:
    """Wrong variants of a module's functions: (name, old, new, arguments, origin) by function.

    A function is "Class.method", or "Class:function" for one that a class uses. The arguments are
    those whose gradients are wrong.
    """
    found = []
    for place, rows in wrong.items():
        kind, _, helper = place.partition(":")
        kind, function = kind.partition(".")[0], f"{module}:{helper or place}"
        for name, old, new, arguments, origin in rows:
            of = tuple(arguments.split())
            found.append(
                Bug(f"{kind}-{name}", kind, function, old, new, quantities=of, origin=origin)
            )
    return found


SIZES = st.integers(1, 4)
STEPS = 8
"""The most steps of a case: PyTorch takes them one at a time."""


def pick(draw: Any, *values: Any) -> Any:
    return draw(st.sampled_from(values))


def summed(g: Any, shape: tuple[int, ...]) -> Any:
    """The gradient of an array of this shape that was broadcast to g's."""
    lead = g.ndim - len(shape)
    axes = (*range(lead), *(i + lead for i, n in enumerate(shape) if n == 1))
    return g.sum(axis=axes).reshape(shape)


def mt(a: Any) -> Any:
    """Each matrix transposed."""
    return np.swapaxes(a, -1, -2)


def sigmoid(x):
    """1 / (1 + e⁻ˣ); an exponential that overflows gives 0, which is right."""
    return 1 / (1 + np.exp(-x))


def softmax(s: Any, axis: int = -1) -> Any:
    """Softmax; a row of −∞ alone (all keys hidden) becomes zeros."""
    top = s.real.max(axis=axis, keepdims=True)
    e = np.exp(s - np.where(np.isneginf(top), 0, top))
    total = e.sum(axis=axis, keepdims=True)
    return e / np.where(total == 0, 1, total)


def times(a, b):
    """a b, and 0 where a is 0, even if b has overflowed."""
    return np.where(a == 0, 0, a * b)


def attention_shapes(draw: Any, x: Any) -> Any:
    """Query, key and value: (batch, heads, length, features); x is the query's."""
    batch, heads, _, features = x
    keys, values = draw(st.integers(1, 6)), draw(st.sampled_from([features, features, 1, 3]))
    return x, (batch, heads, keys, features), (batch, heads, keys, values)


def taps(start: int, step: int, count: int) -> slice:
    """Places start, start + step, …: so many."""
    return slice(start, start + step * (count - 1) + 1, step)


def fits(n: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """How many windows fit on an axis of n."""
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def fits_ceil(n: int, kernel: int, stride: int, padding: int, ceil: bool, dilation: int = 1) -> int:
    """The same for pooling: with `ceil` a window may stick out, if it starts before the end."""
    if not ceil:
        return fits(n, kernel, stride, padding, dilation)
    m = -((dilation * (kernel - 1) + 1 - n - 2 * padding) // stride) + 1
    return m - 1 if (m - 1) * stride >= n + padding else m


def padded_index(mode: str, n: int, before: int, after: int) -> Any:
    """Where each place of a padded axis takes its value from."""
    at = np.arange(-before, n + after)
    if mode == "reflect":
        return n - 1 - np.abs(n - 1 - np.abs(at))
    return at % n if mode == "circular" else np.clip(at, 0, n - 1)
