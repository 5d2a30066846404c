"""The rule of an embedding, and where it is no derivative by design."""

from __future__ import annotations

import numpy as np
import pytest

from manual.layer import Array
from manual.layers.sparse import Embedding

IDS = np.array([[0, 2], [2, 3]])
DY = np.random.default_rng(0).standard_normal((2, 2, 3))


def gradient(layer: Embedding) -> Array:
    _, saved = layer.forward(IDS, np.zeros((5, 3)))
    return layer.backward(saved, DY)["weight"]


def test_it_is_a_product_with_one_hot_rows() -> None:
    one_hot = np.eye(5)[IDS.ravel()]
    np.testing.assert_allclose(gradient(Embedding()), one_hot.T @ DY.reshape(4, 3))


@pytest.mark.parametrize("padding", [2, -3])
def test_the_padding_row_gets_nothing_and_the_others_the_same(padding: int) -> None:
    expected = gradient(Embedding())
    expected[2] = 0
    np.testing.assert_array_equal(gradient(Embedding(padding)), expected)


def test_a_row_that_is_looked_up_twice_gets_a_mean() -> None:
    expected = gradient(Embedding())
    expected[2] /= 2
    np.testing.assert_array_equal(gradient(Embedding(scale_grad_by_freq=True)), expected)


@pytest.mark.parametrize("number", [-1, 5])
def test_a_number_that_no_row_has(number: int) -> None:
    with pytest.raises(IndexError):
        Embedding().forward(np.array([0, number]), np.zeros((5, 3)))
