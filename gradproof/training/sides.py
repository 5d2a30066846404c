"""A training step on either side, from the same parameters, optimiser state and batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from gradproof.arrays import Array, beside, frozen
from gradproof.cases.case import Case, case_of
from gradproof.cases.optimizer_case import Arrays, State, UpdateCase
from gradproof.oracle.layer import Oracle
from gradproof.oracle.network import NetworkOracle
from gradproof.oracle.optimizer import ReferenceStep, as_arrays
from gradproof.oracle.tensors import Sample, as_array, tensor
from gradproof.subject import passes
from gradproof.subject.layer_options import defaults_of, options_of
from gradproof.subject.subject import Subject

WHOLE = "loss"
"""The name of the whole network among its layers."""
Forward: TypeAlias = Callable[..., Array]
Place: TypeAlias = tuple[Arrays, State]


@dataclass(frozen=True)
class Training:
    """A training run to record: network, data and optimiser.

    network    its name; with the data set and the optimiser it names the run
    dataset    the data's name
    optimizer  an optimiser of the subject, with its options
    net        a network that ends in its loss, of shape ()
    params     initial values of the inputs that are trained, as "layer.name"
    batches    batches(step) → the other inputs at that step (from 1), the same at every call
    evaluate   evaluate(params, forward) → (metric's name, its value) on held-out data, where
               forward(net, *arrays) is the output of a network on either side
    """

    network: str
    dataset: str
    optimizer: Any
    net: Any
    params: Mapping[str, Array]
    batches: Callable[[int], Mapping[str, Array]]
    evaluate: Callable[[Mapping[str, Array], Forward], tuple[str, float]]

    @cached_property
    def layers(self) -> dict[str, tuple[str, ...]]:
        """The parameters of each layer, and of the whole network."""
        found: dict[str, tuple[str, ...]] = {}
        names = tuple(name for name in self.net.inputs if name in self.params)
        for name in names:
            layer = layer_of(name)
            found[layer] = (*found.get(layer, ()), name)
        return {**found, WHOLE: names}

    @property
    def optimizer_name(self) -> str:
        """``SGD(momentum=0.9)``: the type, and the options that differ from their defaults.

        The learning rate is left out: it depends on the data more than on the rule.
        """
        rule = self.optimizer
        defaults = defaults_of(rule)
        options = [
            f"{name}={value!r}"
            for name, value in options_of(rule).items()
            if name != "lr" and name in defaults and value != defaults[name]
        ]
        return type(rule).__name__ + (f"({', '.join(options)})" if options else "")

    def arrays(self, params: Mapping[str, Array], batch: Mapping[str, Array]) -> dict[str, Array]:
        """Every input of the network, in its order."""
        return {name: params[name] if name in params else batch[name] for name in self.net.inputs}

    @property
    def dtype(self) -> Any:
        return next(iter(self.params.values())).dtype


def layer_of(quantity: str) -> str:
    """The layer that a parameter, or an entry of its optimiser's state, belongs to."""
    return quantity.partition(".")[0]


@dataclass(frozen=True)
class Moved:
    """One step: the loss and its gradients before it, parameters and state after it."""

    loss: float
    grads: Arrays
    params: Arrays
    state: State


def manual_step(
    training: Training, params: Arrays, state: State, batch: Mapping[str, Array]
) -> Moved:
    """One step of the side under test.

    Raises    whatever the network or the optimiser raises
    """
    net = training.net
    with np.errstate(all="ignore"):
        ran = passes.forward(net, list(training.arrays(params, batch).values()))
        given = passes.backward(net, ran, (np.ones((), training.dtype),))
        grads = {name: given[name] for name in params if name in given}
        new_params, new_state = training.optimizer.step(params, grads, state)
    return Moved(float(ran.outputs[0]), grads, new_params, new_state)


class Reference:
    """The reference's side: the network and the optimiser by their twins."""

    def __init__(self, subject: Subject, training: Training) -> None:
        self._subject, self._training = subject, training

    def case(
        self, params: Mapping[str, Array], batch: Mapping[str, Array], number: int = 0
    ) -> Case:
        """The network on a batch: its data are no parameters, so they have no gradient."""
        training = self._training
        arrays = training.arrays(params, batch)
        kinds = {name: "param" if name in params else "buffer" for name in arrays}
        one = frozen(np.ones((), training.dtype))
        return case_of(training.net, arrays, kinds, training.dtype.name, seed=number, dy=(one,))

    def gradients(
        self, params: Mapping[str, Array], batch: Mapping[str, Array]
    ) -> tuple[Array, Arrays]:
        """The loss, and its gradient for each parameter that it depends on."""
        case = self.case(params, batch)
        oracle = Oracle.of(self._subject.twin, case)
        gradients = oracle.pull(case.dy)
        return oracle.y[0], {name: frozen(g) for name, g in gradients.items() if g is not None}

    def disturbed(
        self, params: Mapping[str, Array], batch: Mapping[str, Array]
    ) -> Iterator[Sample]:
        """(disturbed, undisturbed) of the loss "y" and each gradient, all arithmetic disturbed."""
        case = self.case(params, batch)
        oracle = NetworkOracle(self._subject.twin, case)
        oracle.pull(case.dy)
        return oracle.thorough_samples()

    def steps(self, places: Sequence[Place], batch: Mapping[str, Array]) -> list[Place]:
        """One step from each of several places."""
        return self.updates([(p, self.gradients(p, batch)[1], state) for p, state in places])

    def updates(self, places: Sequence[tuple[Arrays, Arrays, State]]) -> list[Place]:
        """The optimiser's step from parameters, gradients and state; it takes all at once."""
        params: Arrays = {}
        grads: Arrays = {}
        state: State = {}
        for i, (held, slopes, memory) in enumerate(places):
            params |= {f"{i} {name}": p for name, p in held.items()}
            grads |= {f"{i} {name}": g for name, g in slopes.items()}
            state |= {f"{i} {name}": entries for name, entries in memory.items()}
        training = self._training
        case = UpdateCase(training.optimizer, params, grads, state, training.dtype.name)
        new_params, new_state = as_arrays(ReferenceStep(self._subject, case)())
        return [(_of(i, new_params), _of(i, new_state)) for i in range(len(places))]

    def forward(self, net: Any, *arrays: Array) -> Array:
        """The output of a network, such as the trained one without its loss."""
        return as_array(self._subject.twin(net, *map(tensor, arrays)))


def _of(place: int, entries: Mapping[str, Any]) -> dict[str, Any]:
    start = f"{place} "
    return {name.removeprefix(start): e for name, e in entries.items() if name.startswith(start)}


def one_ulp_away(params: Mapping[str, Array], seed: int) -> Arrays:
    """Every entry replaced by one of its two neighbours."""
    r = np.random.default_rng(seed)
    return {name: beside(p, r) for name, p in params.items()}


def norms(layers: Mapping[str, tuple[str, ...]], arrays: Mapping[str, Array]) -> dict[str, float]:
    """The Euclidean norm of each layer's arrays together; absent ones count as zero."""
    squares = {}
    for name, array in arrays.items():
        flat = array.astype(np.float64, copy=False).ravel()
        with np.errstate(all="ignore"):
            squares[name] = float(flat @ flat)
    return {
        layer: float(np.sqrt(sum(squares.get(name, 0.0) for name in names)))
        for layer, names in layers.items()
    }


def distances(
    layers: Mapping[str, tuple[str, ...]], one: Mapping[str, Array], other: Mapping[str, Array]
) -> dict[str, float]:
    """‖one − other‖ of each layer's parameters."""
    with np.errstate(all="ignore"):
        return norms(layers, {name: one[name] - p for name, p in other.items()})
