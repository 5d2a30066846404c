"""Is this training step right? Every step beside torch's, from torch's place and from its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from torch.optim import Optimizer
from torch.utils._python_dispatch import _disable_current_modes

from gradproof.arrays import Array, frozen, largest
from gradproof.checking.result import answered
from gradproof.checking.sides import name_of
from gradproof.checking.training_result import FREE, LOCKED, Compared, TrainingVerdict
from gradproof.errors import InputError, Stop, told
from gradproof.oracle.tensors import as_array, disturbed_runs, tensor
from gradproof.rounding.bound import Comparison, settle, visible_margins
from gradproof.training.free import STARTS
from gradproof.training.sides import WHOLE, distances, one_ulp_away

LOSS = "loss"
Arrays = dict[str, Array]
Step = Callable[[Arrays, Any, tuple[Array, ...]], tuple[Any, Mapping[str, Array], Any]]
"""step(parameters, state, batch) → (loss, parameters, state); the state is None at first."""


def check_training(
    step: Step,
    module: Any,
    optimizer: Any,
    batches: Sequence[Any],
    *,
    seed: int = 0,
    raise_exception: bool = True,
) -> TrainingVerdict:
    """Judge a hand-written training step against a module and an optimiser of PyTorch.

    step         step(parameters, state, batch) → (loss, parameters, state). Parameters are a
                 dictionary of arrays, by the module's names; the state is whatever the rule keeps,
                 None at first; a batch is a tuple of arrays
    module       module(*batch) is the loss, a single number
    optimizer    of the module's parameters;  neither is changed
    batches      tuples of arrays or tensors, one for each step

    Each step is judged twice. *Locked*: it starts from PyTorch's parameters. *Free*: it starts from
    its own, and PyTorch is put there. So a fault is told in the step in which it is made. How far
    the free run is from PyTorch's own is told beside how far PyTorch is from itself, when it starts
    one rounding away (the null); rounding alone may drive two right runs apart.

    Returns the verdict: true or false, with `str()` as the message, `.table` and `.trajectory`.

    Raises    Disagreement, an AssertionError
              InputError, one sentence, where it cannot be judged
    """
    __tracebackhide__ = True  # pytest then shows the call
    torchs = Torch(module, optimizer)
    given = [torchs.batch(batch) for batch in batches]
    if not given:
        raise InputError("there are no batches; give at least one, a tuple such as (x, target)")
    torchs.check_repeats(given[0])
    verdict = TrainingVerdict(name_of(step))
    nulls = torchs.started_away(seed)
    locked, free = Way(step, LOCKED, torchs, seed), Way(step, FREE, torchs, seed + 7)
    with visible_margins():
        for number, batch in enumerate(given, 1):
            verdict.steps += locked.taken(number, torchs.params, batch)
            verdict.steps += free.taken(number, free.params, batch)
            torchs.step(batch)
            for null in nulls:
                null.step(batch)
            if verdict.first is not None:
                break
            apart = torchs.distance(free.params)
            null_apart = max(torchs.distance(null.params) for null in nulls)
            verdict.trajectory.append((number, apart, null_apart))
    return answered(verdict, raise_exception)


class Torch:
    """A copy of a module and its optimiser, and one step of them."""

    def __init__(self, module: Any, optimizer: Any) -> None:
        if not isinstance(module, Module) or not isinstance(optimizer, Optimizer):
            raise InputError(
                f"give a torch.nn.Module and a torch.optim.Optimizer, not {type(module).__name__} "
                f"and {type(optimizer).__name__}"
            )
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if not held or held - {id(p) for p in module.parameters()}:
            raise InputError("the optimizer has other parameters than the module; make it of them")
        self._module, self._optimizer = copy.deepcopy((module, optimizer))
        self._named = dict(self._module.named_parameters())
        self._dtype = next(iter(self._named.values())).dtype

    def copied(self) -> Torch:
        """A copy with the same parameters and state."""
        return Torch(self._module, self._optimizer)

    def started_away(self, seed: int) -> list[Torch]:
        """Copies whose parameters are one rounding away."""
        made = [self.copied() for _ in range(STARTS)]
        for k, other in enumerate(made):
            other.put(one_ulp_away(self.params, seed + k))
        return made

    @property
    def params(self) -> Arrays:
        """Copies of the parameters, by name."""
        return {name: as_array(p).copy() for name, p in self._named.items()}

    def put(self, params: Mapping[str, Array]) -> None:
        """Set the parameters; the optimiser's state stays."""
        with torch.no_grad():
            for name, p in self._named.items():
                p.copy_(tensor(params[name]))

    def distance(self, params: Mapping[str, Array]) -> float:
        """The Euclidean distance from other parameters."""
        return distances({WHOLE: tuple(params)}, self.params, params)[WHOLE]

    def batch(self, given: Any) -> tuple[Tensor, ...]:
        """A batch as tensors, its floating numbers in the module's dtype."""
        if isinstance(given, (Tensor, np.ndarray)):
            raise InputError("a batch is a tuple of arrays, such as (x, target), not an array")
        tensors = [torch.as_tensor(part).detach().clone() for part in given]
        return tuple(t.to(self._dtype) if t.is_floating_point() else t for t in tensors)

    def step(self, batch: tuple[Tensor, ...]) -> list[Tensor]:
        """One step; the loss before it and copies of the parameters after it.

        Raises    InputError where the module fails, or returns no single number
        """
        self._optimizer.zero_grad()
        try:
            loss = self._module(*batch)
        except Stop:
            raise
        except Exception as error:
            raise InputError(f"the module raised {told(error)}") from error
        if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
            raise InputError(
                "module(*batch) has to return the loss, one number that depends on its parameters"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return [loss.detach().reshape(()), *(p.detach().clone() for p in self._named.values())]

    def check_repeats(self, batch: tuple[Tensor, ...]) -> None:
        """Raise InputError where two steps from the same place differ."""
        one, other = (self.copied().step(batch) for _ in range(2))
        if not all(torch.equal(a, b) for a, b in zip(one, other, strict=True)):
            raise InputError(
                "two steps of the module from the same place differ; turn off its random numbers "
                "(dropout) with module.eval(), or give them in the batch"
            )

    def disturbed(self, batch: tuple[Tensor, ...]) -> Iterator[Mapping[str, Any]]:
        """Samples of a step's noise, with all arithmetic disturbed."""
        names = [LOSS, *self._named]

        def run() -> list[Tensor | None]:
            with _disable_current_modes():  # a copy is no arithmetic
                copied = self.copied()
            return [*copied.step(batch)]

        return disturbed_runs(0, names, run)


class Way:
    """Somebody's steps, locked or free, with torch put where each begins."""

    def __init__(self, step: Step, depth: str, torchs: Torch, seed: int) -> None:
        self._step, self._depth, self._seed = step, depth, seed
        self._torch = torchs.copied()
        self._nulls = torchs.started_away(seed)
        self._state: Any = None
        self.params = torchs.params

    def taken(self, number: int, params: Arrays, batch: tuple[Tensor, ...]) -> list[Compared]:
        """Take one step from these parameters, on both sides, and compare."""
        arrays = tuple(frozen(as_array(t).copy()) for t in batch)
        try:
            with np.errstate(all="ignore"):
                made = self._step({n: a.copy() for n, a in params.items()}, self._state, arrays)
        except Stop:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it raises is the finding)
            return [Compared(number, self._depth, "step", None, f"it raised {told(error)}")]
        wrong = _form(made, params)
        if wrong:
            raise InputError(wrong)
        loss, after, self._state = made
        self._torch.put(params)
        before = self._torch.copied()
        expected = dict(zip([LOSS, *params], map(as_array, self._torch.step(batch)), strict=True))
        given = {LOSS: np.asarray(loss, dtype=expected[LOSS].dtype).reshape(()), **after}
        scale = largest([*params.values(), *(a for a in arrays if a.dtype.kind == "f")])
        pending = {n: Comparison(given[n], e, scale) for n, e in expected.items()}
        near = list(self._near(number, params, batch, expected))  # all of them go along
        settle(pending, near)
        settle(pending, before.disturbed(batch))
        self.params = {n: np.array(after[n]) for n in params}
        return [
            Compared(number, self._depth, n, c, _cause(c, params.get(n)))
            for n, c in pending.items()
        ]

    def _near(
        self, number: int, params: Arrays, batch: tuple[Tensor, ...], expected: Arrays
    ) -> Iterator[Mapping[str, Any]]:
        """Steps of torch from one rounding away, each with the state of its own way there."""
        for k, null in enumerate(self._nulls):
            null.put(one_ulp_away(params, self._seed + 31 * number + k))
            moved = dict(zip(expected, map(as_array, null.step(batch)), strict=True))
            yield {n: (moved[n], expected[n]) for n in expected}


