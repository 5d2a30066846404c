"""Gradients of autograd 1.9.1 (HIPS), against PyTorch's: entry by entry."""

from __future__ import annotations

import math

import autograd.numpy as np
import torch
from rule import axes, between, of_complex, pair, parts, rule

from gradproof import Check, positive

one = axes(2)
some = axes(1, kind=positive)
inner = axes(2, kind=between(-0.9, 0.9))
angle = axes(2, kind=between(-6.0, 6.0))
z = axes(2, kind=between(0.5, 2.0))


def planes(draw):
    """Two arrays of one shape, away from zero."""
    (x,) = z(draw)
    return x, x


def shared(draw):
    """Two arrays of one shape."""
    (x,) = one(draw)
    return x, x


checks = {
    "negative": Check(rule(np.negative), torch.neg, one),
    "abs": Check(rule(np.abs), torch.abs, one),
    "fabs": Check(rule(np.fabs), torch.abs, one),
    "reciprocal": Check(rule(np.reciprocal), torch.reciprocal, some),
    "exp": Check(rule(np.exp), torch.exp, one),
    "exp2": Check(rule(np.exp2), torch.exp2, one),
    "expm1": Check(rule(np.expm1), torch.expm1, one),
    "log": Check(rule(np.log), torch.log, some),
    "log2": Check(rule(np.log2), torch.log2, some),
    "log10": Check(rule(np.log10), torch.log10, some),
    "log1p": Check(rule(np.log1p), torch.log1p, some),
    "sin": Check(rule(np.sin), torch.sin, angle),
    "cos": Check(rule(np.cos), torch.cos, angle),
    "tan": Check(rule(np.tan), torch.tan, inner),
    "arcsin": Check(rule(np.arcsin), torch.arcsin, inner),
    "arccos": Check(rule(np.arccos), torch.arccos, inner),
    "arctan": Check(rule(np.arctan), torch.arctan, one),
    "sinh": Check(rule(np.sinh), torch.sinh, one),
    "cosh": Check(rule(np.cosh), torch.cosh, one),
    "tanh": Check(rule(np.tanh), torch.tanh, one),
    "arcsinh": Check(rule(np.arcsinh), torch.arcsinh, one),
    "arccosh": Check(rule(np.arccosh), torch.arccosh, axes(2, kind=between(1.1, 9.0))),
    "arctanh": Check(rule(np.arctanh), torch.arctanh, inner),
    "rad2deg": Check(rule(np.rad2deg), torch.rad2deg, one),
    "degrees": Check(rule(np.degrees), torch.rad2deg, one),
    "deg2rad": Check(rule(np.deg2rad), torch.deg2rad, one),
    "radians": Check(rule(np.radians), torch.deg2rad, one),
    "square": Check(rule(np.square), torch.square, one),
    "sqrt": Check(rule(np.sqrt), torch.sqrt, some),
    "sinc": Check(rule(np.sinc), torch.sinc, angle),
    "nan_to_num": Check(rule(np.nan_to_num), torch.nan_to_num, one),
    "clip": Check(
        rule(lambda x: np.clip(x, -0.5, 1.0)),
        lambda x: torch.clamp(x, -0.5, 1.0),
        one,
        conventions="0 at the ends",
    ),
    "clip_none": Check(
        rule(lambda x: np.clip(x, None, 0.3)),
        lambda x: torch.clamp(x, None, 0.3),
        one,
        conventions="0 at the end",
    ),
    "clip_broadcast": Check(
        rule(lambda x: np.clip(x, np.array([[-1.0], [0.0]], x.dtype), None)),
        lambda x: torch.maximum(x, torch.tensor([[-1.0], [0.0]], dtype=x.dtype)),
        axes(1),
        conventions="0 at the end",
    ),
    # two arguments
    "add": Check(rule(np.add), torch.add, pair()),
    "subtract": Check(rule(np.subtract), torch.sub, pair()),
    "multiply": Check(rule(np.multiply), torch.mul, pair()),
    "divide": Check(rule(np.divide), torch.div, pair(second=positive)),
    "maximum": Check(rule(np.maximum), torch.maximum, pair()),
    "minimum": Check(rule(np.minimum), torch.minimum, pair()),
    "fmax": Check(rule(np.fmax), torch.fmax, pair(), conventions="one half at a tie"),
    "fmin": Check(rule(np.fmin), torch.fmin, pair(), conventions="one half at a tie"),
    "logaddexp": Check(rule(np.logaddexp), torch.logaddexp, pair()),
    "logaddexp2": Check(rule(np.logaddexp2), torch.logaddexp2, pair()),
    "mod": Check(
        rule(np.mod),
        torch.remainder,
        pair(between(-9.0, 9.0), between(0.5, 4.0)),
    ),
    "mod_negative": Check(
        rule(np.remainder), torch.remainder, pair(between(-9.0, 9.0), between(-4.0, -0.5))
    ),
    "power": Check(rule(np.power), torch.pow, pair(positive, between(-2.0, 3.0))),
    "power_integer": Check(rule(lambda x: x**3), lambda x: x**3, one),
    "power_base": Check(rule(lambda x: 2.5**x), lambda x: 2.5**x, angle),
    "arctan2": Check(rule(np.arctan2), torch.arctan2, pair(positive)),
    "hypot": Check(rule(np.hypot), torch.hypot, pair(positive)),
    # complex numbers, given as two real ones
    "complex_abs": Check(rule(of_complex(np.abs)), of_complex(torch.abs), planes),
    "complex_angle": Check(rule(of_complex(np.angle)), of_complex(torch.angle), planes),
    "complex_conj": Check(
        rule(parts(of_complex(np.conj))),
        parts(of_complex(lambda x: torch.conj(x).resolve_conj())),
        shared,
    ),
    "complex_exp": Check(rule(parts(of_complex(np.exp))), parts(of_complex(torch.exp)), planes),
    "complex_log": Check(rule(parts(of_complex(np.log))), parts(of_complex(torch.log)), planes),
    "complex_sqrt": Check(rule(parts(of_complex(np.sqrt))), parts(of_complex(torch.sqrt)), planes),
    "complex_sin": Check(rule(parts(of_complex(np.sin))), parts(of_complex(torch.sin)), planes),
    "complex_tanh": Check(rule(parts(of_complex(np.tanh))), parts(of_complex(torch.tanh)), planes),
    "complex_reciprocal": Check(
        rule(parts(of_complex(np.reciprocal))), parts(of_complex(torch.reciprocal)), planes
    ),
    "complex_power": Check(
        rule(parts(of_complex(lambda x: x**2.5))), parts(of_complex(lambda x: x**2.5)), planes
    ),
    "complex_square_abs": Check(
        rule(of_complex(lambda x: np.real(x * np.conj(x)))),
        of_complex(lambda x: (x * x.conj()).real),
        shared,
    ),
    "complex_log2": Check(
        rule(parts(of_complex(np.log2))),
        parts(of_complex(lambda x: torch.log(x) / math.log(2))),
        planes,
    ),
}
