"""What may be given as the hand-written side, and how each becomes a layer.

A layer has `forward(*arrays) → (y, saved)` and `backward(saved, dy) → {name: gradient}`, on NumPy
arrays. Here are the ways from a function of tensors, a pair of functions, or a function that
returns its pull-back, to that.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import make_dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction

from gradproof.arrays import Array, frozen
from gradproof.errors import InputError
from gradproof.oracle.tensors import as_array, laid_out, pull_back
from gradproof.subject.layer import takes_absent
from gradproof.subject.program import as_tuple


class vjp:  # noqa: N801  (it is called as a function, as `jax.vjp` is)
    """A function that returns its outputs and its pull-back, as `jax.vjp` does.

    function    function(*arrays) → (y, pull_back), and pull_back(dy) → gradients; dy is a tuple
                where y is one. Gradients are a tuple in the order of the inputs, or a dictionary

    Arrays come as NumPy arrays; what is returned may be of any kind that NumPy can take, such as
    JAX's. Source: https://docs.jax.dev/en/latest/_autosummary/jax.vjp.html
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


class Side:
    """The hand-written side: a layer in all but its type.

    absent_cotangents    whether it is given None for an output that the loss does not use, as
                         PyTorch gives it; zeros otherwise
    """

    absent_cotangents = False

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self.names = list(kinds)
        self.smooth = [name for name, kind in kinds.items() if kind in ("real", "param")]

    def forward(self, *arrays: Array) -> tuple[Any, tuple[Any, ...]]:
        raise NotImplementedError

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Any]:
        raise NotImplementedError

    def named(self, gradients: Any) -> dict[str, Any]:
        """Gradients by name, from a tuple in the order of the inputs or from a mapping."""
        if isinstance(gradients, Mapping):
            return dict(gradients)
        given = list(gradients) if isinstance(gradients, (tuple, list)) else [gradients]
        names = self.names if len(given) == len(self.names) else self.smooth
        if len(given) != len(names):
            raise ValueError(f"it returned {len(given)} gradients for {len(names)} inputs")
        return {n: g for n, g in zip(names, given, strict=True) if g is not None}


class OfTensors(Side):
    """A function of tensors whose backward pass is somebody's: `MyFunction.apply`, a module."""

    absent_cotangents = True

    def __init__(self, kinds: Mapping[str, str], function: Any) -> None:
        super().__init__(kinds)
        self._function = function

    def forward(self, *arrays: Array) -> tuple[Any, tuple[Any, ...]]:
        if any(a.dtype.kind in "cO" for a in arrays):  # for witnesses; tensors cannot take them
            raise TypeError("it takes real numbers only")
        tensors = [laid_out(a) for a in arrays]
        leaves = [
            t.requires_grad_(n in self.smooth) for n, t in zip(self.names, tensors, strict=True)
        ]
        before = [t._version for t in leaves]
        made = self._function(*leaves)
        written = [n for n, t, v in zip(self.names, leaves, before, strict=True) if t._version != v]
        if written:
            raise ValueError(f"it writes into its input {written[0]}, which is read-only")
        outputs = as_tuple(made)
        if not all(isinstance(out, Tensor) for out in outputs):
            kinds = ", ".join(type(out).__name__ for out in outputs)
            raise TypeError(f"it returned {kinds}, not tensors")
        y = tuple(map(as_array, outputs))
        return (y if isinstance(made, tuple) else y[0]), (*_saved(outputs), (outputs, leaves))

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Any]:
        outputs, leaves = saved[-1]
        dys = [None if d is None else laid_out(d) for d in as_tuple(dy)]
        smooth = [t for t in leaves if t.requires_grad]
        pulled = pull_back(outputs, dys, smooth)
        return {  # read-only: autograd gives out one tensor for both inputs of a sum
            name: np.zeros_like(as_array(t)) if g is None else frozen(as_array(g))
            for name, t, g in zip(self.smooth, smooth, pulled, strict=True)
        }