def _form(made: Any, params: Arrays) -> str:
    """What is wrong with what a step returned; "" if nothing is."""
    if not isinstance(made, tuple) or len(made) != 3:
        return "step has to return three things: (loss, parameters, state)"
    loss, after, _ = made
    if np.size(loss) != 1:
        return f"step has to return the loss as one number, not of shape {np.shape(loss)}"
    if not isinstance(after, Mapping) or not params.keys() <= after.keys():
        lost = sorted(params.keys() - set(after if isinstance(after, Mapping) else ()))
        return f"step has to return all parameters by name; {lost[0]} is missing"
    for name, p in params.items():
        a = after[name]
        if not isinstance(a, np.ndarray) or a.shape != p.shape or a.dtype != p.dtype:
            got = f"{a.dtype} of shape {a.shape}" if isinstance(a, np.ndarray) else type(a).__name__
            return f"step returned {name} as {got}; it should be {p.dtype} of shape {p.shape}"
    return ""


def _cause(c: Comparison, before: Array | None) -> str:
    """What the update is of what it should be, where that is one number."""
    if c.within() or before is None:
        return ""
    ours, theirs = ((a - before).astype(float).ravel() for a in (c.manual, c.reference))
    if not ours.any():
        return "it is not updated"
    if not theirs.any():
        return "it should not be updated"
    factor = float(ours @ theirs) / float(theirs @ theirs)
    if (np.abs(ours - factor * theirs) <= 2 * c.bound.ravel()).all():
        return f"its update is {factor:.4g} times what it should be"
    return ""
