"""Functions of two or three numbers, broadcast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
import torch
from hypothesis import strategies as st

from gradproof import positive, real, spec, uniform
from tests.outsiders.common import bugs, cases, summed, twin


@dataclass(frozen=True)
class XLogY:
    """y = x log z, 0 for x = 0; dx = dy log z, dz = dy x / z."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "z": "real"}

    def forward(self, x: Any, z: Any) -> Any:
        return scipy.special.xlogy(x, z), (x, z)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, z = saved
        dx = np.where((x == 0) & (z <= 0), 0, scipy.special.xlogy(dy, z))
        return {"x": dx, "z": summed(dy * x / z, z.shape)}


@cases(XLogY, rank=(1, 3), empty=False)
def xlogy(draw: Any, x: Any) -> Any:
    shape = draw(st.sampled_from([x, x[-1:]]))
    z = positive(*shape) if draw(st.booleans()) else uniform(0.0, 3.0, *shape)
    return spec(XLogY(), x=real(*x), z=z)


@twin.register
def _(layer: XLogY, x: Any, z: Any) -> Any:
    return torch.xlogy(x, z)


@dataclass(frozen=True)
class Atan2:
    """The angle of the point (z, x); dx = dy z / r², dz = −dy x / r², 0 at the origin."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "z": "real"}

    def forward(self, x: Any, z: Any) -> Any:
        return np.arctan2(x, z), (x, z)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, z = saved
        r = np.hypot(x, z)
        r = np.where(r > 0, r, 1)
        return {"x": dy * (z / r) / r, "z": summed(-dy * (x / r) / r, z.shape)}


@cases(Atan2, rank=(1, 3), empty=False)
def atan2(draw: Any, x: Any) -> Any:
    return spec(Atan2(), x=real(*x), z=real(*draw(st.sampled_from([x, x[-1:]]))))


@twin.register
def _(layer: Atan2, x: Any, z: Any) -> Any:
    return torch.atan2(x, z)


@dataclass(frozen=True)
class Hypot:
    """y = √(x² + z²), without overflow; dx = dy x / y, dz = dy z / y, 0 at the origin."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "z": "real"}

    def forward(self, x: Any, z: Any) -> Any:
        y = np.hypot(x, z)
        return y, (x, z, y)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, z, y = saved
        y = np.where(y > 0, y, 1)
        return {"x": dy * (x / y), "z": summed(dy * (z / y), z.shape)}


@cases(Hypot, rank=(1, 3), empty=False)
def hypot(draw: Any, x: Any) -> Any:
    return spec(Hypot(), x=real(*x), z=real(*draw(st.sampled_from([x, x[-1:]]))))


@twin.register
def _(layer: Hypot, x: Any, z: Any) -> Any:
    return torch.hypot(x, z)


@dataclass(frozen=True)
class LogAddExp:
    """y = log(eˣ + eᶻ); dx = dy σ(x − z), dz = dy σ(z − x)."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "z": "real"}

    def forward(self, x: Any, z: Any) -> Any:
        return np.logaddexp(x, z), (x, z)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, z = saved
        e = np.exp(-np.abs(x - z))  # at most 1
        larger, smaller = 1 / (1 + e), e / (1 + e)
        dx = dy * np.where(x >= z, larger, smaller)
        dz = dy * np.where(x >= z, smaller, larger)
        return {"x": dx, "z": summed(dz, z.shape)}


@cases(LogAddExp, rank=(1, 3), empty=False)
def logaddexp(draw: Any, x: Any) -> Any:
    return spec(LogAddExp(), x=real(*x), z=real(*draw(st.sampled_from([x, x[-1:]]))))


@twin.register
def _(layer: LogAddExp, x: Any, z: Any) -> Any:
    return torch.logaddexp(x, z)


@dataclass(frozen=True)
class Lerp:
    """y = a + w (b − a), from b where w ≥ ½; w may be broadcast."""

    def argument_kinds(self, count: int) -> Any:
        return {"a": "real", "b": "real", "w": "param"}

    def forward(self, a: Any, b: Any, w: Any) -> Any:
        y = np.where(np.abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1 - w))
        return y, (a, b, w)

    def backward(self, saved: Any, dy: Any) -> Any:
        a, b, w = saved
        return {"a": dy * (1 - w), "b": dy * w, "w": summed(dy * (b - a), w.shape)}


@cases(Lerp, rank=(1, 3), empty=False)
def lerp(draw: Any, x: Any) -> Any:
    shape = draw(st.sampled_from([x, x[-1:], (1,) * len(x)]))
    weight = draw(st.sampled_from([real(*shape), uniform(0.0, 1.0, *shape)]))
    return spec(Lerp(), a=real(*x), b=real(*x), w=weight)


@twin.register
def _(layer: Lerp, a: Any, b: Any, w: Any) -> Any:
    return torch.lerp(a, b, w)


BUGS = bugs(__name__, {
    "XLogY.backward": [
        ("entropy", "xlogy(dy, z)", "xlogy(dy, z) + dy", "x", "the rule of x log x"),
        ("zero", "(x == 0) & (z <= 0)", "x == 0", "x", "0 wherever x = 0"),
        ("log", "dy * x / z, z", "dy / z, z", "z", "the factor x is left out"),
    ],
    "Atan2.backward": [
        ("sign", "-dy * (x", "dy * (x", "z", "the minus sign is forgotten"),
        ("swapped", "dy * (z / r) / r,", "dy * (x / r) / r,", "x", "the arguments are swapped"),
        ("radius", "dy * (z / r) / r,", "dy * (z / r),", "x", "divided by r, not by r²"),
    ],
    "Hypot.backward": [
        ("square", "dy * (x / y)", "2 * dy * x", "x", "the rule of x² + z²"),
        ("swapped", "dy * (z / y)", "dy * (x / y)", "z", "x in the place of z"),
        ("size", "dy * (x / y)", "dy * np.abs(x / y)", "x", "the sign of x is lost"),
    ],
    "LogAddExp.backward": [
        ("swapped", "(x >= z, smaller, larger)", "(x >= z, larger, smaller)", "z", "σ(x−z)"),
        ("max", "dy * np.where(x >= z, larger, smaller)", "dy * (x >= z)", "x", "max's rule"),
        ("half", "1 / (1 + e), e / (1 + e)", "1 - e / 2, e / 2", "x z", "a Taylor formula"),
    ],
    "Lerp.backward": [
        ("swapped", '"a": dy * (1 - w), "b": dy * w', '"a": dy * w, "b": dy * (1 - w)',
         "a b", "ends swapped"),
        ("sign", "(b - a)", "(a - b)", "w", "the difference is taken the wrong way round"),
        ("difference", "(b - a)", "b", "w", "the start is left out"),
        ("mean", "(dy * (b - a), w.shape)", "(dy * (b - a), w.shape) * (w.size / dy.size)",
         "w", "the mean over the broadcast axes"),
    ],
})  # fmt: skip
