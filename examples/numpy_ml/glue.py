"""From layers, activations and losses of numpy-ml to what gradproof takes."""

from __future__ import annotations

import collections
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import gradproof

collections.Hashable = Hashable  # numpy-ml 0.1.2 imports it from where Python 3.9 had it
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that there is no gym and no matplotlib
    import numpy_ml.neural_nets.layers  # noqa: F401


@contextmanager
def same_random(seed: int = 7) -> Iterator[None]:
    """Its layers draw weights and masks from NumPy's global generator."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def writable(arrays: Any) -> list[Any]:
    return [np.array(a) for a in arrays]


def at(tree: Any, path: str) -> tuple[Any, str]:
    """The dictionary that holds a parameter named "cell.W", and its key there."""
    *way, key = path.split(".")
    for name in way:
        tree = tree["components"][name]
    return tree, key


def layer(make: Callable[[], Any], *params: str, count: int = 1, joined: bool = False) -> Any:
    """A layer as a function of `count` inputs and of its parameters of these names.

    joined    whether its inputs go in as one list
    """

    def forward(arrays: Any) -> tuple[Any, Any]:
        xs, values = arrays[:count], arrays[count:]
        given = [xs] if joined else xs
        with same_random():
            made = make()
            if hasattr(made, "kqv_dim"):
                made.kqv_dim = xs[0].shape[-1]
                made._init_params()
                for wrapped in made.projections.values():
                    wrapped._base_layer.n_in = made.kqv_dim
                    wrapped._base_layer._init_params()
            elif params:
                made.forward(*given)  # makes the parameters
                fresh(made)
        for name, value in zip(params, values, strict=True):
            tree, key = at(made.parameters, name)
            tree[key] = value
        with same_random():
            return made, made.forward(*given)

    def run(*arrays: Any) -> Any:
        _, y = forward(writable(arrays))

        def pull(dy: Any) -> Any:
            made, _ = forward(writable(arrays))
            back = made.backward(*writable(dy if isinstance(dy, tuple) else (dy,)))
            found = [at(made.gradients, name) for name in params]
            return [*(back if count > 1 else [back]), *(tree.get(key) for tree, key in found)]

        return y, pull

    return gradproof.vjp(run)


def fresh(made: Any) -> None:
    """Forget what forward kept."""
    for part in getattr(made, "components", None) or [made]:
        part.flush_gradients()
        for name in {"dLdA_accumulator", "dLdC_accumulator"} & set(part.derived_variables):
            part.derived_variables[name] = None  # flush_gradients leaves [], which is added to


def steps(make: Callable[[], Any], *params: str) -> Any:
    """A cell over the steps of x (examples, features, steps)."""

    def forward(x: Any, *values: Any) -> tuple[Any, Any]:
        with same_random():
            cell = make()
            cell.forward(x[:, :, 0])
        fresh(cell)
        cell.parameters.update(zip(params, values, strict=True))
        made = [cell.forward(x[:, :, t]) for t in range(x.shape[2])]
        return cell, np.dstack([y[0] if isinstance(y, tuple) else y for y in made])

    def run(*arrays: Any) -> Any:
        _, y = forward(*writable(arrays))

        def pull(dy: Any) -> Any:
            cell, _ = forward(*writable(arrays))
            back = [cell.backward(dy[:, :, t].copy()) for t in reversed(range(dy.shape[2]))]
            return [np.dstack(back[::-1]), *(cell.gradients[name] for name in params)]

        return y, pull

    return gradproof.vjp(run)


def elementwise(f: Callable[..., Any], slope: Callable[..., Any]) -> Any:
    """An activation and its derivative."""
    return gradproof.vjp(lambda x: (f(x), lambda dy: [dy * slope(x)]))


def scalar(loss: Callable[..., Any], grads: Callable[..., Any]) -> Any:
    """A loss, and the function that returns its gradients."""
    return gradproof.vjp(
        lambda *arrays: (
            np.asarray(loss(*writable(arrays))),
            lambda dy: [None if g is None else dy * g for g in grads(*writable(arrays))],
        )
    )
