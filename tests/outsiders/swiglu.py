"""The gated halves of a transformer's feed-forward part."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st
from scipy import special

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class SwiGLU:
    """y = (silu(x Gᵀ) ⊙ x Uᵀ) Dᵀ, the feed-forward layer of LLaMA; torch's silu and linear."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "gate": "param", "up": "param", "down": "param"}

    def forward(self, x: Any, gate: Any, up: Any, down: Any) -> Any:
        a, b = x @ gate.T, x @ up.T
        s = special.expit(a)
        hidden = a * s * b
        return hidden @ down.T, (x, gate, up, down, a, b, s, hidden)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, gate, up, down, a, b, s, hidden = saved
        dhidden = dy @ down
        db = dhidden * (a * s)
        da = dhidden * b * (s * (1 + a * special.expit(-a)))
        rows = tuple(range(dy.ndim - 1))
        return {
            "x": da @ gate + db @ up,
            "gate": np.tensordot(da, x, (rows, rows)),
            "up": np.tensordot(db, x, (rows, rows)),
            "down": np.tensordot(dy, hidden, (rows, rows)),
        }


@cases(SwiGLU, rank=(2, 3), empty=False)
def swiglu(draw, x):
    hidden, out = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    gate, up, down = real(hidden, x[-1]), real(hidden, x[-1]), real(out, hidden)
    return spec(SwiGLU(), x=real(*x), gate=gate, up=up, down=down)


@twin.register
def _(layer: SwiGLU, x, gate, up, down):
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)


@dataclass(frozen=True)
class GEGLU:
    """y = a ⊙ gelu(b) for the halves (a, b) of x's last axis; torch's gelu."""

    approximate: str = "none"

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        a, b = np.split(x, 2, axis=-1)
        near = np.clip(b, -90, 90)  # beyond, a gate has long been 0 or 1, and powers overflow
        if self.approximate == "tanh":
            z = math.sqrt(8 / math.pi) * near * (1 + 0.044715 * near * near)
            gate = special.expit(z)
            slope = math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * near * near)
            density = gate * special.expit(-z) * slope
        else:
            gate = special.ndtr(near)
            density = np.exp(-near * near / 2) / math.sqrt(2 * math.pi)
        return a * (b * gate), (a, b, gate, density)

    def backward(self, saved: Any, dy: Any) -> Any:
        a, b, gate, density = saved
        da = dy * (b * gate)
        db = dy * a * (gate + b * density)
        return {"x": np.concatenate([da, db], axis=-1)}


@cases(GEGLU, rank=(1, 3), empty=False)
def geglu(draw, x):
    layer = GEGLU(draw(st.sampled_from(["none", "tanh"])))
    return spec(layer, x=real(*x[:-1], 2 * x[-1]))


@twin.register
def _(layer: GEGLU, x):
    a, b = x.chunk(2, dim=-1)
    return a * F.gelu(b, approximate=layer.approximate)


BUGS = bugs(__name__, {
    "SwiGLU.backward": [
        ("silu", "(s * (1 + a * special.expit(-a)))", "(s * special.expit(-a))",
         "x gate", "the sigmoid's derivative for that of silu"),
        ("up-path", "da @ gate + db @ up", "da @ gate", "x", "= for +=: only one of x's two ways"),
        ("gate-for-up", "db = dhidden * (a * s)", "db = dhidden * s",
         "x up", "the sigmoid alone is taken for silu"),
        ("hidden", "np.tensordot(dy, hidden,", "np.tensordot(dy, a * b,",
         "down", "a wrong saved value: the product before the sigmoid"),
    ],
    "GEGLU.backward": [
        ("density", "(gate + b * density)", "gate", "x", "the gate is held constant, as in ReLU"),
        ("halves", "np.concatenate([da, db], axis=-1)", "np.concatenate([db, da], axis=-1)",
         "x", "the halves are swapped"),
        ("input", "db = dy * a *", "db = dy *", "x", "the other half is forgotten"),
    ],
})  # fmt: skip