def _saved(outputs: tuple[Tensor, ...]) -> list[Array]:
    """What somebody's autograd.Function saved: a missing term is looked for among it."""
    node: Any = outputs[0].grad_fn
    if not isinstance(node, BackwardCFunction):
        return []
    saved: tuple[Any, ...] = node.saved_tensors  # None for what was saved as None
    return [as_array(t) for t in saved if t is not None]


class OfPair(Side):
    """forward(*arrays) → y or (y, saved), and backward(saved, dy) → gradients, as two functions."""

    def __init__(self, kinds: Mapping[str, str], pair: Any) -> None:
        super().__init__(kinds)
        self._forward, self._backward = pair

    def forward(self, *arrays: Array) -> tuple[Any, tuple[Any, ...]]:
        made = self._forward(*arrays)
        if not isinstance(made, tuple) or len(made) != 2:
            raise TypeError("forward has to return a pair: (y, what backward needs)")
        y, saved = made
        return y, (saved,)

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Any]:
        return self.named(self._backward(saved[0], dy))


class OfPullBack(Side):
    """What `vjp` was given."""

    def __init__(self, kinds: Mapping[str, str], given: vjp) -> None:
        super().__init__(kinds)
        self._function = given.function

    def forward(self, *arrays: Array) -> tuple[Any, tuple[Any, ...]]:
        made, pull = self._function(*arrays)
        y = tuple(np.asarray(out) for out in as_tuple(made))
        return (y if isinstance(made, tuple) else y[0]), (pull,)

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Any]:
        gradients = self.named(saved[0](dy))
        return {n: np.asarray(g) for n, g in gradients.items() if n in self.smooth}


class OfLayer(Side):
    """A layer object: its own `forward` and `backward`."""

    def __init__(self, kinds: Mapping[str, str], layer: Any) -> None:
        super().__init__(kinds)
        self.forward, self.backward = layer.forward, layer.backward  # type: ignore[method-assign]
        self.absent_cotangents = takes_absent(layer)


def layer_of(func: Any, kinds: Mapping[str, str], name: str, outputs: tuple[str, ...] = ()) -> Any:
    """An instance of a new layer type of that name.

    kinds      of the inputs, by name, in order
    outputs    their kinds, if not every one of floating numbers has a cotangent

    Raises    InputError for what is neither a function, a pair, a layer nor `vjp`
    """
    side = _kind_of(func)(kinds, func)
    body: dict[str, Any] = {
        "argument_kinds": staticmethod(lambda _: kinds),
        "forward": staticmethod(side.forward),
        "backward": staticmethod(side.backward),
        "absent_cotangents": side.absent_cotangents,
    }
    if outputs:
        body["output_kinds"] = staticmethod(lambda _: outputs)
    return make_dataclass(name, [], namespace=body, frozen=True)()


def _kind_of(func: Any) -> Callable[..., Side]:
    if isinstance(func, vjp):
        return OfPullBack
    if isinstance(func, torch.nn.Module):
        return OfTensors
    if isinstance(func, tuple) and len(func) == 2 and all(map(callable, func)):
        return OfPair
    if callable(getattr(func, "forward", None)) and callable(getattr(func, "backward", None)):
        return OfLayer
    if callable(func):
        return OfTensors
    raise InputError(
        f"func is of type {type(func).__name__}; give a function of tensors, such as "
        "MyFunction.apply, a pair (forward, backward) of functions of arrays, an object with "
        "these two methods, or gradproof.vjp(f)"
    )


def name_of(func: Any) -> str:
    """A name to speak of it: that of the function, class or module."""
    func = func.function if isinstance(func, vjp) else func
    func = func[0] if isinstance(func, tuple) and func else func
    while isinstance(func, partial):  # of partial(jax.vjp, f) it is f that is judged
        func = func.args[0] if func.args and callable(func.args[0]) else func.func
    owner = getattr(func, "__self__", None)
    if inspect.isclass(owner):  # MyFunction.apply
        func = owner
    name = str(getattr(func, "__name__", type(func).__name__))
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else "func"
