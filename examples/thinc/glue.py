"""From a layer of thinc to what gradproof judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from thinc import api

from gradproof import vjp

Made = Callable[[], api.Model]


def own(a: Any) -> np.ndarray:
    return np.array(a, order="C")


def layer(
    make: Made, *names: str, wrap: Callable[..., Any] = own, bare: Callable[..., Any] = np.asarray
) -> vjp:
    """A layer as a function of X and of its parameters of these names.

    wrap, bare    to what the layer takes from an array, and back
    """

    def run(x: np.ndarray, *given: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        model = make()
        for name, value in zip(names, given, strict=True):
            owner(model, name).set_param(name.rpartition(".")[2], own(value))
        y, back = model(wrap(x), is_train=True)

        def pull(dy: Any) -> tuple[Any, ...]:
            for name in names:
                owner(model, name).set_grad(name.rpartition(".")[2], 0.0)
            dx = bare(back(wrap(dy)))
            return dx, *(owner(model, n).get_grad(n.rpartition(".")[2]) for n in names)

        return bare(y).copy(), pull

    return vjp(run)


def owner(model: api.Model, name: str) -> api.Model:
    """The layer that has a parameter: `1.W` is W of the second one inside."""
    for step in name.split(".")[:-1]:
        model = model.layers[int(step)]
    return model


SIZES = (3, 1, 2)
LENGTHS = np.array(SIZES, dtype="i")


def ragged(a: Any) -> api.Ragged:
    return api.Ragged(own(a), LENGTHS)


def either(a: Any) -> Any:
    """Ragged rows, or one row for each sequence."""
    return ragged(a) if len(a) == sum(SIZES) else own(a)


def data(r: Any) -> np.ndarray:
    return r if isinstance(r, np.ndarray) else r.data


def parts(a: Any) -> list[np.ndarray]:
    return [own(p) for p in np.split(own(a), np.cumsum(SIZES)[:-1])]


def joined(items: Any) -> np.ndarray:
    return np.concatenate(list(items))


def padded(a: Any) -> api.Padded:
    """Full sequences: (time, batch, width)."""
    a = own(a)
    steps, batch = a.shape[:2]
    sizes = [batch] * steps, [steps] * batch, range(batch)
    return api.Padded(a, *(np.array(list(v), dtype="i") for v in sizes))


def pair(make: Made, *names: str) -> vjp:
    """A layer that takes a tuple of two arrays."""

    def run(a: np.ndarray, b: np.ndarray, *given: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        model = make()
        for name, value in zip(names, given, strict=True):
            owner(model, name).set_param(name.rpartition(".")[2], own(value))
        y, back = model((own(a), own(b)), is_train=True)

        def pull(dy: Any) -> tuple[Any, ...]:
            for name in names:
                owner(model, name).set_grad(name.rpartition(".")[2], 0.0)
            grads = back(own(dy))
            return *grads, *(owner(model, n).get_grad(n.rpartition(".")[2]) for n in names)

        return y.copy(), pull

    return vjp(run)


def table(make: Made, dtype: str = "i") -> vjp:
    """An embedding as a function of its table."""

    def run(E: np.ndarray, ids: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        model = make()
        model.set_param("E", own(E))
        y, back = model(own(ids).astype(dtype), is_train=True)

        def pull(dy: Any) -> Any:
            model.set_grad("E", 0.0)
            back(own(dy))
            return (model.get_grad("E"),)

        return y.copy(), pull

    return vjp(run)
