"""Object arrays of balls, on which a layer's forward runs as on floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.witnesses.enclosure.ball import Ball, Tape


class BallArray(np.ndarray[Any, np.dtype[Any]]):
    """An array in which every number is a ball.

    In a plain object array NumPy leaves a number such as the 0 of np.maximum(x, 0) as it is, and
    then has no exp for it; and it knows SciPy's functions for floats alone.
    """

    tape: Tape

    def __array_finalize__(self, obj: Any) -> None:
        if isinstance(obj, BallArray):
            self.tape = obj.tape

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: Any, *inputs: Any, out: Any = (), **kwargs: Any
    ) -> Any:
        given = [_balls(self.tape, np.asarray(a)) for a in inputs]
        if "where" in kwargs and method == "reduce" and ufunc is np.add:
            kwargs.setdefault("initial", self.tape.constant(0))
        if any("O" in form for form in ufunc.types):
            made = getattr(ufunc, method)(*given, **kwargs)
        else:
            made = entrywise(*given, function=lambda ball: getattr(ball, ufunc.__name__)())
        if not isinstance(made, tuple):
            made = self._kept(made)
        if not out:
            return made
        np.asarray(out[0])[...] = made
        return out[0]

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._kept(super().__array_function__(func, types, args, kwargs))

    def _kept(self, made: Any) -> Any:
        """A result as a BallArray, if it is an array of numbers."""
        if isinstance(made, Ball) or (isinstance(made, np.ndarray) and made.dtype == object):
            return ball_array(self.tape, np.asarray(made))
        return made


def ball_array(tape: Tape, array: Array, make: Callable[[Any], Ball] | None = None) -> BallArray:
    """Every entry as a ball: by `make`, or as a constant if it is not a ball yet."""
    made = _balls(tape, array) if make is None else entrywise(array, function=make)
    boxed = made.view(BallArray)
    boxed.tape = tape
    return boxed


def _balls(tape: Tape, array: Array) -> Array:
    return entrywise(array, function=lambda v: v if isinstance(v, Ball) else tape.constant(v))


def entrywise(array: Array, *, function: Callable[[Any], Any]) -> Array:
    """An object array of the same shape, by a function of each entry."""
    made = np.empty(array.shape, dtype=object)
    for i, value in enumerate(array.flat):
        made.flat[i] = function(value)
    return made
