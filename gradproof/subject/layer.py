"""What a layer is: its two methods, and what the signature of `forward` says of the arrays."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Protocol, TypeAlias, get_args, get_origin, get_type_hints

from gradproof.arrays import Array
from gradproof.errors import InputError, in_one_line

# The kind of an argument or an output, written as its annotation.
Real: TypeAlias = Annotated[Array, "real"]  # input or output, has a gradient
Param: TypeAlias = Annotated[Array, "param"]  # learned, has a gradient
Index: TypeAlias = Annotated[Array, "index"]  # integer, has none
Buffer: TypeAlias = Annotated[Array, "buffer"]  # state, mask or constant, has none
KINDS = ("real", "param", "index", "buffer")


class Layer(Protocol):
    """A differentiable function of arrays with a hand-written derivative.

    ``forward(*arrays) → (y, saved)``, with a tuple for y where there are several outputs, and
    ``backward(saved, dy) → {argument: gradient}``. Both are pure. What is random or remembered,
    such as a mask or running statistics, is an argument and an output; training or evaluation is an
    option.

    Its options are what its type is called with: the fields of a dataclass, or the arguments of
    ``__init__``, each kept as an attribute of its name. Layers with equal options are the same.

    The annotations of `forward` say the kind of each argument: Real, Param, Index or Buffer. One
    without any is Index where it is given integers, Real elsewhere. So does its return annotation
    of each output, if it is written ``tuple[tuple[Real, Buffer], Saved]``; otherwise every output
    of floating numbers has a cotangent. A layer whose arguments depend on its options may define
    ``argument_kinds(count)``, and ``output_kinds(count)``, instead.

    A class attribute ``by_design = {quantity: reason}`` names gradients that are not meant to be
    the forward's derivative, such as that of a padding row. An output that the loss does not use
    has a cotangent of zeros; ``absent_cotangents = True`` says that it is to be None.
    """

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Any, tuple[Any, ...]]: ...

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Any]: ...


def argument_kinds(layer: Any, count: int, integers: Collection[str] = ()) -> dict[str, str]:
    """Name and kind of the first `count` arguments of `layer.forward`, in order.

    integers    arguments that are given integers: an index, where `forward` says nothing of them

    Raises    TypeError when `forward` does not take that many
              InputError for annotations that cannot be read
    """
    if hasattr(layer, "argument_kinds"):
        return dict(layer.argument_kinds(count))
    kind: Any = type(layer)
    return {n: k or _undeclared(n, integers) for n, k in _declared(kind, count)}


def _undeclared(name: str, integers: Collection[str]) -> str:
    return "index" if name in integers else "real"


@cache
def _declared(layer: Any, count: int) -> tuple[tuple[str, str], ...]:
    """Name and annotated kind of each argument; "" where there is none."""
    hints = _hints(layer)
    named: list[tuple[str, str]] = []
    required = 0
    for parameter in _parameters(layer):
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


def _parameters(layer: Any) -> list[inspect.Parameter]:
    """What `forward` takes of a caller: without self, which a static method has not."""
    static = isinstance(inspect.getattr_static(layer, "forward"), (staticmethod, classmethod))
    return list(inspect.signature(layer.forward).parameters.values())[0 if static else 1 :]


def _hints(layer: Any) -> dict[str, Any]:
    try:
        return get_type_hints(layer.forward, include_extras=True)
    except Exception as error:  # an annotation may be any expression
        raise InputError(
            f"the annotations of {layer.__name__}.forward cannot be read "
            f"({in_one_line(error)}); import what they name, or leave them out"
        ) from error


@cache
def _takes_any(layer: Any) -> str | None:
    """The annotated kind of ``*arrays`` where `forward` takes nothing else; None elsewhere."""
    parameters = _parameters(layer)
    if [p.kind for p in parameters] != [inspect.Parameter.VAR_POSITIONAL]:
        return None
    return _kind(_hints(layer).get(parameters[0].name))


def _kind(hint: Any) -> str:
    """The kind in ``Real``, ``Param | None`` and the like; "" where the hint names none."""
    for option in (hint, *get_args(hint)):
        if get_origin(option) is Annotated:
            return str(get_args(option)[1])
    return ""


def named_arguments(
    layer: Any, given: Sequence[str], integers: Collection[str] = ()
) -> dict[str, str]:
    """Name and kind of each argument of `layer.forward`, up to the last of the given ones.

    Where `forward` takes ``*arrays`` and nothing else, the given names are the arguments' names.

    integers    those that are given integers

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
            kinds = argument_kinds(layer, count, integers)
        except TypeError:
            continue
        if set(given) <= set(kinds):
            _check_kinds(layer, kinds)
            return kinds
    kind: Any = type(layer)
    star = None if hasattr(layer, "argument_kinds") else _takes_any(kind)
    if star is not None:
        kinds = {name: star or _undeclared(name, integers) for name in given}
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
    hint = _hints(layer).get("return")
    outputs = get_args(hint)[0] if get_origin(hint) is tuple else None
    if get_origin(outputs) is not tuple:
        return ()
    return tuple(_kind(output) or "real" for output in get_args(outputs) if output is not Ellipsis)
