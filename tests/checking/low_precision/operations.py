"""Twenty operations: forward and backward by hand, over an arithmetic, and PyTorch's function."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gradproof import index, real
from gradproof.subject.entries import Entry
from tests.checking.low_precision.arithmetic import Arithmetic

Made = tuple[Tensor, tuple[Any, ...]]
Grads = tuple[Tensor, ...]


@dataclass(frozen=True)
class Operation:
    """One operation.

    forward, backward    of `arithmetic.kernel`
    reference            PyTorch's function, which computes in float32 and rounds at the end
    inputs               what it is given
    """

    forward: Callable[..., Made]
    backward: Callable[..., Grads]
    reference: Callable[..., Tensor]
    inputs: tuple[Entry, ...]


OPERATIONS: dict[str, Operation] = {}


def once(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function in float32, rounded once; in float64 as it is."""

    def rounded(*inputs: Tensor) -> Tensor:
        dtype = next(t.dtype for t in inputs if t.is_floating_point())
        wide = dtype if dtype == torch.float64 else torch.float32
        return function(*(t.to(wide) if t.is_floating_point() else t for t in inputs)).to(dtype)

    return rounded


def operation(reference: Callable[..., Tensor], *inputs: Entry) -> Callable[[type], type]:
    """Enter a class with `forward` and `backward` among the operations."""

    def enter(both: Any) -> type:
        made = Operation(both.forward, both.backward, once(reference), inputs)
        OPERATIONS[both.__name__] = made
        kind: type = both
        return kind

    return enter


@operation(F.linear, real(4, 6), real(3, 6), real(3))
class Linear:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, w: Tensor, b: Tensor) -> Made:
        return a.keep(a.mm(x, w.mT)) + b, (x, w)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        x, w = saved
        return a.mm(dy, w), a.mm(dy.mT, x), a.sum(dy, 0)


@operation(torch.bmm, real(2, 3, 5), real(2, 5, 4))
class Bmm:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, w: Tensor) -> Made:
        return a.sum(a.keep(x[..., None] * w[:, None]), 2), (x, w)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        x, w = saved
        return a.mm(dy, w.mT), a.mm(x.mT, dy)


@operation(lambda x: F.softmax(x, -1), real(4, 7))
class Softmax:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor) -> Made:
        e = a.keep(torch.exp(x - x.amax(-1, True)))
        return (p := e / a.sum(e, -1, True)), (p,)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        (p,) = saved
        return (p * (dy - a.sum(a.keep(dy * p), -1, True)),)


@operation(lambda x: F.log_softmax(x, -1), real(4, 7))
class LogSoftmax:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor) -> Made:
        shifted = x - x.amax(-1, True)
        y = shifted - torch.log(a.keep(a.sum(torch.exp(shifted), -1, True)))
        return y, (y,)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        (y,) = saved
        return (dy - a.keep(torch.exp(y)) * a.sum(dy, -1, True),)


@operation(lambda x, w, b: F.layer_norm(x, (8,), w, b), real(4, 8), real(8), real(8))
class LayerNorm:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, w: Tensor, b: Tensor) -> Made:
        centred = x - a.sum(x, -1, True) / 8
        rstd = torch.rsqrt(a.sum(centred**2, -1, True) / 8 + 1e-5)
        xhat = a.keep(centred * rstd)
        return xhat * w + b, (xhat, rstd, w)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        xhat, rstd, w = saved
        g = a.keep(dy * w)
        dx = rstd * (g - a.sum(g, -1, True) / 8 - xhat * a.sum(g * xhat, -1, True) / 8)
        return dx, a.sum(dy * xhat, 0), a.sum(dy, 0)


@operation(lambda x, w: F.rms_norm(x, (8,), w, 1e-6), real(4, 8), real(8))
class RmsNorm:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, w: Tensor) -> Made:
        rstd = torch.rsqrt(a.sum(x**2, -1, True) / 8 + 1e-6)
        xhat = a.keep(x * rstd)
        return xhat * w, (xhat, rstd, w)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        xhat, rstd, w = saved
        g = a.keep(dy * w)
        return rstd * (g - xhat * a.sum(g * xhat, -1, True) / 8), a.sum(dy * xhat, 0)


@operation(
    lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), real(6, 4), real(4), real(4)
)
class BatchNorm:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, w: Tensor, b: Tensor) -> Made:
        centred = x - a.sum(x, 0) / 6
        rstd = torch.rsqrt(a.sum(centred**2, 0) / 6 + 1e-5)
        xhat = a.keep(centred * rstd)
        return xhat * w + b, (xhat, rstd, w)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        xhat, rstd, w = saved
        db, dw = a.sum(dy, 0), a.sum(a.keep(dy * xhat), 0)
        return w * rstd * (dy - db / 6 - xhat * dw / 6), dw, db


@operation(F.cross_entropy, real(5, 7), index(7, 5))
class CrossEntropy:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, target: Tensor) -> Made:
        shifted = x - x.amax(-1, True)
        logp = a.keep(shifted - torch.log(a.sum(torch.exp(shifted), -1, True)))
        return -a.sum(logp.gather(-1, target[:, None])[:, 0], 0) / 5, (logp, target)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        logp, target = saved
        return ((a.keep(torch.exp(logp)) - F.one_hot(target, 7)) * dy / 5,)


@operation(F.mse_loss, real(4, 6), real(4, 6))
class MseLoss:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, target: Tensor) -> Made:
        off = a.keep(x - target)
        return a.sum(off**2, (0, 1)) / 24, (off,)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        (off,) = saved
        return (g := dy * off / 12), -g


