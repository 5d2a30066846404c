"""Gradient clipping against torch's own, on gradients of every scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from manual.layer import Array, Grads
from manual.optimizers.clip import Clip, ClipGradNorm, ClipGradValue
from reference.optimizers.clip import clip_twin, reference_clip
from tests.strategies.optimizers import clips

SHAPES = {"a": (3, 5), "b": (), "c": (2, 1, 37), "d": (0, 4), "e": (1,)}


@st.composite
def gradients(draw: Any) -> Grads:
    """Some named arrays with exact zeros, at scales from 1e-7 to 1e3."""
    names = draw(st.sets(st.sampled_from(sorted(SHAPES)), min_size=1))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    scale = 10.0 ** draw(st.integers(-7, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    drawn = {}
    for name in sorted(names):
        values = scale * rng.normal(size=SHAPES[name]) * (rng.random(SHAPES[name]) > 0.2)
        drawn[name] = np.array(values, dtype=dtype)
        drawn[name].flags.writeable = False
    return drawn


def torch_clip(clip: Clip, grads: Grads) -> Grads:
    tensors = {name: torch.tensor(grad) for name, grad in grads.items()}
    return {name: grad.numpy() for name, grad in reference_clip(clip, tensors).items()}


def roundings(mine: Array, theirs: Array) -> float:
    """The greatest difference, in units of the dtype's roundoff at the value."""
    scale = np.abs(theirs) * np.finfo(theirs.dtype).eps + np.finfo(theirs.dtype).smallest_subnormal
    return float(np.max(np.abs(mine - theirs) / scale, initial=0.0))


@given(clips(), gradients())
def test_clips_as_torch_does(clip: Clip, grads: Grads) -> None:
    mine = clip.clip(grads)
    if isinstance(clip, ClipGradNorm) and np.isinf(clip.norm_type):
        grads = {name: grad for name, grad in grads.items() if grad.size}  # torch refuses empty
    theirs = torch_clip(clip, grads)
    for name, grad in theirs.items():
        assert type(mine[name]) is np.ndarray
        assert mine[name].dtype == grad.dtype
        assert mine[name].shape == grad.shape
        assert not np.shares_memory(mine[name], grads[name])
        if isinstance(clip, ClipGradNorm):
            # A norm of n entries carries at most n roundings, raised to 1 / norm_type.
            count = sum(g.size for g in grads.values())
            assert roundings(mine[name], grad) <= 4 + count / min(1.0, clip.norm_type)
        else:
            assert np.array_equal(mine[name], grad)


@given(gradients(), st.sampled_from([2.0, 1.0, 0.5, 3.0, float("inf")]))
def test_the_norm_is_over_all_gradients_together(grads: Grads, order: float) -> None:
    together = np.concatenate([grad.ravel().astype(np.float64) for grad in grads.values()])
    expected = np.linalg.norm(together, order) if together.size else 0.0
    total = ClipGradNorm(1.0, order).total_norm(grads)
    assert abs(total - expected) <= 1e-4 * expected


def test_one_norm_scales_every_gradient() -> None:
    grads = {"w": np.array([3.0]), "b": np.array([4.0, 0.0])}
    clipped = ClipGradNorm(1.0).clip(grads)
    assert clipped["w"] == pytest.approx([0.6])
    assert clipped["b"] == pytest.approx([0.8, 0.0])


@pytest.mark.parametrize("order", [2.0, 1.0, 0.5, float("inf")])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_norm_that_is_not_finite(bad: float, order: float) -> None:
    grads = {"w": np.array([1.0, bad]), "b": np.array([2.0])}
    with np.errstate(invalid="ignore"):
        mine = ClipGradNorm(1.0, order).clip(grads)
    theirs = torch_clip(ClipGradNorm(1.0, order), grads)
    assert all(np.array_equal(mine[name], theirs[name], equal_nan=True) for name in grads)
    strict = ClipGradNorm(1.0, order, error_if_nonfinite=True)
    with pytest.raises(ValueError, match=r"the norm of order .* so they cannot be clipped"):
        strict.clip(grads)
    with pytest.raises(RuntimeError, match="non-finite"):
        torch_clip(strict, grads)


def test_no_gradients_at_all() -> None:
    assert ClipGradNorm(1.0, error_if_nonfinite=True).clip({}) == {}
    assert ClipGradValue(1.0).clip({}) == {}


def test_every_clip_has_a_twin() -> None:
    assert all(kind in clip_twin.registry for kind in Clip.__subclasses__())
    with pytest.raises(NotImplementedError, match="Clip has no twin"):
        clip_twin(Clip(), [])
