"""torch's views, pieces and joins."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.layers.shape import (
    Concatenate,
    Flatten,
    Identity,
    Permute,
    Reshape,
    Slice,
    Split,
    Stack,
    Transpose,
    Unflatten,
)
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


@twin.register
def slice_(layer: Slice, x: Tensor) -> Tensor:
    # What x[…, start:end:step] calls, with the axis as an argument.
    y: Tensor = torch.ops.aten.slice(x, layer.dim, layer.start, layer.end, layer.step)
    return y


@twin.register
def split(layer: Split, x: Tensor) -> tuple[Tensor, ...]:
    asked = layer.split_size_or_sections
    return torch.split(x, asked if isinstance(asked, int) else list(asked), layer.dim)


@twin.register
def concatenate(layer: Concatenate, *x: Tensor) -> Tensor:
    return torch.cat(x, layer.dim)


@twin.register
def stack(layer: Stack, *x: Tensor) -> Tensor:
    return torch.stack(x, layer.dim)
