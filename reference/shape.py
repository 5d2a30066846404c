"""torch's views.

A function that may hand back the very tensor it was given is handed a view of it, so that y is a
node of its own in the graph and has a gradient of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from manual.shape import Flatten, Identity, Permute, Reshape, Transpose, Unflatten
from reference.twin import twin


@twin.register
def identity(layer: Identity, x: Tensor) -> Tensor:
    return x.view_as(x)


@twin.register
def flatten(layer: Flatten, x: Tensor) -> Tensor:
    return torch.flatten(x.view_as(x), layer.start_dim, layer.end_dim)


@twin.register
def unflatten(layer: Unflatten, x: Tensor) -> Tensor:
    return torch.unflatten(x, layer.dim, layer.unflattened_size)


@twin.register
def reshape(layer: Reshape, x: Tensor) -> Tensor:
    return torch.reshape(x, layer.shape)


@twin.register
def transpose(layer: Transpose, x: Tensor) -> Tensor:
    return torch.transpose(x, layer.dim0, layer.dim1)


@twin.register
def permute(layer: Permute, x: Tensor) -> Tensor:
    return torch.permute(x, layer.dims)
