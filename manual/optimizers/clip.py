"""Gradient clipping: pure functions from named gradients to named gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Grads


class Clip:
    """A bound on gradients; a subclass is a frozen dataclass of torch's options.

    Every gradient given counts, so give the parameters' alone: a network's backward also returns
    those of its inputs.
    """

    def clip(self, grads: Grads) -> Grads:
        """Return the clipped gradients, all of them new arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no clip")


@dataclass(frozen=True)
class ClipGradNorm(Clip):
    """g ← min(1, max_norm / (‖g‖ + 1e-6)) g, with one norm over all gradients

    Source    torch.nn.utils.clip_grad_norm_
    Raises    ValueError if error_if_nonfinite and the norm is infinite or NaN
    """

    max_norm: float
    norm_type: float = 2.0
    error_if_nonfinite: bool = False

    def clip(self, grads: Grads) -> Grads:
        total = self.total_norm(grads)
        if self.error_if_nonfinite and not np.isfinite(total):
            raise ValueError(
                f"the norm of order {self.norm_type} of the gradients is {total}, "
                "so they cannot be clipped"
            )
        # A Python float does not promote float32.
        scale = float(np.minimum(self.max_norm / (total + 1e-6), 1.0))
        return {name: np.asarray(g * scale) for name, g in grads.items()}

    def total_norm(self, grads: Grads) -> Array:
        """The norm, of order norm_type, of all entries: that of the arrays' own norms."""
        norms = [np.linalg.norm(g.ravel(), self.norm_type) for g in grads.values() if g.size]
        return np.asarray(np.linalg.norm(norms, self.norm_type) if norms else np.float32(0))


@dataclass(frozen=True)
class ClipGradValue(Clip):
    """g ← g within ±clip_value

    Source    torch.nn.utils.clip_grad_value_
    """

    clip_value: float

    def clip(self, grads: Grads) -> Grads:
        return {
            name: np.asarray(np.clip(g, -self.clip_value, self.clip_value))
            for name, g in grads.items()
        }
