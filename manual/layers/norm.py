"""Batch normalisation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from manual.layer import Array, Buffer, Grads, Layer, Param, Real, Saved


@dataclass(frozen=True)
class _BatchNorm(Layer):
    """The rule of BatchNorm1d, 2d and 3d, which differ in the axes that x may have.

    With running statistics the outputs are y and the new ones, without them y alone. In training,
    and without running statistics, mean and variance are those of the batch.
    """

    eps: float = 1e-5
    momentum: float = 0.1
    training: bool = True
    ranks: ClassVar[tuple[int, ...]]

    def forward(
        self,
        x: Real,
        running_mean: Buffer | None = None,
        running_var: Buffer | None = None,
        weight: Param | None = None,
        bias: Param | None = None,
    ) -> tuple[tuple[Real, Buffer, Buffer], Saved]:  # y alone without running statistics
        axes, shape, m = self._layout(x)
        if self.training or running_mean is None or running_var is None:
            if m < 2:
                raise ValueError(f"training takes more than one value per channel, not {m}")
            mean = np.sum(x, axis=axes) / m
            centred = x - mean.reshape(shape)
            var = np.sum(centred * centred, axis=axes) / m
            from_batch = True
        else:
            mean, var, from_batch = running_mean, running_var, False
            centred = x - mean.reshape(shape)
        r = 1 / np.sqrt(var + self.eps).reshape(shape)
        xhat = centred * r
        w = None if weight is None else weight.reshape(shape)
        y = xhat if w is None else xhat * w
        if bias is not None:
            y = y + bias.reshape(shape)
        saved = (xhat, r, w, bias is not None, from_batch)
        if running_mean is None or running_var is None:
            return y, saved
        if not self.training:
            return (y, running_mean.copy(), running_var.copy()), saved
        new_mean = (1 - self.momentum) * running_mean + self.momentum * mean
        new_var = (1 - self.momentum) * running_var + self.momentum * (var * (m / (m - 1)))
        return (y, new_mean, new_var), saved

    def backward(self, saved: Saved, dy: Any) -> Grads:
        xhat, r, w, has_bias, from_batch = saved
        dy = dy[0] if isinstance(dy, tuple) else dy
        axes, shape, m = self._layout(dy)
        g = dy if w is None else dy * w
        if from_batch:  # mean and variance depend on x as well
            along_mean = np.sum(g, axis=axes).reshape(shape) / m
            along_var = np.sum(g * xhat, axis=axes).reshape(shape) / m
            g = g - along_mean - xhat * along_var
        grads = {"x": g * r}
        if w is not None:
            grads["weight"] = np.sum(dy * xhat, axis=axes)
        if has_bias:
            grads["bias"] = np.sum(dy, axis=axes)
        return grads

    def _layout(self, x: Array) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        """The axes of a channel's values, the shape of one number per channel, how many values."""
        if x.ndim not in self.ranks:
            wanted = " or ".join(map(str, self.ranks))
            raise ValueError(f"{type(self).__name__} takes {wanted} axes, not {x.ndim}")
        axes = (0, *range(2, x.ndim))
        shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        return axes, shape, math.prod(x.shape[i] for i in axes)


@dataclass(frozen=True)
class BatchNorm1d(_BatchNorm):
    """y = γ x̂ + β, x̂ = (x − μ) / √(σ² + eps), for each channel

    In training μ and σ² are the mean and the variance (over m) of the channel's m values, and the
    running statistics become (1 − momentum)·old + momentum·new, where the new variance is over
    m − 1. In evaluation μ and σ² are the running ones, which come back unchanged.

    Shapes    x (N, C) or (N, C, L), all others (C,) or absent; weight is γ, bias is β →
              y as x; with running statistics (y, running_mean, running_var), the latter (C,)
    Backward  g = γ dy, r = 1 / √(σ² + eps), means over a channel's values:
              in training dx = r (g − mean(g) − x̂ mean(g x̂)), in evaluation dx = r g;
              dγ = Σ dy x̂;  dβ = Σ dy
    Source    Ioffe & Szegedy, Batch normalization (2015), §3, with dvar and dmean put into dx
    Raises    ValueError for other axes, and in training for one value per channel
    """

    ranks = (2, 3)


@dataclass(frozen=True)
class BatchNorm2d(_BatchNorm):
    """y = γ x̂ + β, x̂ = (x − μ) / √(σ² + eps), for each channel of an image

    Shapes    x (N, C, H, W), else as BatchNorm1d
    Backward  as BatchNorm1d; a channel's values are those of all examples and places
    Source    Ioffe & Szegedy, Batch normalization (2015), §3.2
    Raises    as BatchNorm1d
    """

    ranks = (4,)


@dataclass(frozen=True)
class BatchNorm3d(_BatchNorm):
    """y = γ x̂ + β, x̂ = (x − μ) / √(σ² + eps), for each channel of a volume

    Shapes    x (N, C, D, H, W), else as BatchNorm1d
    Backward  as BatchNorm1d; a channel's values are those of all examples and places
    Source    Ioffe & Szegedy, Batch normalization (2015), §3.2
    Raises    as BatchNorm1d
    """

    ranks = (5,)
