"""PyTorch's core operations on balls: intervals of FLINT's `arb` in NumPy object arrays.

Source    https://docs.pytorch.org/docs/stable/torch.compiler_ir.html (core aten operators)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from gradproof.arrays import Array

Rule: TypeAlias = Callable[..., Any]


class Unsupported(Exception):
    """An operation that is not among these, or too many numbers."""


@dataclass
class Given:
    """A tensor that an operation is given, and its balls; of a mask, its truth values."""

    tensor: Tensor
    balls: Array


class Fill(Given):
    """A number of Python's, and its ball."""


def balls(array: Array) -> Array:
    """The numbers of an array as exact balls."""
    from flint import arb

    made = np.empty(array.shape, dtype=object)
    number = float if array.dtype.kind == "f" else int
    made.flat[:] = [arb(number(v)) for v in array.flat] or None
    return made


def run(
    name: str,
    func: Any,
    given: Sequence[Any],
    options: dict[str, Any],
    outs: Sequence[Any],
) -> list[Any]:
    """The exact results of an operation.

    outs      what torch made, for its decisions
    Raises    Unsupported
    """
    base = name.rstrip("_") or name
    if base in _CONSTANT or not _floating(given, options):
        return [balls(o.detach().numpy()) if isinstance(o, Tensor) else None for o in outs]
    if base in _CHOSEN:
        return [_chosen(base, given, options, outs), None]
    if base in _MOVED:
        return [_moved(func, *_with_fill(base, given, options))]
    if base not in _RULES:
        raise Unsupported(name)
    return [_RULES[base](*given, **options)]


def _floating(*given: Any) -> bool:
    """Whether a number that floats is among the arguments."""
    return any(g.tensor.is_floating_point() for g in _tensors(given))


def _tensors(given: Any) -> Iterator[Given]:
    for g in given.values() if isinstance(given, dict) else given:
        if isinstance(g, Given):
            yield g
        elif isinstance(g, (list, tuple, dict)):
            yield from _tensors(g)


_CONSTANT = frozenset(
    """zeros zeros_like ones ones_like full full_like empty empty_like empty_strided new_zeros
    new_ones new_empty new_empty_strided new_full scalar_tensor arange linspace eye zero
    sign sgn floor ceil round trunc""".split()
)
"""What torch made is exact, or a decision."""

RESHAPING = frozenset("squeeze_ unsqueeze_ t_ transpose_ detach_".split())
"""These change how a tensor lies in its memory, and no number."""

_MOVED = frozenset(
    """clone _to_copy detach alias cat stack gather index_select index select_scatter slice_scatter
    _unsafe_view lift_fresh flip roll tril triu repeat select_backward slice_backward scatter
    constant_pad_nd unfold_backward diagonal_backward _reshape_copy permute_copy expand_copy
    as_strided_scatter diag_embed""".split()
)
"""These move numbers, and put zeros beside them."""


_FILLS = {"scatter": 3, "constant_pad_nd": 2}
"""Where these take a number to put in place of others."""


