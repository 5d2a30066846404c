"""torch.nn.functional.embedding."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.layers.sparse import Embedding
from reference.twin import twin


@twin.register
def embedding(layer: Embedding, x: Tensor, weight: Tensor) -> Tensor:
    return F.embedding(x, weight, layer.padding_idx, scale_grad_by_freq=layer.scale_grad_by_freq)
