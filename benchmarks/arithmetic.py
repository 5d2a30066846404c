"""The same layer by other arithmetic: in a lower precision, with sums in other orders, fused.

A layer's arrays become arrays whose operations are carried out in another way; what it returns are
plain arrays again. The layer itself is not changed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import wraps
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.subject.low_precision import low_dtype


def other_order(layer: Any, way: type[Way]) -> Any:
    """The layer with its arithmetic carried out in that way."""
    return _carried_out(layer, lambda a, _: a.view(way), lambda a, _: a.view(np.ndarray))


def lower(layer: Any, precision: str) -> Any:
    """The layer in that precision: what it is given is rounded, what it returns cast back."""
    if precision == "bfloat16":
        return _carried_out(
            layer,
            lambda a, _: _to_bfloat16(a).view(Coarse),
            lambda a, _: a.view(np.ndarray),
        )
    return _carried_out(
        layer, lambda a, _: a.astype(precision), lambda a, dtype: a.astype(dtype, copy=False)
    )


def _carried_out(layer: Any, enter: Callable[..., Any], leave: Callable[..., Any]) -> Any:
    """A layer of a subclass of the same name, between two changes of all arrays that float."""
    kind = type(layer)

    def forward(self: Any, *arrays: Any) -> Any:
        (dtype,) = {a.dtype for a in arrays if _floats(a)} or {None}
        with _subclasses_kept(kind):
            y, saved = kind.forward(self, *_each(enter, arrays, dtype))
        return _each(leave, y, dtype), (saved, dtype)

    def backward(self: Any, saved: Any, dy: Any) -> Any:
        saved, dtype = saved
        with _subclasses_kept(kind):
            grads = kind.backward(self, saved, _each(enter, dy, dtype))
        return {name: _each(leave, g, dtype) for name, g in grads.items()}

    body = {
        "forward": wraps(kind.forward)(forward),
        "backward": wraps(kind.backward)(backward),
        "__qualname__": kind.__qualname__,
        "__module__": kind.__module__,
    }
    made = copy(layer)
    object.__setattr__(made, "__class__", type(kind.__name__, (kind,), body))
    return made


def _floats(a: Any) -> bool:
    return isinstance(a, (np.ndarray, np.generic)) and a.dtype.kind == "f"


def _each(change: Callable[..., Any], a: Any, dtype: Any) -> Any:
    if isinstance(a, tuple):
        return tuple(_each(change, part, dtype) for part in a)
    if not _floats(a):
        return a.view(np.ndarray) if isinstance(a, Way) else a
    with np.errstate(all="ignore"):
        return change(np.asanyarray(a), dtype)


class _Numpy:
    """NumPy, where `asarray` keeps the kind of an array."""

    def __getattr__(self, name: str) -> Any:
        return np.asanyarray if name == "asarray" else getattr(np, name)


@contextmanager
def _subclasses_kept(kind: type) -> Iterator[None]:
    package = kind.__module__.partition(".")[0] + "."
    those = [m for n, m in sys.modules.items() if n.startswith(package) and vars(m).get("np") is np]
    for module in those:
        vars(module)["np"] = _Numpy()
    try:
        yield
    finally:
        for module in those:
            vars(module)["np"] = np


def _plain(a: Any) -> Any:
    if isinstance(a, (tuple, list)):
        return type(a)(map(_plain, a))
    return a.view(np.ndarray) if isinstance(a, Way) else a


class Way(np.ndarray):  # type: ignore[type-arg]
    """An array whose sums are carried out in another way."""

    product: tuple[Any, Any] | None = None

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **named: Any) -> Any:
        out = named.pop("out", ())
        made = self._made(ufunc, method, given, {k: _plain(v) for k, v in named.items()})
        for old, new in zip(out, made if isinstance(made, tuple) else (made,), strict=False):
            _plain(old)[...] = new
        return (out[0] if len(out) == 1 else out) if out else self._wrapped(made)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._wrapped(super().__array_function__(func, types, args, kwargs))

    def dot(self, other: Any, out: None = None) -> Any:  # type: ignore[override]  # noqa: ARG002
        """As `@`, which can be carried out in another way."""
        return np.matmul(self, other) if self.ndim and np.ndim(other) else self * other

    def _wrapped(self, made: Any) -> Any:
        if isinstance(made, (tuple, list)):
            return type(made)(map(self._wrapped, made))
        return np.asarray(made).view(type(self)) if _floats(made) else made

    def _made(self, ufunc: Any, method: str, given: Any, named: Any) -> Any:
        plain = _plain(given)
        if method == "at":
            at, values = plain[1:]
            if isinstance(at, np.ndarray) and np.ndim(values) >= at.ndim:
                flat = np.reshape(values, (at.size, *np.shape(values)[at.ndim :]))
                order = self.order(at.size)
                at, values = at.ravel()[order], flat[order]
            return ufunc.at(plain[0], at, values, **named)
        if method == "reduce" and ufunc is np.add:
            return self._sum(*plain, **named)
        if method == "__call__" and ufunc is np.matmul:
            return self._matmul(*plain)
        return self._rest(ufunc, method, given, named)

    def _rest(self, ufunc: Any, method: str, given: Any, named: Any) -> Any:
        return getattr(ufunc, method)(*_plain(given), **named)

    def _sum(self, a: Any, axis: Any = 0, *rest: Any, **named: Any) -> Any:
        axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        for n in axes:
            a = np.take(a, self.order(a.shape[n]), axis=n)
        return np.add.reduce(a, axis, *rest, **named)

    def _matmul(self, a: Any, b: Any) -> Any:
        order = self.order(a.shape[-1])
        return np.matmul(a[..., order], np.take(b, order, axis=-2 if b.ndim > 1 else 0))

    @staticmethod
    def order(n: int) -> Array:
        """The order in which n terms are added up."""
        return np.arange(n)


class Reversed(Way):
    """From the last term to the first."""

    @staticmethod
    def order(n: int) -> Array:
        return np.arange(n)[::-1]


class Shuffled(Way):
    """In a random order, which is the same for the same number of terms."""

    @staticmethod
    def order(n: int) -> Array:
        return np.random.default_rng(n).permutation(n)


class OneByOne(Way):
    """One term after the other, where NumPy and BLAS add in blocks."""

    def _sum(self, a: Any, axis: Any = 0, *rest: Any, **named: Any) -> Any:
        keepdims, where = named.pop("keepdims", False), named.pop("where", True)
        if rest or where is not True or a.dtype.kind != "f":
            return np.add.reduce(a, axis, *rest, keepdims=keepdims, where=where, **named)
        all_axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = sorted(n % a.ndim for n in all_axes)
        kept = [n for n in range(a.ndim) if n not in axes]
        shape = [a.shape[n] for n in kept]
        terms = math.prod(a.shape[n] for n in axes)
        rows = np.transpose(a, (*axes, *kept)).reshape(terms, *shape)
        total = np.zeros(shape, a.dtype)
        for row in rows:
            total = total + row
        return np.expand_dims(total, axes) if keepdims else total

    def _matmul(self, a: Any, b: Any) -> Any:
        return _product(a, b, lambda total, x, y: total + x * y)


class Fused(Way):
    """Each product that is added to something is not rounded before, as by fused multiply-add."""

    def _matmul(self, a: Any, b: Any) -> Any:
        return _product(a, b, _fused)

    def _rest(self, ufunc: Any, method: str, given: Any, named: Any) -> Any:
        if method == "__call__" and ufunc in (np.add, np.subtract) and not named:
            for i in (0, 1):
                factors = getattr(given[i], "product", None)
                if factors is not None:
                    sign = -1 if ufunc is np.subtract else 1
                    x, y = factors if i == 0 or sign == 1 else (-factors[0], factors[1])
                    other = _plain(given[1 - i])
                    return _fused(other if i == 1 or sign == 1 else np.negative(other), x, y)
        return super()._rest(ufunc, method, given, named)

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **named: Any) -> Any:
        made = super().__array_ufunc__(ufunc, method, *given, **named)
        if isinstance(made, Way):
            once = ufunc is np.multiply and method == "__call__" and not named
            made.product = _plain(given) if once and _all_alike(given, made) else None
        return made


def _all_alike(given: Any, made: Any) -> bool:
    """Whether all factors are of the dtype of the product, or Python's numbers."""
    return all(getattr(a, "dtype", made.dtype) == made.dtype for a in given)


