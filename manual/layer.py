"""What a layer is: a frozen dataclass of hyper-parameters with two pure methods."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Annotated, Any, ClassVar, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

# The kind of each argument of `forward`, and of an output, written as its annotation.
Real: TypeAlias = Annotated[Array, "real"]  # input, has a gradient
Param: TypeAlias = Annotated[Array, "param"]  # learned, has a gradient
Index: TypeAlias = Annotated[Array, "index"]  # integer, has none
Buffer: TypeAlias = Annotated[Array, "buffer"]  # state or constant, has none

Saved: TypeAlias = tuple[Any, ...]
Grads: TypeAlias = dict[str, Array]


class Layer:
    """A differentiable function of all its arrays, with its derivative written by hand.

    A subclass is a frozen dataclass whose fields are hyper-parameters under torch's names and
    defaults. The signature of `forward` is the only declaration of the arguments: their names,
    their order and, by annotation, their kind. A variadic ``*x`` names them x0, x1, …

    The return annotation may declare the kinds of the outputs in the same way:
    ``tuple[tuple[Real, Buffer], Saved]`` is y with a cotangent and a state without one, which has
    None in dy. Where the number of outputs depends on the arguments, it names the most. Otherwise
    every output has a cotangent.

    All methods are pure: nothing received is written to, and dtype in is dtype out. So masks and
    noise are arguments, state is an argument and an output, and training or evaluation is a field.
    Of arrays of shape () they may make NumPy scalars, as NumPy does: `Net` and the judge turn them
    into arrays.

    `by_design` names the gradients that are not the forward's derivative by design, with a reason.
    """

    by_design: ClassVar[Mapping[str, str]] = {}

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Any, Saved]:
        """Return the output ``y`` and the tuple ``saved`` that `backward` unpacks."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, saved: Saved, dy: Any) -> Grads:
        """Return the gradient of ⟨dy, y⟩ for every smooth argument, by its name."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def partial_backward(
        self,
        saved: Saved,
        dy: Any,
        wanted: AbstractSet[str],  # noqa: ARG002  (what is cheap is not worth leaving out)
    ) -> Grads:
        """As `backward`, but only the gradients named in `wanted` are read.

        A layer overrides it to leave out a costly one, such as that of the data in training.
        """
        return self.backward(saved, dy)

    def argument_kinds(self, count: int) -> dict[str, str]:
        """The name and kind ("real", "param", "index" or "buffer") of `count` arguments, in order.

        Raises    TypeError when `forward` does not take that many
        """
        kind: Any = type(self)
        return dict(_kinds_of(kind, count))

    def output_kinds(self, count: int) -> tuple[str, ...] | None:
        """The kinds of `count` outputs, in order; None where `forward` declares none."""
        kind: Any = type(self)
        declared = _declared_outputs(kind)
        return declared[:count] if declared else None


@cache
def _declared_outputs(layer: Any) -> tuple[str, ...]:
    """The kinds in the return annotation ``tuple[tuple[Real, Buffer], Saved]``; () without any."""
    both = get_args(get_type_hints(layer.forward, include_extras=True).get("return"))
    outputs = get_args(both[0]) if both else ()
    declared = any(get_origin(hint) is Annotated for hint in outputs)
    return tuple(map(_kind, outputs)) if declared else ()


@cache
def _kinds_of(layer: Any, count: int) -> tuple[tuple[str, str], ...]:
    hints = get_type_hints(layer.forward, include_extras=True)
    parameters = list(inspect.signature(layer.forward).parameters.values())[1:]
    named: list[tuple[str, str]] = []
    required = 0
    for parameter in parameters:
        kind = _kind(hints[parameter.name])
        if parameter.kind is parameter.VAR_POSITIONAL:
            named += [(f"{parameter.name}{i}", kind) for i in range(count - len(named))]
        else:
            named.append((parameter.name, kind))
            required += parameter.default is parameter.empty
    if not required <= count <= len(named):
        names = ", ".join(parameter.name for parameter in parameters)
        raise TypeError(f"{layer.__name__}.forward({names}) does not take {count} arrays")
    return tuple(named[:count])


def _kind(hint: Any) -> str:
    """The kind in ``Real``, ``Param | None`` and the like."""
    options = [hint] if get_origin(hint) is Annotated else get_args(hint)
    for option in options:
        if get_origin(option) is Annotated:
            return str(get_args(option)[1])
    raise TypeError(f"{hint} is not Real, Param, Index or Buffer")
