"""Gradients of thinc 9.1.1, against PyTorch's: layers of sequences, and embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from glue import (
    SIZES,
    data,
    either,
    joined,
    layer,
    padded,
    parts,
    ragged,
    table,
)
from thinc import api

from gradproof import Check, index, real, uniform, vjp

ops = api.NumpyOps()
F32 = ("float32",)
TIES = "the first of equal values has the gradient"
two = {"nO": 5, "nI": 3}
HASHED = np.array([[ops.hash(np.array([i], "uint64"), 5)[0] % 6] for i in range(9)])[:, 0]
HASHED = torch.tensor(HASHED.astype("int64"))


def attend(X: torch.Tensor, Q: torch.Tensor) -> torch.Tensor:
    return torch.cat([p * torch.softmax(p @ Q, 0)[:, None] for p in X.split(SIZES)])


def each(f: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda X: torch.stack([f(p) for p in X.split(SIZES)])


def lstm(bi: bool = False, depth: int = 1) -> tuple[vjp, Callable[..., Any]]:
    """thinc's LSTM on full sequences, and torch's with the same parameters."""
    width, inner = 2, 3
    dirs = 1 + bi

    def make() -> api.Model:
        model = api.LSTM(nO=inner * dirs, nI=width, bi=bi, depth=depth)
        model.set_param("HC0", np.zeros((2, depth, dirs, inner), "f"))
        return model

    def reference(x: torch.Tensor, params: torch.Tensor) -> torch.Tensor:
        at, wanted = 0, []
        for level in range(depth):
            for _ in range(dirs):
                inputs = width if level == 0 else inner * dirs
                shapes = (4 * inner, inputs), (4 * inner,), (4 * inner, inner), (4 * inner,)
                pieces = []
                for shape in shapes:
                    size = int(np.prod(shape))
                    pieces.append(params[at : at + size].reshape(shape))
                    at += size
                wx, bx, wh, bh = (reordered(p) for p in pieces)
                wanted += [wx, wh, bx, bh]
        zero = x.new_zeros(depth * dirs, x.shape[1], inner)
        y, _, _ = torch._VF.lstm(x, (zero, zero), wanted, True, depth, 0.0, False, bi, False)
        return y

    def reordered(p: torch.Tensor) -> torch.Tensor:
        """thinc's gates are f, i, o, c; torch's are i, f, c, o."""
        f, i, o, c = p.chunk(4)
        return torch.cat([i, f, c, o])

    return layer(make, "LSTM", wrap=padded, bare=data), reference


def lstm_inputs(bi: bool = False, depth: int = 1, steps: int = 3) -> tuple[Any, ...]:
    dirs = 1 + bi
    count = sum(dirs * (12 * (2 if level == 0 else 3 * dirs) + 36 + 24) for level in range(depth))
    return real(steps, 2, 2), uniform(-1, 1, count)


checks = {
    "concatenate_list": Check(
        layer(lambda: api.concatenate(api.noop(), api.noop()), wrap=parts, bare=joined),
        lambda X: torch.cat([X, X], 1),
        (real(6, 3),),
    ),
    "array_getitem": Check(
        layer(lambda: api.array_getitem((slice(None), 1))), lambda x: x[:, 1], (real(4, 3),)
    ),
    "array_getitem_twice": Check(
        layer(lambda: api.array_getitem([0, 2, 0])), lambda x: x[[0, 2, 0]], (real(4, 3),)
    ),
    "expand_window": Check(
        layer(lambda: api.expand_window(2)),
        lambda x: torch.cat([F.pad(x, (0, 0, 2, 2))[i : i + 6] for i in range(5)], 1),
        (real(6, 3),),
    ),
    "reduce_sum": Check(
        layer(api.reduce_sum, wrap=either, bare=data), each(lambda p: p.sum(0)), (real(6, 4),)
    ),
    "reduce_mean": Check(
        layer(api.reduce_mean, wrap=either, bare=data), each(lambda p: p.mean(0)), (real(6, 4),)
    ),
    "reduce_max": Check(
        layer(api.reduce_max, wrap=either, bare=data),
        each(lambda p: p.max(0).values),
        (real(6, 4),),
        conventions=TIES,
    ),
    "reduce_first": Check(
        layer(api.reduce_first, wrap=either, bare=data), each(lambda p: p[0]), (real(6, 4),)
    ),
    "reduce_last": Check(
        layer(api.reduce_last, wrap=either, bare=data), each(lambda p: p[-1]), (real(6, 4),)
    ),
    "attention": Check(
        layer(lambda: api.ParametricAttention(nO=3), "Q", wrap=ragged, bare=data),
        attend,
        (uniform(-1, 1, 6, 3), uniform(-5, 5, 3)),
    ),
    "attention_v2": Check(
        layer(lambda: api.ParametricAttention_v2(nO=3), "Q", wrap=ragged, bare=data),
        attend,
        (uniform(-1, 1, 6, 3), uniform(-5, 5, 3)),
    ),
    "with_padded": Check(
        layer(lambda: api.with_padded(api.noop()), wrap=parts, bare=joined),
        lambda X: X * 1,
        (real(6, 3),),
    ),
    "with_ragged_list": Check(
        layer(
            lambda: api.with_ragged(api.ParametricAttention(nO=3)), "0.Q", wrap=parts, bare=joined
        ),
        attend,
        (uniform(-1, 1, 6, 3), uniform(-5, 5, 3)),
    ),
    "with_array_list": Check(
        layer(lambda: api.with_array(api.Linear(**two)), "0.W", "0.b", wrap=parts, bare=joined),
        F.linear,
        (real(6, 3), real(5, 3), real(5)),
    ),
    "with_array_padding": Check(
        layer(lambda: api.with_array(api.expand_window(1), pad=1), wrap=parts, bare=joined),
        lambda X: torch.cat(
            [
                torch.cat([F.pad(p, (0, 0, 1, 1))[i : i + len(p)] for i in range(3)], 1)
                for p in X.split(SIZES)
            ]
        ),
        (real(6, 3),),
    ),
    "map_list": Check(
        layer(lambda: api.map_list(api.Linear(**two)), "0.W", "0.b", wrap=parts, bare=joined),
        F.linear,
        (real(6, 3), real(5, 3), real(5)),
    ),
    "embed": Check(
        table(lambda: api.Embed(nO=3, nV=6)),
        lambda E, ids: E[ids],
        (real(6, 3), index(6, 7)),
        dtypes=F32,
    ),
    "hash_embed": Check(
        table(lambda: api.HashEmbed(nO=3, nV=6, seed=5), "uint64"),
        lambda E, ids: E[HASHED[ids]].sum(1),
        (real(6, 3), index(9, 7)),
        dtypes=F32,
    ),
    "lstm": Check(*lstm(), lstm_inputs(), dtypes=F32),
    "lstm_one_step": Check(*lstm(), lstm_inputs(steps=1), dtypes=F32),
    "lstm_bi": Check(*lstm(bi=True), lstm_inputs(bi=True), dtypes=F32),
    "lstm_deep": Check(*lstm(depth=2), lstm_inputs(depth=2), dtypes=F32),
    "bidirectional": Check(
        layer(lambda: api.bidirectional(api.noop(), api.noop()), wrap=padded, bare=data),
        lambda X: torch.cat([X, X], -1),
        (real(3, 3, 2),),
    ),
}
