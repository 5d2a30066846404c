# ruff: noqa: NPY002
"""From pydynet's tensors to what gradproof takes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import gradproof

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that there is no Cupy
    import pydynet as pdn
from pydynet.core.tensor import Graph


def by(f: Callable[..., Any], **options: Any) -> gradproof.vjp:
    """f(*tensors, **options) of pydynet; integers stay arrays of NumPy."""

    def tensor(a: Any) -> Any:
        return pdn.Tensor(a, dtype=a.dtype, requires_grad=True) if a.dtype.kind == "f" else a

    def run(*arrays: Any) -> Any:
        out = f(*map(tensor, arrays), **options).numpy()
        Graph.node_list.clear()  # leaves stay in it for ever
        Graph.size = 0

        def pull(dy: Any) -> list[Any]:
            given = [tensor(a) for a in arrays]
            loss = (f(*given, **options) * pdn.Tensor(dy, dtype=dy.dtype)).sum()
            try:
                loss.backward()
            finally:
                Graph.node_list.clear()
                Graph.size = 0
            return [getattr(t, "grad", None) for t in given]

        return out, pull

    return gradproof.vjp(run)


def module(make: Callable[[], Any], *names: str) -> gradproof.vjp:
    """A module of pydynet as a function of x and of its parameters of these names."""

    def f(x: Any, *parameters: Any) -> Any:
        before = np.random.get_state()
        layer = make()  # which draws its first weights
        np.random.set_state(before)
        for name, value in zip(names, parameters, strict=True):
            *path, last = name.split(".")
            owner = layer
            for part in path:
                owner = getattr(owner, part)
            setattr(owner, last, value)
        out = layer(x)
        while isinstance(out, tuple):
            out = out[0]
        return out

    return by(f)
