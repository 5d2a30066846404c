"""What may be given as inputs, and the entries that they become: shapes and kinds of values."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gradproof.arrays import numbered
from gradproof.errors import InputError
from gradproof.subject.entries import INTEGERS, Entry, index, real
from gradproof.subject.low_precision import LOW

CONSTANT = ("choice", "mask")
"""Domains of floating numbers that have no gradient: masks, signs."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a function: an entry for each, by name, and which have a gradient.

    named    whether somebody gave these names
    """

    entries: dict[str, Entry]
    kinds: dict[str, str]
    named: bool = False


def inputs_of(inputs: Any, names: Sequence[str], need_gradient: bool = True) -> Inputs:
    """An entry for each input, and its kind.

    Masks have no gradient. Nor have tensors that do not require one, where another does.

    inputs    example arrays or tensors, of which shape and kind count; or entries such as
              `gradproof.real(4, 8)`; in a tuple, a list or a dictionary
    need_gradient    whether one at least has to have a gradient

    Raises    InputError for no inputs, for integers alone, for what is no array, and for examples
              in low precision beside others
    """
    given = dict(inputs) if isinstance(inputs, Mapping) else dict(_numbered(inputs, names))
    if not given:
        raise InputError("there are no inputs; give at least one, such as gradproof.real(4, 8)")
    _check_dtypes(given)
    entries = {name: _entry(name, value) for name, value in given.items()}
    asked = {name for name, value in given.items() if getattr(value, "requires_grad", False)}
    kinds = {name: _kind(entry, not asked or name in asked) for name, entry in entries.items()}
    if need_gradient and "real" not in kinds.values():
        raise InputError(
            "no input has a gradient: they are integers or masks; give one of floating numbers"
        )
    return Inputs(entries, kinds, isinstance(inputs, Mapping))


def _check_dtypes(given: Mapping[str, Any]) -> None:
    """Raise InputError where one example is in low precision and another is not.

    float64 beside float32 means nothing: NumPy makes float64 of all that names no dtype.
    """
    named = {n: str(getattr(v, "dtype", "")).removeprefix("torch.") for n, v in given.items()}
    floating = {n: dtype for n, dtype in named.items() if "float" in dtype}
    if len(set(floating.values())) > 1 and set(floating.values()) & set(LOW):
        said = ", ".join(f"{n} {dtype}" for n, dtype in floating.items())
        raise InputError(
            f"the inputs have several dtypes ({said}), and those of one call are judged in one; "
            "give examples of one, say which with dtypes, and let func cast what it takes in "
            "another: lambda x, w: func(x, w.float())"
        )


def _kind(entry: Entry, asked: bool) -> str:
    if entry.domain in INTEGERS:
        return "index"
    return "real" if asked and entry.domain not in CONSTANT else "buffer"


def _numbered(inputs: Any, names: Sequence[str]) -> list[tuple[str, Any]]:
    if not isinstance(inputs, (tuple, list)):
        inputs = (inputs,)
    if names and len(names) != len(inputs):
        raise InputError(
            f"there are {len(inputs)} inputs and {len(names)} names ({', '.join(names)}); "
            "give as many of both"
        )
    return list(zip(names or _counted(len(inputs)), inputs, strict=True))


def _counted(count: int) -> list[str]:
    return [*numbered("x", range(count))]


def _entry(name: str, value: Any) -> Entry:
    if isinstance(value, Entry):
        return value
    if isinstance(value, torch.Tensor):
        if value.is_floating_point():
            return real(*value.shape)
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"the input {name} is no array: {error}") from error
    if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
        return real(*array.shape)
    if array.dtype.kind in "iu":
        low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
        return index(high + 1, *array.shape, low=low)
    raise InputError(
        f"the input {name} holds {array.dtype} numbers; give floating numbers or integers, or an "
        "entry such as gradproof.choice((0, 1), 4, 8) for a mask"
    )


def names_of(functions: Sequence[Any], count: int) -> list[str]:
    """Names for so many inputs: those of a function's own arguments, if they fit; else x, x1, …"""
    for function in functions:
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            continue
        plain = [
            p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        if len(parameters) >= count and len(plain) >= count and not any(map(_reserved, plain)):
            return plain[:count]
    return _counted(count)


def _reserved(name: str) -> bool:
    """Whether it is a name for outputs."""
    return name == "y" or (name[0] == "y" and name[1:].isdigit())