@operation(lambda x: x.mean(), real(4, 6))
class Mean:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor) -> Made:
        return a.keep(a.sum(x, (0, 1))) / 24, (x,)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        return ((dy / 24).expand(4, 6),)


@operation(lambda x: x.logsumexp(-1), real(4, 7))
class Logsumexp:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor) -> Made:
        top = x.amax(-1, True)
        y = top + torch.log(a.keep(a.sum(torch.exp(x - top), -1, True)))
        return y[:, 0], (x, y)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        x, y = saved
        return (dy[:, None] * a.keep(torch.exp(x - y)),)


@operation(lambda x: x.var(-1), real(4, 6))
class Var:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor) -> Made:
        centred = a.keep(x - a.sum(x, -1, True) / 6)
        return a.sum(centred**2, -1) / 5, (centred,)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        (centred,) = saved
        return (dy[:, None] * centred * 2 / 5,)


@operation(lambda x, b: F.silu(x + b), real(5, 8), real(8))
class SiluBias:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, b: Tensor) -> Made:
        z = a.keep(x + b)
        return z * torch.sigmoid(z), (z,)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        (z,) = saved
        s = torch.sigmoid(z)
        return (dx := a.keep(dy * s * (1 + z * (1 - s)))), a.sum(dx, 0)


@operation(lambda x, b: F.gelu(x + b), real(5, 8), real(8))
class GeluBias:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, b: Tensor) -> Made:
        z = a.keep(x + b)
        return z * torch.special.ndtr(z), (z,)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        (z,) = saved
        density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        return (dx := dy * (torch.special.ndtr(z) + z * density)), a.sum(dx, 0)


@operation(lambda x, w: F.glu(x) * w, real(5, 8), real(4))
class GluScale:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, w: Tensor) -> Made:
        u, v = x.chunk(2, -1)
        s = torch.sigmoid(v)
        return a.keep(u * s) * w, (u, s, w)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        u, s, w = saved
        g = a.keep(dy * w)
        return torch.cat((g * s, g * u * s * (1 - s)), -1), a.sum(dy * u * s, 0)


@operation(lambda x, w: F.prelu(x, w) ** 2, real(4, 3, 5), real(3))
class PreluSquared:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, w: Tensor) -> Made:
        z = a.keep(torch.where(x > 0, x, x * w[:, None]))
        return z**2, (x, w, z)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        x, w, z = saved
        g = dy * 2 * z
        dw = torch.where(x > 0, 0.0, g * x)
        return torch.where(x > 0, g, g * w[:, None]), a.sum(dw, (0, 2))


def attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.softmax(q @ k.mT / math.sqrt(8), -1) @ v


@operation(attended, real(2, 4, 8), real(2, 5, 8), real(2, 5, 8))
class Attention:
    @staticmethod
    def forward(a: Arithmetic, q: Tensor, k: Tensor, v: Tensor) -> Made:
        logits = a.mm(q, k.mT) / math.sqrt(8)
        e = torch.exp(logits - logits.amax(-1, True))
        p = a.keep(e / a.sum(e, -1, True))
        return a.mm(p, v), (q, k, v, p)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        q, k, v, p = saved
        dp = a.mm(dy, v.mT)
        ds = a.keep(p * (dp - a.sum(dp * p, -1, True))) / math.sqrt(8)
        return a.mm(ds, k), a.mm(ds.mT, q), a.mm(p.mT, dy)


@operation(F.conv1d, real(2, 3, 9), real(4, 3, 3), real(4))
class Conv1d:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, w: Tensor, b: Tensor) -> Made:
        windows = x.unfold(-1, 3, 1).transpose(1, 2).flatten(2)  # (2, 7, 3·3)
        return (a.keep(a.mm(windows, w.flatten(1).mT)) + b).mT, (windows, w)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        windows, w = saved
        rows = dy.mT  # (2, 7, 4)
        placed = torch.zeros(2, 7, 4, 3, 9)
        for at in range(7):  # each output's part of the sum for each input
            placed[:, at, :, :, at : at + 3] = rows[:, at, :, None, None] * w
        dw = a.mm(rows.flatten(0, 1).mT, windows.flatten(0, 1)).view(4, 3, 3)
        return a.sum(placed, (1, 2)), dw, a.sum(rows, (0, 1))


@operation(lambda x: F.normalize(x, dim=-1, eps=1e-3), real(4, 6))
class Normalize:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor) -> Made:
        size = a.sum(x**2, -1, True).sqrt()
        y = a.keep(x / size.clamp_min(1e-3))
        return y * 1, (y, size)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        y, size = saved
        along = torch.where(size >= 1e-3, y * a.sum(dy * y, -1, True), 0.0)
        return ((dy - along) / size.clamp_min(1e-3),)


@operation(F.binary_cross_entropy_with_logits, real(4, 6), real(4, 6))
class BceWithLogits:
    @staticmethod
    def forward(a: Arithmetic, x: Tensor, t: Tensor) -> Made:
        losses = F.softplus(-x.abs()) + x.clamp_min(0) - x * t
        return a.sum(a.keep(losses), (0, 1)) / 24, (x, t)

    @staticmethod
    def backward(a: Arithmetic, saved: Any, dy: Tensor) -> Grads:
        x, t = saved
        return a.keep(torch.sigmoid(x) - t) * dy / 24, -x * dy / 24
