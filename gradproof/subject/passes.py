"""Running a layer's two passes: they return arrays, or Misconduct says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.errors import Stop, told
from gradproof.subject.memory_order import as_it_lies

Dy = tuple[Array | None, ...]
_REAL_PARTS = "return the real and the imaginary part as two outputs"


class Misconduct(Exception):
    """The layer broke its contract; the text says how. `quantity` is the array concerned."""

    def __init__(self, quantity: str, text: str) -> None:
        super().__init__(text)
        self.quantity = quantity


@dataclass(frozen=True)
class Ran:
    """What `forward` returned: the outputs as a tuple, and whether they were one."""

    outputs: tuple[Array, ...]
    saved: Any
    several: bool


def forward(layer: Any, arrays: Sequence[Array | None]) -> Ran:
    """Run ``layer.forward``; its outputs and what it saved become read-only.

    Raises    Misconduct when it fails or returns anything but arrays
    """
    try:
        y, saved = layer.forward(*arrays)
    except (KeyboardInterrupt, Stop):
        raise
    except BaseException as error:  # SystemExit, or what tells a test framework to skip
        raise Misconduct("y", f"forward raised {_said(error)}") from error
    outputs = tuple(map(_array, y if isinstance(y, tuple) else (y,)))
    for out in outputs:
        if type(out) is not np.ndarray:
            raise Misconduct("y", f"forward returned {type(out).__name__}, not a plain array")
        if out.dtype.kind == "c":
            raise Misconduct("y", f"forward returned {out.dtype} numbers; {_REAL_PARTS}")
    _freeze((outputs, saved))
    return Ran(outputs, saved, isinstance(y, tuple))


def _freeze(values: Any) -> None:
    for value in values:
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        elif isinstance(value, tuple):
            _freeze(value)


def backward(layer: Any, ran: Ran, dy: Dy) -> dict[str, Array]:
    """Run ``layer.backward`` on a tuple of cotangents.

    Raises    Misconduct when it fails or returns anything but a dictionary of arrays
    """
    try:
        with as_it_lies(ran.saved, dy):
            grads = layer.backward(ran.saved, dy if ran.several else dy[0])
    except (KeyboardInterrupt, Stop):
        raise
    except BaseException as error:
        raise Misconduct("backward", f"backward raised {_said(error)}") from error
    if type(grads) is not dict:  # a subclass may give others than it shows
        given = type(grads).__name__
        raise Misconduct("backward", f"backward returned {given}, not a plain dictionary")
    grads = {name: _array(g) for name, g in grads.items()}
    for name, g in grads.items():
        if type(g) is not np.ndarray:  # a subclass may say what it likes of itself
            raise Misconduct(name, f"its gradient is {type(g).__name__}, not a plain array")
    return grads


def _array(made: Any) -> Any:
    """A NumPy number, which a reduction to one number returns, as an array without axes."""
    return np.asarray(made) if isinstance(made, np.generic) else made


def _said(error: BaseException) -> str:
    text = told(error)
    if "read-only" in text:
        return f"{text} (it writes into something it received)"
    return text
