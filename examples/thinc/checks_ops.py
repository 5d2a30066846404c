"""Gradients of thinc 9.1.1, against PyTorch's: `ops.backprop_*` of NumpyOps and of Ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from thinc.backends import NumpyOps, Ops

from gradproof import Check, real, uniform, vjp

ops = NumpyOps()  # with compiled kernels
plain = Ops()  # what every other backend inherits
plain.xp = np


def own(a: Any) -> np.ndarray:
    """A contiguous copy that may be written: kernels refuse read-only memory."""
    return np.array(a, order="C")


def elementwise(name: str, on: Ops = ops, by: str = "X", **options: Any) -> vjp:
    """An activation, whose backward pass takes X, Y or both."""

    def run(x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        y = getattr(on, name)(own(x), **options)
        given = {"X": (own(x),), "Y": (y,), "XY": (own(x), y)}[by]
        return y.copy(), lambda dy: getattr(on, f"backprop_{name}")(own(dy), *given, **options)

    return vjp(run)


def inplace(name: str, on: Ops = ops, by: str = "X", **options: Any) -> vjp:
    """The same, where both passes write into what they are given."""

    def run(x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        y = getattr(on, name)(own(x), inplace=True, **options)
        given = {"X": (own(x),), "Y": (y.copy(),), "XY": (own(x), y.copy())}[by]
        back = getattr(on, f"backprop_{name}")
        return y.copy(), lambda dy: back(own(dy), *map(own, given), inplace=True, **options)

    return vjp(run)


def layout(name: str, by: str = "X") -> vjp:
    """The same, where arrays lie in memory as they come: in Fortran order, strided, …"""

    def run(x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        y = getattr(ops, name)(x)
        given = x if by == "X" else own(y)
        return y.copy(), lambda dy: getattr(ops, f"backprop_{name}")(dy, given)

    return vjp(run)


def ragged(name: str, lengths: tuple[int, ...], on: Ops = ops) -> vjp:
    """A reduction of ragged sequences."""
    sizes = np.array(lengths, dtype="i")

    def run(x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        made = getattr(on, f"reduce_{name}")(own(x), sizes)
        y, *kept = made if isinstance(made, tuple) else (made,)
        given = (*kept, sizes) if name in ("sum", "mean", "max") else tuple(kept)
        return y, lambda dy: getattr(on, f"backprop_reduce_{name}")(own(dy), *given)

    return vjp(run)


def each(name: str, lengths: tuple[int, ...]) -> Callable[..., torch.Tensor]:
    """The same by PyTorch; an empty sequence gives zeros."""
    one = {
        "sum": lambda p: p.sum(0),
        "mean": lambda p: p.sum(0) / max(len(p), 1),
        "max": lambda p: p.max(0).values,
        "first": lambda p: p[0],
        "last": lambda p: p[-1],
    }[name]
    return lambda x: torch.stack([one(part) for part in x.split(lengths)])


def window(width: int, lengths: tuple[int, ...] | None, on: Ops = ops) -> vjp:
    sizes = None if lengths is None else np.array(lengths, dtype="i")

    def run(x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        y = on.seq2col(own(x), width, lengths=sizes)
        return y, lambda dy: on.backprop_seq2col(own(dy), width, lengths=sizes)

    return vjp(run)


def columns(width: int, lengths: tuple[int, ...]) -> Callable[..., torch.Tensor]:
    def one(part: torch.Tensor) -> torch.Tensor:
        padded = F.pad(part, (0, 0, width, width))
        return torch.cat([padded[i : i + len(part)] for i in range(2 * width + 1)], 1)

    return lambda x: torch.cat([one(part) for part in x.split(lengths)])


def softmax(on: Ops = ops, **options: Any) -> vjp:
    def run(x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        y = on.softmax(own(x), **options)
        return y, lambda dy: on.backprop_softmax(y, own(dy), **options)

    return vjp(run)


def softmax_sequences(lengths: tuple[int, ...], on: Ops = ops) -> vjp:
    sizes = np.array(lengths, dtype="i")

    def run(x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        y = on.softmax_sequences(own(x), sizes)
        return y, lambda dy: on.backprop_softmax_sequences(own(dy), y, sizes)

    return vjp(run)


def maxout(on: Ops = ops) -> vjp:
    def run(x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        y, which = on.maxout(own(x))
        return y, lambda dy: on.backprop_maxout(own(dy), which, x.shape[-1])

    return vjp(run)


def clipped(
    slope: float = 1.0, offset: float = 0.0, low: float = 0.0, high: float = 1.0
) -> Callable[..., torch.Tensor]:
    return lambda x: torch.clamp(x * slope + offset, low, high)


def ramp(**o: float) -> tuple[vjp, Callable[..., torch.Tensor]]:
    names = {"low": "min_val", "high": "max_val"}
    return elementwise("clipped_linear", **{names.get(k, k): v for k, v in o.items()}), clipped(**o)


def dish(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * (x / torch.sqrt(1 + x * x) + 1)


def hard_swish(x: torch.Tensor) -> torch.Tensor:
    return x * torch.clamp(x * 0.2 + 0.5, 0, 1)


def sigmoid(x: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(torch.clamp(x, -20, 20))  # thinc clips for stability


def gelu_tanh(x: torch.Tensor) -> torch.Tensor:
    return F.gelu(x, approximate="tanh")


X = (real(3, 5),)
NEAR = (uniform(-19, 19, 3, 5),)  # farther out, thinc's sigmoid is constant
F32 = ("float32",)
KINK = "0 where a value is at an end of the range that is clipped"
TIES = "the first of equal values has the gradient"
R, Z, ROWS = (3, 1, 2), (0, 3, 0, 1, 2, 0), (real(6, 4),)

checks = {
    "relu": Check(elementwise("relu", by="Y"), F.relu, X),
    "relu_inplace": Check(inplace("relu", by="Y"), F.relu, X),
    "relu_layout": Check(layout("relu", by="Y"), F.relu, X, dtypes=("float32",)),
    "relu_plain": Check(elementwise("relu", plain, by="Y"), F.relu, X),
    "relu_k": Check(elementwise("relu_k"), F.relu6, X, conventions=KINK),
    "relu_k_n": Check(elementwise("relu_k", n=0.5), clipped(high=0.5), X, conventions=KINK),
    "sigmoid": Check(elementwise("sigmoid", by="Y"), torch.sigmoid, NEAR),
    "sigmoid_inplace": Check(inplace("sigmoid", by="Y"), torch.sigmoid, NEAR),
    "sigmoid_far": Check(elementwise("sigmoid", by="Y"), torch.sigmoid, X),
    "hard_sigmoid": Check(elementwise("hard_sigmoid"), clipped(0.2, 0.5), X, conventions=KINK),
    "hard_sigmoid_inplace": Check(inplace("hard_sigmoid"), clipped(0.2, 0.5), X, conventions=KINK),
    "hard_tanh": Check(elementwise("hard_tanh"), F.hardtanh, X, conventions=KINK),
    "hard_tanh_inplace": Check(inplace("hard_tanh"), F.hardtanh, X, conventions=KINK),
    "clipped_linear": Check(*ramp(slope=0.5, offset=0.25, low=-1.0, high=2.0), X, conventions=KINK),
    "clipped_linear_down": Check(*ramp(slope=-1.0, offset=0.5), X, conventions=KINK),
    "clipped_linear_inplace": Check(
        inplace("clipped_linear", slope=2.0), clipped(2.0), X, conventions=KINK
    ),
    "swish": Check(elementwise("swish", by="XY"), F.silu, NEAR),
    "swish_inplace": Check(inplace("swish", by="XY"), F.silu, NEAR),
    "swish_far": Check(elementwise("swish", by="XY"), F.silu, X),
    "hard_swish": Check(elementwise("hard_swish"), hard_swish, X, conventions=KINK),
    "hard_swish_inplace": Check(inplace("hard_swish"), hard_swish, X, conventions=KINK),
    "hard_swish_mobilenet": Check(
        elementwise("hard_swish_mobilenet"), F.hardswish, X, conventions=KINK
    ),
    "hard_swish_mobilenet_inplace": Check(
        inplace("hard_swish_mobilenet"), F.hardswish, X, conventions=KINK
    ),
    "dish": Check(elementwise("dish"), dish, X),
    "dish_inplace": Check(inplace("dish"), dish, X),
    "gelu": Check(elementwise("gelu"), F.gelu, X),
    "gelu_inplace": Check(inplace("gelu"), F.gelu, X),
    "gelu_approx": Check(elementwise("gelu_approx"), gelu_tanh, X),
    "gelu_approx_inplace": Check(inplace("gelu_approx"), gelu_tanh, X),
    "mish": Check(elementwise("mish"), F.mish, (uniform(-3, 19, 3, 5),)),
    "mish_inplace": Check(inplace("mish"), F.mish, (uniform(-3, 19, 3, 5),)),
    "mish_plain": Check(elementwise("mish", plain), F.mish, (uniform(-3, 19, 3, 5),)),
    "mish_far": Check(elementwise("mish"), F.mish, X),
    "mish_threshold": Check(elementwise("mish", threshold=60.0), F.mish, (uniform(-3, 60, 3, 5),)),
    "mish_layout": Check(layout("mish"), F.mish, X),
    "softmax": Check(softmax(), lambda x: x.softmax(-1), X),
    "softmax_axis": Check(softmax(axis=0), lambda x: x.softmax(0), X),
    "softmax_temperature": Check(softmax(temperature=2.5), lambda x: (x / 2.5).softmax(-1), X),
    "softmax_3d": Check(softmax(axis=1), lambda x: x.softmax(1), (real(2, 3, 4),)),
    "softmax_sequences": Check(
        softmax_sequences(R),
        lambda x: torch.cat([p.softmax(0) for p in x.split(R)]),
        (uniform(-19, 19, 6, 4),),
    ),
    "softmax_sequences_far": Check(
        softmax_sequences(R), lambda x: torch.cat([p.softmax(0) for p in x.split(R)]), ROWS
    ),
    "softmax_sequences_0": Check(
        softmax_sequences(Z),
        lambda x: torch.cat([p.softmax(0) for p in x.split(Z)]),
        (uniform(-19, 19, 6, 4),),
    ),
    "maxout": Check(maxout(), lambda x: x.max(-1).values, (real(3, 4, 3),), conventions=TIES),
    "maxout_2": Check(maxout(), lambda x: x.max(-1).values, (real(3, 4, 2),), conventions=TIES),
    "maxout_1": Check(maxout(), lambda x: x.max(-1).values, (real(3, 4, 1),)),
    "maxout_5": Check(maxout(), lambda x: x.max(-1).values, (real(3, 4, 5),), conventions=TIES),
    "maxout_plain": Check(
        maxout(plain), lambda x: x.max(-1).values, (real(3, 4, 3),), conventions=TIES
    ),
    "reduce_sum": Check(ragged("sum", R), each("sum", R), ROWS),
    "reduce_sum_0": Check(ragged("sum", Z), each("sum", Z), ROWS),
    "reduce_sum_plain": Check(ragged("sum", Z, plain), each("sum", Z), ROWS, dtypes=F32),
    "reduce_mean": Check(ragged("mean", R), each("mean", R), ROWS),
    "reduce_mean_0": Check(ragged("mean", Z), each("mean", Z), ROWS),
    "reduce_mean_plain": Check(ragged("mean", Z, plain), each("mean", Z), ROWS, dtypes=F32),
    "reduce_max": Check(ragged("max", R), each("max", R), ROWS, conventions=TIES),
    "reduce_max_plain": Check(ragged("max", R, plain), each("max", R), ROWS, conventions=TIES),
    "reduce_first": Check(ragged("first", R), each("first", R), ROWS),
    "reduce_last": Check(ragged("last", R), each("last", R), ROWS),
    "seq2col": Check(window(1, None), columns(1, (6,)), ROWS),
    "seq2col_2": Check(window(2, None), columns(2, (6,)), ROWS),
    "seq2col_4": Check(window(4, None), columns(4, (6,)), ROWS),
    "seq2col_ragged": Check(window(1, R), columns(1, R), ROWS),
    "seq2col_ragged_2": Check(window(2, Z), columns(2, Z), ROWS),
    "seq2col_plain": Check(window(1, None, plain), columns(1, (6,)), ROWS, dtypes=F32),
}
