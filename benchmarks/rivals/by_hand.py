"""A case's layer as plain functions of arrays, which is what other checkers take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case, smooth_names


@dataclass(frozen=True)
class ByHand:
    """The layer of a case as a function of its smooth arguments, with its backward.

    Outputs are those that have a cotangent. Arrays are contiguous and may be written to, as those
    of other people's tests are.

    dtype   of all that is not an index
    """

    case: Case
    dtype: str = "float64"

    @cached_property
    def names(self) -> list[str]:
        return smooth_names(self.case)

    @cached_property
    def inputs(self) -> list[Array]:
        """The smooth arguments."""
        return [self._copy(a) for n in self.names if (a := self.case.arrays[n]) is not None]

    @cached_property
    def dy(self) -> list[Array]:
        """The case's cotangents."""
        return [self._copy(d) for d in self.case.dy if d is not None]

    def _copy(self, array: Array) -> Array:
        return np.array(array, dtype=self.dtype if array.dtype.kind == "f" else None, order="C")

    @cached_property
    def _others(self) -> dict[str, Array | None]:
        arrays = self.case.arrays
        return {
            n: a if a is None else self._copy(a) for n, a in arrays.items() if n not in self.names
        }

    def forward(self, *inputs: Any) -> tuple[list[Array], Any]:
        """The outputs, and what `gradients` takes.

        Raises    whatever the layer raises; ValueError when it has too few outputs or too many
        """
        given = self._others | dict(zip(self.names, inputs, strict=True))
        y, saved = self.case.layer.forward(*(given[name] for name in self.case.arrays))
        several = isinstance(y, tuple)
        pairs = zip(y if several else (y,), self.case.dy, strict=True)
        return [np.asarray(out) for out, d in pairs if d is not None], (saved, several)

    def gradients(self, kept: Any, dy: Sequence[Array]) -> list[Array]:
        """One for each smooth argument; where backward returns none, zeros."""
        saved, several = kept
        left = iter(dy)
        whole = tuple(None if d is None else next(left) for d in self.case.dy)
        grads = self.case.layer.backward(saved, whole if several else whole[0])
        return [
            grads[name] if name in grads else np.zeros_like(x)
            for name, x in zip(self.names, self.inputs, strict=True)
        ]
