"""A layer's options: what its type is called with, kept as attributes of the same names."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass
from functools import cache
from types import NoneType
from typing import Any

import numpy as np

from gradproof.errors import InputError, in_one_line

_SIMPLE = (bool, int, float, str, NoneType, np.bool_, np.integer, np.floating)
"""What a case file holds as it is, and in tuples."""


def has_options(value: Any) -> bool:
    """Whether it is a layer or a dataclass: a case file has its type and its options."""
    return not isinstance(value, type) and (is_dataclass(value) or hasattr(value, "forward"))


def options_of(value: Any) -> dict[str, Any]:
    """The options by name, in the order in which the type takes them.

    Raises    InputError where they cannot be known
    """
    kind: Any = type(value)
    names = option_names(kind)
    try:
        return {name: getattr(value, name) for name in names}
    except AttributeError as error:
        lost = next(name for name in names if not hasattr(value, name))
        raise InputError(
            f"{kind.__name__} takes {lost} and has no attribute of that name, so a case of it "
            f"cannot be saved; write self.{lost} = {lost} in __init__, or make {kind.__name__} a "
            "dataclass"
        ) from error


@cache
def option_names(kind: Any) -> tuple[str, ...]:
    """What the type is called with.

    Raises    InputError for arguments without a name of their own
    """
    parameters = inspect.signature(kind).parameters.values()
    for p in parameters:
        if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            shown = p.replace(annotation=p.empty)
            raise InputError(
                f"{kind.__name__} takes {shown}, and a case saves options by name; give each "
                f"argument of __init__ a name, or make {kind.__name__} a dataclass"
            )
    return tuple(p.name for p in parameters)


def defaults_of(value: Any) -> dict[str, Any]:
    """The options whose default is one that a case file holds."""
    found = {p.name: p.default for p in inspect.signature(type(value)).parameters.values()}
    return {n: d for n, d in found.items() if isinstance(d, (*_SIMPLE, tuple))}


def with_options(value: Any, /, **changed: Any) -> Any:
    """A new instance, with some options changed; its type may refuse them."""
    return type(value)(**{**options_of(value), **changed})


def as_text(value: Any) -> str:
    """``Linear(bias=True)``, for a plain class as for a dataclass: equal only for equal options."""
    if isinstance(value, _SIMPLE):
        return repr(value)
    if type(value) is tuple:
        return f"({', '.join(map(as_text, value))}{',' if len(value) == 1 else ''})"
    if type(value) is list:
        return f"[{', '.join(map(as_text, value))}]"
    if not has_options(value):
        return repr(value)
    options = [f"{n}={as_text(v)}" for n, v in options_of(value).items()]
    return f"{type(value).__qualname__}({', '.join(options)})"


def check_options(layer: Any) -> None:
    """Raise InputError for options that a case file cannot hold, or would give back as others."""
    for name, option in options_of(layer).items():
        _check(layer, name, option)
    if not is_dataclass(layer):
        _check_made_again(layer)


def _check(layer: Any, name: str, value: Any) -> None:
    if isinstance(value, _SIMPLE):
        return
    if has_options(value):
        check_options(value)
    elif isinstance(value, (tuple, list)):
        for one in value:
            _check(layer, name, one)
    else:
        array = isinstance(value, np.ndarray)
        raise InputError(
            f"the option {name} of {type(layer).__name__} is "
            f"{'an array' if array else f'of type {type(value).__name__}'}, and a case saves "
            f"options as numbers and text; make it "
            f"{'an argument of forward, or a tuple' if array else 'a number, a text or a tuple'}"
        )


def _check_made_again(layer: Any) -> None:
    text = as_text(layer)
    try:
        again = as_text(with_options(layer))
    except Exception as error:  # noqa: BLE001  (it is the layer's own code)
        again = f"refused ({in_one_line(error)})"
    if again != text:
        raise InputError(
            f"{text}, made again from its attributes, is {again}, so a case of it cannot be saved; "
            "keep each argument of __init__ as it is given, as an attribute of its name"
        )