def _fused(total: Any, x: Any, y: Any) -> Any:
    """total + x y, rounded once; in float64 the product has the 64 bits of longdouble."""
    dtype = np.result_type(total, x, y)
    wide = np.result_type(dtype, np.float64 if dtype == np.float32 else np.longdouble)
    return (np.asarray(x, wide) * y + total).astype(dtype)


def _product(a: Any, b: Any, add: Callable[..., Any]) -> Any:
    """a @ b, one term after the other."""
    vectors = a.ndim == 1, b.ndim == 1
    a, b = a[np.newaxis] if vectors[0] else a, b[:, np.newaxis] if vectors[1] else b
    dtype = np.result_type(a, b)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    total = np.zeros((*batch, a.shape[-2], b.shape[-1]), dtype)
    for k in range(a.shape[-1]):
        total = add(total, a[..., :, k, np.newaxis], b[..., np.newaxis, k, :])
    total = total[..., 0, :] if vectors[0] else total
    return total[..., 0] if vectors[1] else total


class Coarse(Way):
    """Each operation's result is rounded to bfloat16, whose range is float32's."""

    def _made(self, ufunc: Any, method: str, given: Any, named: Any) -> Any:
        made = getattr(ufunc, method)(*_plain(given), **named)
        return tuple(map(_to_bfloat16, made)) if isinstance(made, tuple) else _to_bfloat16(made)


def _to_bfloat16(a: Any) -> Any:
    return a.astype(low_dtype("bfloat16")).astype(a.dtype) if _floats(a) else a
