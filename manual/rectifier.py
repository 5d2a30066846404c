"""Rectifiers: the identity above 0, a line or a constant below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from manual.layer import Array, Buffer, Grads, Layer, Param, Real, Saved
from manual.numeric import unbroadcast


@dataclass(frozen=True)
class ReLU(Layer):
    """y = max(x, 0)

    Shapes    x (…) → y (…)
    Backward  dx = dy where x > 0, else 0 (at 0 too)
    Source    Glorot, Bordes & Bengio, Deep Sparse Rectifier Neural Networks (2011), §3
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        y = np.asarray(np.maximum(x, 0))
        return y, (y,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (y,) = saved
        dx = (y > 0).astype(dy.dtype)  # a mask multiplies faster than it selects
        dx *= dy
        return {"x": np.asarray(dx)}


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """y = x where x > 0, else negative_slope·x

    Shapes    x (…) → y (…)
    Backward  dx = dy where x > 0, else negative_slope·dy (at 0 too)
    Source    Maas, Hannun & Ng, Rectifier Nonlinearities … (2013), eq. 3
    """

    negative_slope: float = 0.01

    def forward(self, x: Real) -> tuple[Array, Saved]:
        slope = slopes(x, x.dtype.type(self.negative_slope))
        return np.asarray(x * slope), (slope,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (slope,) = saved
        return {"x": np.asarray(dy * slope)}


@dataclass(frozen=True)
class PReLU(Layer):
    """y = x where x > 0, else w·x; one learned w for all, or one for each channel

    Shapes    x (N, C, …), weight (1,) or (C,) → y (N, C, …); x of fewer than two axes takes (1,)
    Backward  dx = dy where x > 0, else w·dy;  dw = Σ dy·x where x ≤ 0, summed over w's uses
    Source    He et al., Delving Deep into Rectifiers (2015), eq. 1, 10 and 11
    Raises    ValueError when weight is not (num_parameters,), or that is neither 1 nor C
    """

    num_parameters: int = 1

    def forward(self, x: Real, weight: Param) -> tuple[Array, Saved]:
        channels = x.shape[1] if x.ndim > 1 else 1
        if weight.shape != (self.num_parameters,) or self.num_parameters not in (1, channels):
            raise ValueError(
                f"PReLU({self.num_parameters}) got weight {weight.shape} for {channels} channels"
            )
        w = weight.reshape((-1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (1,) * x.ndim)
        slope = slopes(x, w)
        return np.asarray(x * slope), (x, slope, w.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, slope, aligned = saved
        dw = unbroadcast(np.asarray(dy * np.minimum(x, 0)), aligned)
        return {"x": np.asarray(dy * slope), "weight": dw.reshape(self.num_parameters)}


@dataclass(frozen=True)
class RReLU(Layer):
    """y = x where x > 0, else r·x; r drawn for each entry when training, else (lower + upper) / 2

    Shapes    x (…), noise (…) in [lower, upper] when training → y (…)
    Backward  dx = dy where x > 0, else r·dy (at 0 too)
    Source    Xu et al., Empirical Evaluation of Rectified Activations (2015), §2.4
    Raises    ValueError when lower > upper; when noise is not of x's shape, or given but not
              training
    """

    lower: float = 1 / 8
    upper: float = 1 / 3
    training: bool = False

    def __post_init__(self) -> None:
        if self.lower > self.upper:
            raise ValueError(f"lower {self.lower} is greater than upper {self.upper}")

    def forward(self, x: Real, noise: Buffer | None = None) -> tuple[Array, Saved]:
        if self.training != (noise is not None) or (noise is not None and noise.shape != x.shape):
            raise ValueError("RReLU takes noise of x's shape when training, and none otherwise")
        mean = x.dtype.type((self.lower + self.upper) / 2)
        slope = slopes(x, mean if noise is None else noise)
        return np.asarray(x * slope), (slope,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (slope,) = saved
        return {"x": np.asarray(dy * slope)}


@dataclass(frozen=True)
class Threshold(Layer):
    """y = x where x > threshold, else value

    Shapes    x (…) → y (…)
    Backward  dx = dy where x > threshold, else 0 (at the threshold too)
    Source    torch.nn.Threshold
    """

    threshold: float
    value: float

    def forward(self, x: Real) -> tuple[Array, Saved]:
        above = x.real > self.threshold
        return np.where(above, x, self.value), (above,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (above,) = saved
        return {"x": np.asarray(dy * above)}


def slopes(x: Array, below: Any) -> Array:
    """1 where x > 0, else `below`: an array that broadcasts to x, or a scalar of x's dtype."""
    positive = x.real > 0
    return np.asarray(positive + ~positive * below)
