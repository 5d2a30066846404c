"""Convolution by its definition, one window at a time; and what it does not take."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from manual.layer import Array
from manual.layers.conv import Conv2d


def by_definition(x: Array, weight: Array, layer: Conv2d, sides: Any) -> Array:
    padded = np.pad(x, ((0, 0), (0, 0), *sides))
    (s, t), (d, e) = (o if isinstance(o, tuple) else (o, o) for o in (layer.stride, layer.dilation))
    outs, within, high, wide = weight.shape
    p = (padded.shape[2] - d * (high - 1) - 1) // s + 1
    q = (padded.shape[3] - e * (wide - 1) - 1) // t + 1
    y = np.zeros((len(x), outs, p, q))
    for n, o, i, j in np.ndindex(*y.shape):
        group = o // (outs // layer.groups)
        for c, k, m in product(range(within), range(high), range(wide)):
            value = padded[n, group * within + c, i * s + k * d, j * t + m * e]
            y[n, o, i, j] += weight[o, c, k, m] * value
    return y


@pytest.mark.parametrize(
    ("layer", "kernel", "sides"),
    [
        (Conv2d(), (3, 2), ((0, 0), (0, 0))),
        (Conv2d(stride=(2, 3), padding=(2, 1), groups=2), (2, 3), ((2, 2), (1, 1))),
        (Conv2d(padding="same", dilation=(1, 3)), (2, 4), ((0, 1), (4, 5))),
        (Conv2d(padding="valid", dilation=2, groups=4), (2, 3), ((0, 0), (0, 0))),
    ],
)
def test_forward_is_its_definition(layer: Conv2d, kernel: tuple[int, int], sides: Any) -> None:
    rng = np.random.default_rng(0)  # whole numbers, whose sums are exact in any order
    x = rng.integers(-9, 10, (2, 4, 6, 7)).astype(float)
    weight = rng.integers(-9, 10, (8, 4 // layer.groups, *kernel)).astype(float)
    bias = rng.integers(-9, 10, 8).astype(float)
    y, _ = layer.forward(x, weight, bias)
    expected = by_definition(x, weight, layer, sides) + bias[:, np.newaxis, np.newaxis]
    np.testing.assert_array_equal(y, expected)
    one, _ = layer.forward(x[1], weight, bias)
    np.testing.assert_array_equal(one, expected[1])


@pytest.mark.parametrize(
    ("layer", "x", "weight", "said"),
    [
        (Conv2d(), (3, 4), (1, 3, 1, 1), "three or four axes, not 2"),
        (Conv2d(padding="same", stride=2), (1, 1, 4, 4), (1, 1, 2, 2), "takes a stride of 1"),
        (Conv2d(), (1, 2, 4, 4), (1, 3, 2, 2), "cannot reshape"),  # other channels
        (Conv2d(groups=2), (1, 4, 4, 4), (3, 2, 1, 1), "cannot reshape"),  # outputs of no group
        (Conv2d(), (1, 1, 2, 2), (1, 1, 3, 3), "cannot be larger than"),
    ],
)
def test_what_does_not_fit(
    layer: Conv2d, x: tuple[int, ...], weight: tuple[int, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        layer.forward(np.ones(x), np.ones(weight))
