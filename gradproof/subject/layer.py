"""What a layer is: its two methods, and what the signature of `forward` says of the arrays."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Protocol, TypeAlias, get_args, get_origin, get_type_hints

from gradproof.arrays import Array
from gradproof.errors import InputError

# The kind of an argument or an output, written as its annotation.
Real: TypeAlias = Annotated[Array, "real"]  # input or output, has a gradient
Param: TypeAlias = Annotated[Array, "param"]  # learned, has a gradient
Index: TypeAlias = Annotated[Array, "index"]  # integer, has none
Buffer: TypeAlias = Annotated[Array, "buffer"]  # state, mask or constant, has none
KINDS = ("real", "param", "index", "buffer")


class Layer(Protocol):
    """A differentiable function of arrays with a hand-written derivative: a frozen dataclass.

    ``forward(*arrays) → (y, saved)``, with a tuple for y where there are several outputs, and
    ``backward(saved, dy) → {argument: gradient}``. Both are pure. What is random or remembered,
    such as a mask or running statistics, is an argument and an output; training or evaluation is a
    field.

    The annotations of `forward` say the kind of each argument: Real, Param, Index or Buffer; one
    without any is Real. So does its return annotation of each output, if it is written
    ``tuple[tuple[Real, Buffer], Saved]``; otherwise every output of floating numbers has a
    cotangent. A layer whose arguments depend on its fields may define ``argument_kinds(count)``,
    and ``output_kinds(count)``, instead.

    A class attribute ``by_design = {quantity: reason}`` names gradients that are not meant to be
    the forward's derivative, such as that of a padding row. An output that the loss does not use
    has a cotangent of zeros; ``absent_cotangents = True`` says that it is to be None.
    """

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Any, tuple[Any, ...]]: ...

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Any]: ...


def argument_kinds(layer: Any, count: int) -> dict[str, str]:
    """Name and kind of the first `count` arguments of `layer.forward`, in order.

    Raises    TypeError when `forward` does not take that many
    """
    if hasattr(layer, "argument_kinds"):
        return dict(layer.argument_kinds(count))
    kind: Any = type(layer)
    return dict(_argument_kinds(kind, count))


@cache
def _argument_kinds(layer: Any, count: int) -> tuple[tuple[str, str], ...]:
    hints = get_type_hints(layer.forward, include_extras=True)
    named: list[tuple[str, str]] = []
    required = 0
    for parameter in list(inspect.signature(layer.forward).parameters.values())[1:]:
        kind = _kind(hints.get(parameter.name))
        if parameter.kind is parameter.VAR_POSITIONAL:
            named += [(f"{parameter.name}{i}", kind) for i in range(count - len(named))]
        else:
            named.append((parameter.name, kind))
            required += parameter.default is parameter.empty
    if not required <= count <= len(named):
        names = ", ".join(name for name, _ in named)
        raise TypeError(f"{layer.__name__}.forward({names}) does not take {count} arrays")
    return tuple(named[:count])


def _kind(hint: Any) -> str:
    """The kind in ``Real``, ``Param | None`` and the like."""
    for option in (hint, *get_args(hint)):
        if get_origin(option) is Annotated:
            return str(get_args(option)[1])
    return "real"


def named_arguments(layer: Any, given: Sequence[str]) -> dict[str, str]:
    """Name and kind of each argument of `layer.forward`, up to the last of the given ones.

    Raises    ValueError when `forward` takes no argument of a given name
              InputError for one that is named as outputs are
    """
    outputs = [name for name in given if name[0] == "y" and name[1:].isdigit() | (name == "y")]
    if outputs:
        raise InputError(
            f"{type(layer).__name__}.forward has an argument {outputs[0]!r}; `y` is reserved for "
            "outputs (y, y1, y2, …), so give it another name"
        )
    for count in range(len(given), len(given) + 16):
        try:
            kinds = argument_kinds(layer, count)
        except TypeError:
            continue
        if set(given) <= set(kinds):
            _check_kinds(layer, kinds)
            return kinds
    raise ValueError(f"{type(layer).__name__}.forward does not take {', '.join(given)}")


def _check_kinds(layer: Any, kinds: Mapping[str, str]) -> None:
    wrong = next((name for name, kind in kinds.items() if kind not in KINDS), None)
    if wrong is not None:
        raise InputError(
            f"{type(layer).__name__} says that {wrong} is of the kind {kinds[wrong]!r}; the kinds "
            f"are {', '.join(KINDS)}"
        )


def differentiable(layer: Any, count: int) -> tuple[bool, ...]:
    """Of each of so many outputs whether it may have a cotangent; a network's are its last step's.

    An output of integers has none anyway.
    """
    if hasattr(layer, "steps"):
        return differentiable(layer.steps[-1].layer, count)
    kinds = layer.output_kinds(count) if hasattr(layer, "output_kinds") else None
    if kinds is None:
        kind: Any = type(layer)
        kinds = _output_kinds(kind)
    return tuple(kinds[i] == "real" if i < len(kinds) else True for i in range(count))


def takes_absent(layer: Any) -> bool:
    """Whether `backward` is given None for the cotangent of an output that the loss leaves out."""
    return bool(getattr(layer, "absent_cotangents", False))


@cache
def _output_kinds(layer: Any) -> tuple[str, ...]:
    """The kinds that the return annotation names; () where it names none."""
    hint = get_type_hints(layer.forward, include_extras=True).get("return")
    outputs = get_args(hint)[0] if get_origin(hint) is tuple else None
    if get_origin(outputs) is not tuple:
        return ()
    return tuple(_kind(output) for output in get_args(outputs) if output is not Ellipsis)
