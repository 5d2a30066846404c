"""torch.nn.functional's gated activations."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.gate import GELU, GLU, Mish, SiLU
from reference.twin import twin


@twin.register
def glu(layer: GLU, x: Tensor) -> Tensor:
    return F.glu(x, layer.dim)


@twin.register
def silu(layer: SiLU, x: Tensor) -> Tensor:
    return F.silu(x)


@twin.register
def mish(layer: Mish, x: Tensor) -> Tensor:
    return F.mish(x)


@twin.register
def gelu(layer: GELU, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=layer.approximate)