def _with_fill(
    base: str, given: Sequence[Any], options: dict[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """The arguments, with such a number as a tensor: it has a ball, and a place."""

    def boxed(a: Any) -> Any:
        if isinstance(a, Given):
            return a
        number = torch.tensor(float(a), dtype=torch.float64)
        return Fill(number, balls(number.numpy()))

    if base not in _FILLS:
        return given, options
    at = _FILLS[base]
    made = [*given[:at], *map(boxed, given[at : at + 1]), *given[at + 1 :]]
    return made, {key: boxed(a) if key == "value" else a for key, a in options.items()}


def _moved(func: Any, given: Sequence[Any], options: dict[str, Any]) -> Array:
    """An operation that only moves numbers moves their places instead; place 0 holds a zero."""
    parts = [balls(np.zeros(1))]

    def places(g: Any) -> Any:
        if isinstance(g, list):
            return [places(x) for x in g]
        if not isinstance(g, Given):
            return g
        if not g.tensor.is_floating_point():
            return g.tensor
        start = sum(p.size for p in parts)
        parts.append(g.balls.ravel())
        if isinstance(g, Fill):
            return float(start)
        numbers = torch.arange(start, start + g.balls.size, dtype=torch.float64)
        return numbers.reshape(g.tensor.shape)

    if options.get("dtype") is not None:
        options = options | {"dtype": torch.float64}
    made = func(*map(places, given), **{k: places(v) for k, v in options.items()})
    where = made.numpy().astype(np.intp)
    return np.asarray(np.concatenate(parts)[where])


def _chosen(
    base: str, given: Sequence[Any], options: dict[str, Any], outs: Sequence[Tensor]
) -> Array:
    """The numbers at the places that torch chose, along one axis."""
    x = given[0]
    if len(outs) < 2:
        return _extremum(base, *given, **options)
    at = {"sort": 1, "topk": 2}.get(base, 1)
    fixed = [a for a in given[at:] if isinstance(a, int) and not isinstance(a, bool)]
    axis = int(options.get("dim", fixed[0] if fixed else -1))
    if x.tensor.ndim == 0:
        return np.asarray(x.balls)
    where = outs[1].numpy()
    if where.ndim < x.tensor.ndim:
        return np.asarray(np.take_along_axis(x.balls, np.expand_dims(where, axis), axis)).squeeze(
            axis
        )
    return np.asarray(np.take_along_axis(x.balls, where, axis))


_CHOSEN = frozenset("sort topk max min amax amin median".split())


def _extremum(base: str, x: Given, dim: Any = None, keepdim: bool = False) -> Array:
    reduce: Any = np.maximum.reduce if base in ("max", "amax") else np.minimum.reduce
    return np.asarray(reduce(x.balls, axis=_axes(dim, x), keepdims=keepdim), dtype=object)


def _axes(dim: Any, x: Given) -> Any:
    """NumPy's word for torch's axes: () and None are all; a single number has an axis, too."""
    if dim is None or not x.tensor.ndim:
        return None
    return dim if isinstance(dim, int) else tuple(dim) or None


def _ball(a: Any) -> Any:
    """An argument's balls; a number of Python's as a ball."""
    if isinstance(a, Given):
        return balls(a.balls) if a.balls.dtype == bool else a.balls
    from flint import arb

    return arb(a if isinstance(a, int) else float(a))


def _value(a: Any) -> Any:
    """An argument's own numbers, for decisions."""
    return a.tensor.detach().numpy() if isinstance(a, Given) else a


def _each(method: str) -> Rule:
    function = np.frompyfunc(lambda ball: getattr(ball, method)(), 1, 1)
    return lambda x: function(_ball(x))


def _add(x: Any, y: Any, alpha: Any = 1) -> Any:
    return _ball(x) + (_ball(y) if alpha == 1 else _ball(alpha) * _ball(y))


def _subtract(x: Any, y: Any, alpha: Any = 1) -> Any:
    return _ball(x) - (_ball(y) if alpha == 1 else _ball(alpha) * _ball(y))


def _divide(x: Any, y: Any, rounding_mode: Any = None) -> Any:
    if rounding_mode is not None:
        raise Unsupported
    return _ball(x) / _ball(y)


def _power(x: Any, p: Any) -> Any:
    if isinstance(p, (int, float)) and p == 0.5:
        return np.sqrt(_ball(x))
    return _ball(x) ** _ball(p)


def _polygamma(order: Any, x: Any) -> Any:
    sign = (-1) ** (order + 1) * math.factorial(order)
    hurwitz = np.frompyfunc(lambda ball: _ball(order + 1).zeta(ball) * sign, 1, 1)
    return hurwitz(_ball(x))


def _larger(x: Any, y: Any) -> Any:
    return np.where(_value(x) >= _value(y), _ball(x), _ball(y))


def _smaller(x: Any, y: Any) -> Any:
    return np.where(_value(x) <= _value(y), _ball(x), _ball(y))


def _clamp(x: Any, min: Any = None, max: Any = None) -> Any:  # noqa: A002  (torch's names)
    made, values = _ball(x), _value(x)
    if min is not None:
        made = np.where(values >= _value(min), made, _ball(min))
    if max is not None:
        made = np.where(values <= _value(max), made, _ball(max))
    return made


def _outside(dy: Any, x: Any, lambd: Any) -> Any:
    return np.where(np.abs(_value(x)) <= float(lambd), _ball(0), dy.balls)


def _reduced(function: Any, start: int) -> Rule:
    def rule(x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Array:
        made = function.reduce(_ball(x), axis=_axes(dim, x), keepdims=keepdim, initial=_ball(start))
        return np.asarray(made, dtype=object)

    return rule


_sum = _reduced(np.add, 0)


def _mean(x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    total = _sum(x, dim, keepdim)
    return total * total.size / _ball(x.tensor.numel()) if total.size else total


def _running(function: Any) -> Rule:
    def rule(x: Any, dim: int, **_: Any) -> Any:
        return function.accumulate(_ball(x), axis=dim) if x.tensor.ndim else _ball(x)

    return rule


def _matmul(a: Any, b: Any) -> Any:
    if a.balls.size * b.balls.shape[-1] > 200_000:
        raise Unsupported
    if not a.balls.shape[-1]:
        return balls(np.zeros((a.tensor @ b.tensor).shape))
    return np.asarray(a.balls @ b.balls, dtype=object)


def _add_matmul(c: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    return _ball(beta) * _ball(c) + _ball(alpha) * _matmul(a, b)


def _index_put(x: Any, indices: Any, values: Any, accumulate: bool = False, *_: Any) -> Array:
    made = np.array(x.balls)
    at: Any = tuple(slice(None) if i is None else _value(i) for i in indices)
    if accumulate:
        np.add.at(made, at, _ball(values))
    else:
        made[at] = _ball(values)
    return made


def _scatter_add(x: Any, dim: int, index: Any, src: Any) -> Array:
    made, at = np.array(x.balls), list(np.indices(index.tensor.shape))
    if not made.ndim:
        return np.asarray(x.balls + src.balls)
    within = tuple(slice(n) for n in index.tensor.shape)
    at[dim] = _value(index)
    np.add.at(made, tuple(at), src.balls[within])
    return made


def _index_add(x: Any, dim: int, index: Any, src: Any, alpha: Any = 1) -> Array:
    made = np.moveaxis(np.array(x.balls), dim, 0)
    np.add.at(made, np.atleast_1d(_value(index)), np.moveaxis(src.balls * _ball(alpha), dim, 0))
    return np.moveaxis(made, 0, dim)


_ONE = {
    name: _each(name)
    for name in """exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
    erf erfc erfinv lgamma digamma sqrt rsqrt""".split()
}

_RULES: dict[str, Rule] = _ONE | {
    "abs": lambda x: np.abs(_ball(x)),
    "neg": lambda x: -_ball(x),
    "reciprocal": lambda x: 1 / _ball(x),
    "exp2": lambda x: _ball(2) ** _ball(x),
    "log2": lambda x: np.log(_ball(x)) / _ball(2).log(),
    "log10": lambda x: np.log(_ball(x)) / _ball(10).log(),
    "square": lambda x: _ball(x) * _ball(x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-_ball(x))),
    "hypot": lambda x, y: np.sqrt(_ball(x) * _ball(x) + _ball(y) * _ball(y)),
    "add": _add,
    "sub": _subtract,
    "rsub": lambda x, y, alpha=1: _subtract(y, x, alpha),
    "mul": lambda x, y: _ball(x) * _ball(y),
    "div": _divide,
    "pow": _power,
    "addcmul": lambda x, a, b, value=1: _ball(x) + _ball(value) * _ball(a) * _ball(b),
    "addcdiv": lambda x, a, b, value=1: _ball(x) + _ball(value) * _ball(a) / _ball(b),
    "maximum": _larger,
    "minimum": _smaller,
    "relu": lambda x: _clamp(x, min=0),
    "clamp": _clamp,
    "clamp_min": lambda x, min: _clamp(x, min=min),  # noqa: A006
    "clamp_max": lambda x, max: _clamp(x, max=max),  # noqa: A006
    **dict.fromkeys(("hardshrink_backward", "softshrink_backward"), _outside),
    "where": lambda mask, x, y: np.where(_value(mask), _ball(x), _ball(y)),
    "masked_fill": lambda x, mask, value: np.where(_value(mask), _ball(value), _ball(x)),
    "polygamma": _polygamma,
    **dict.fromkeys(("copy", "copy_to", "fill"), lambda *given: _ball(given[1])),
    "sum": _sum,
    "mean": _mean,
    "prod": _reduced(np.multiply, 1),
    "cumsum": _running(np.add),
    "cumprod": _running(np.multiply),
    **dict.fromkeys(("mm", "bmm", "mv", "dot"), _matmul),
    **dict.fromkeys(("addmm", "baddbmm", "addmv"), _add_matmul),
    **dict.fromkeys(("index_put", "_unsafe_index_put", "_index_put_impl"), _index_put),
    "scatter_add": _scatter_add,
    "index_add": _index_add,
}
