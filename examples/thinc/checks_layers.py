"""Gradients of thinc 9.1.1, against PyTorch's: layers, with their parameters as inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from glue import (
    layer,
    own,
    pair,
)
from thinc import api

from gradproof import Check, positive, real, uniform, vjp

F32 = ("float32",)
KINK = "0 at the ends of the range that is clipped"
TIES = "the first of equal values has the gradient"
two = {"nO": 5, "nI": 3}
Xwb = (real(4, 3), real(5, 3), real(5))


def dense(act: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    return lambda X, W, b: act(F.linear(X, W, b))


def maxout(X: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (torch.einsum("ni,opi->nop", X, W) + b).max(-1).values


def norm(X: torch.Tensor, G: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(X, X.shape[-1:], G, b, 1e-8)


def sparse(E: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
    """SparseLinear.v2 as a function of its weights."""
    model = api.SparseLinear_v2(nO=2, length=8)
    model.set_param("W", own(E).ravel())
    model.set_param("b", np.zeros(2, "f"))
    keys, values = np.arange(5, dtype="uint64"), np.array([1, 2, -1, 0.5, 3], "f")
    y, back = model((keys, values, np.array([2, 0, 3], "i")), is_train=True)

    def pull(dy: Any) -> Any:
        model.set_grad("W", 0.0)
        back(own(dy))
        return (model.get_grad("W").reshape(2, 8),)

    return y.copy(), pull


def _design() -> torch.Tensor:
    """The matrix that SparseLinear multiplies its weights by, column by column."""
    eye = np.eye(16, dtype="f").reshape(16, 2, 8)
    return torch.tensor(np.stack([sparse(e)[0] for e in eye]))


DESIGN = _design()


checks = {
    "linear": Check(layer(lambda: api.Linear(**two), "W", "b"), F.linear, Xwb),
    "relu": Check(layer(lambda: api.Relu(**two), "W", "b"), dense(F.relu), Xwb),
    "sigmoid": Check(
        layer(lambda: api.Sigmoid(**two), "W", "b"),
        dense(torch.sigmoid),
        (uniform(-2, 2, 4, 3), uniform(-2, 2, 5, 3), uniform(-2, 2, 5)),
    ),
    "hard_sigmoid": Check(
        layer(lambda: api.HardSigmoid(**two), "W", "b"),
        dense(lambda x: torch.clamp(0.2 * x + 0.5, 0, 1)),
        Xwb,
        conventions=KINK,
    ),
    "hard_tanh": Check(
        layer(lambda: api.HardTanh(**two), "W", "b"), dense(F.hardtanh), Xwb, conventions=KINK
    ),
    "relu_k": Check(
        layer(lambda: api.ReluK(**two), "W", "b"), dense(F.relu6), Xwb, conventions=KINK
    ),
    "hard_swish": Check(
        layer(lambda: api.HardSwish(**two), "W", "b"),
        dense(lambda x: x * torch.clamp(0.2 * x + 0.5, 0, 1)),
        Xwb,
        conventions=KINK,
    ),
    "hard_swish_mobilenet": Check(
        layer(lambda: api.HardSwishMobilenet(**two), "W", "b"),
        dense(F.hardswish),
        Xwb,
        conventions=KINK,
    ),
    "dish_square": Check(
        layer(lambda: api.Dish(nO=3, nI=3), "W", "b"),
        dense(lambda x: 0.5 * x * (x / torch.sqrt(1 + x * x) + 1)),
        (real(4, 3), real(3, 3), real(3)),
    ),
    "swish": Check(
        layer(lambda: api.Swish(**two), "W", "b"),
        dense(F.silu),
        (uniform(-2, 2, 4, 3), uniform(-2, 2, 5, 3), uniform(-2, 2, 5)),
    ),
    "mish": Check(
        layer(lambda: api.Mish(**two), "W", "b"),
        dense(F.mish),
        (uniform(-1, 1, 4, 3), uniform(-1, 1, 5, 3), uniform(0, 2, 5)),
    ),
    "gelu": Check(
        layer(lambda: api.Gelu(**two), "W", "b"),
        dense(F.gelu),
        (uniform(-1, 1, 4, 3), uniform(-1, 1, 5, 3), uniform(0, 2, 5)),
    ),
    "dish": Check(
        layer(lambda: api.Dish(**two), "W", "b"),
        dense(lambda x: 0.5 * x * (x / torch.sqrt(1 + x * x) + 1)),
        Xwb,
    ),
    "clipped_linear_down": Check(
        layer(lambda: api.ClippedLinear(**two, slope=-1.0, offset=0.5), "W", "b"),
        dense(lambda x: torch.clamp(0.5 - x, 0, 1)),
        Xwb,
        conventions=KINK,
    ),
    "maxout": Check(
        layer(lambda: api.Maxout(nO=5, nI=3, nP=3), "W", "b"),
        maxout,
        (real(4, 3), real(5, 3, 3), real(5, 3)),
        conventions=TIES,
    ),
    "maxout_2": Check(
        layer(lambda: api.Maxout(nO=5, nI=3, nP=2), "W", "b"),
        maxout,
        (real(4, 3), real(5, 2, 3), real(5, 2)),
        conventions=TIES,
    ),
    "maxout_norm": Check(
        layer(lambda: api.Maxout(nO=5, nI=3, nP=2, normalize=True), "0.W", "0.b", "1.G", "1.b"),
        lambda X, W, b, G, c: norm(maxout(X, W, b), G, c),
        (uniform(-2, 2, 4, 3), uniform(-2, 2, 5, 2, 3), real(5, 2), real(5), real(5)),
        dtypes=("float64",),
        conventions=TIES,
    ),
    "layer_norm": Check(
        layer(lambda: api.LayerNorm(nI=3), "G", "b"), norm, (uniform(-3, 3, 4, 3), real(3), real(3))
    ),
    "softmax_activation": Check(
        layer(api.softmax_activation), lambda x: x.softmax(-1), (real(3, 4),)
    ),
    "sigmoid_activation": Check(
        layer(api.sigmoid_activation), torch.sigmoid, (uniform(-19, 19, 3, 4),)
    ),
    "logistic": Check(layer(api.Logistic), torch.sigmoid, (uniform(-19, 19, 3, 4),)),
    "multi_softmax": Check(
        layer(lambda: api.MultiSoftmax((2, 3), nI=3), "W", "b"),
        lambda X, W, b: torch.cat([p.softmax(-1) for p in F.linear(X, W, b).split((2, 3), 1)], 1),
        Xwb,
    ),
    "residual": Check(
        layer(lambda: api.residual(api.Linear(nO=3, nI=3)), "0.W", "0.b"),
        lambda X, W, b: X + F.linear(X, W, b),
        (real(4, 3), real(3, 3), real(3)),
    ),
    "chain": Check(
        layer(
            lambda: api.chain(api.Relu(**two), api.Linear(nO=2, nI=5)), "0.W", "0.b", "1.W", "1.b"
        ),
        lambda X, W, b, V, c: F.linear(F.relu(F.linear(X, W, b)), V, c),
        (*Xwb, real(2, 5), real(2)),
    ),
    "add": Check(
        layer(lambda: api.add(api.Linear(**two), api.Linear(**two)), "0.W", "0.b", "1.W", "1.b"),
        lambda X, W, b, V, c: F.linear(X, W, b) + F.linear(X, V, c),
        (*Xwb, real(5, 3), real(5)),
    ),
    "add_noop": Check(
        layer(lambda: api.add(api.noop(), api.Linear(nO=3, nI=3)), "1.W", "1.b"),
        lambda X, W, b: X + F.linear(X, W, b),
        (real(4, 3), real(3, 3), real(3)),
    ),
    "concatenate": Check(
        layer(
            lambda: api.concatenate(api.Linear(**two), api.Linear(nO=2, nI=3)),
            "0.W",
            "0.b",
            "1.W",
            "1.b",
        ),
        lambda X, W, b, V, c: torch.cat([F.linear(X, W, b), F.linear(X, V, c)], 1),
        (*Xwb, real(2, 3), real(2)),
    ),
    "clone": Check(
        layer(lambda: api.clone(api.Linear(nO=3, nI=3), 2), "0.W", "0.b", "1.W", "1.b"),
        lambda X, W, b, V, c: F.linear(F.linear(X, W, b), V, c),
        (real(4, 3), real(3, 3), real(3), real(3, 3), real(3)),
    ),
    "cauchy": Check(
        pair(lambda: api.CauchySimilarity(nI=3), "W"),
        lambda a, b, W: 1 / (1 + (W * (a - b) ** 2).sum(1)),
        (real(4, 3), real(4, 3), positive(3)),
    ),
    "siamese": Check(
        pair(
            lambda: api.siamese(api.Linear(**two), api.CauchySimilarity(nI=5)), "0.W", "0.b", "1.W"
        ),
        lambda x, z, W, b, V: 1 / (1 + (V * (F.linear(x, W, b) - F.linear(z, W, b)) ** 2).sum(1)),
        (real(4, 3), real(4, 3), real(5, 3), real(5), positive(5)),
    ),
    "sparse_linear": Check(
        vjp(sparse),
        lambda E: torch.einsum("k,kbo->bo", E.flatten(), DESIGN.to(E)),
        (real(2, 8),),
        dtypes=F32,
    ),
}
