"""The evidence for a diagnosis: both sides of a finding and its case, in float64."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, NetworkCase
from gradproof.cases.optimizer_case import UpdateCase, flat
from gradproof.diagnosis import budget
from gradproof.diagnosis.resample import Sort, again, later, ran
from gradproof.judge.kinks import jumps
from gradproof.judge.verdict import Finding
from gradproof.oracle.layer import Oracle
from gradproof.oracle.optimizer import ReferenceStep, as_arrays
from gradproof.subject import program
from gradproof.subject.program import as_tuple
from gradproof.subject.subject import Subject

Use: TypeAlias = tuple[int, int]
"""An argument in a network: the index of its step, and its index there."""


@dataclass(frozen=True)
class Evidence:
    """One disagreement.

    over             a mask: which entries are over their bound
    arrays           the case's floating arrays, and y, by name; indices: its integer arrays
    cotangents       dy, dy1, …: one for each output that has one
    other_gradients  PyTorch's gradients of the other arguments; right: those that manual has right
    other_outputs    PyTorch's other outputs
    others           the same array on fresh inputs, where it disagrees too; see `again`
    """

    subject: Subject
    case: Case | UpdateCase
    quantity: str
    manual: Array
    reference: Array
    bound: Array
    error: Array
    over: Array
    arrays: dict[str, Array]
    indices: dict[str, Array]
    cotangents: dict[str, Array]
    other_gradients: dict[str, Array]
    other_outputs: dict[str, Array]
    right: frozenset[str]
    finding: Finding
    others: tuple[Evidence, ...] = ()
    _judged: dict[Sort, tuple[Evidence, ...]] = field(default_factory=dict, init=False, repr=False)

    @property
    def exact(self) -> tuple[Evidence, ...]:
        """This case and those of the others that are in float64."""
        return tuple(e for e in (self, *self.others) if e.case.dtype == "float64" or e is not self)

    @property
    def layer_case(self) -> Case:
        """The case, which is a layer's or a network's."""
        return self.finding.layer_case

    @property
    def before(self) -> Mapping[str, Array]:
        """Of an optimiser's step: its gradients and state; empty for a layer."""
        return self.case.before if isinstance(self.case, UpdateCase) else {}

    def judge_again(self, sort: Sort) -> tuple[Evidence, ...]:
        """The same in fresh cases of a sort, such as `resample.larger`; they are judged once."""
        if sort not in self._judged:
            found = sort(self.subject, self.finding)
            self._judged[sort] = tuple(_evidence(self.subject, *each) for each in found)
        return self._judged[sort]

    def judge_next_step(self) -> Evidence | None:
        """The same array in an optimiser's next step, if it is wrong there: it has more state."""
        found = self.judge_again(later)
        return replace(found[0], others=found[1:]) if found else None

    def run_forward(self) -> dict[str, Array]:
        """The floating arrays that the layer's forward saves for its backward."""
        kept = ran(self.layer_case).saved
        arrays = enumerate(kept if isinstance(kept, tuple) else ())
        return {
            f"saved array {i + 1}": _wide(a)
            for i, a in arrays
            if isinstance(a, np.ndarray) and a.dtype.kind == "f"
        }

    def fits(self, made: Array, bound: Array | None = None, against: Array | None = None) -> bool:
        """Whether `made` equals the manual array (or `against`) within rounding."""
        target = self.manual if against is None else against
        b = self.bound if bound is None else np.maximum(bound, self.bound)
        with np.errstate(all="ignore"):
            rounding = 64 * self._roundoff * np.maximum(np.abs(made), np.abs(target))
            return bool((np.abs(made - target) <= 2 * b + rounding).all())

    @cached_property
    def _roundoff(self) -> float:
        return float(np.finfo(self.case.dtype).eps)

    def expanded(self) -> list[Array]:
        """PyTorch's gradient of the argument broadcast to y's shape, before it is summed."""
        y, argument = self.arrays.get("y"), self.case.arrays.get(self.quantity)
        if y is None or argument is None or argument.shape == y.shape:
            return []
        if not stretches(argument, y):
            return []
        stretched = np.broadcast_to(argument, y.shape)
        arrays = {**self.case.arrays, self.quantity: stretched}
        gradient = self.expected(self.case.target, arrays)
        return [gradient] if gradient is not None and gradient.shape == y.shape else []

    def uses(self) -> dict[str, list[Use]]:
        """Where a network uses each value; {} for an output."""
        found: dict[str, list[Use]] = {}
        for i, step in enumerate(self.layer_case.layer.steps if self.is_gradient else ()):
            for k, name in enumerate(step.args):
                if name is not None:
                    found.setdefault(name, []).append((i, k))
        return found

    @property
    def is_layer(self) -> bool:
        """Neither a network nor an optimiser's step."""
        return type(self.case) is Case

    @property
    def is_gradient(self) -> bool:
        """Not an output; of a step, a parameter and not an entry of the state."""
        return self.quantity in self.case.arrays

    def step(self, use: Use) -> str:
        """The name of the step that a use belongs to."""
        return str(self.layer_case.layer.steps[use[0]].outs[0])

    def without(self, lost: Collection[Use]) -> Array:
        """PyTorch's gradient of a network's argument without the part through some uses."""

        def call(i: int, step: Any, values: list[Any]) -> tuple[Any, ...]:
            used = [v.detach() if (i, k) in lost else v for k, v in enumerate(values)]
            return as_tuple(self.subject.twin(step.layer, *used))

        def function(net: Any, *inputs: Any) -> Any:
            return program.run(net, inputs, call)

        return self._result(function, self.layer_case, self.case.dy)

    def _result(self, twin: Any, case: Case, dy: Sequence[Array | None]) -> Array:
        """PyTorch's output or gradient of that name, in float64; zeros if there is none."""
        oracle = Oracle.of(twin, case)
        found = (oracle.pull(dy) if self.is_gradient else numbered("y", oracle.y))[self.quantity]
        return np.zeros(self.reference.shape) if found is None else _wide(found)

    def expected(
        self,
        layer: Any,
        arrays: Mapping[str, Array | None],
        before: Mapping[str, Array] | None = None,
        dy: Sequence[Array | None] = (),
    ) -> Array | None:
        """What PyTorch has for another layer, arrays, state or dy; None if they do not fit."""
        budget.check()
        case = self.case
        try:
            if isinstance(case, UpdateCase):
                given = case.before if before is None else before
                there = replace(case, optimizer=layer).given(arrays, given)
                made = as_arrays(ReferenceStep(self.subject, there)())
                return _wide(flat(*made)[self.quantity])
            other = replace(case, layer=layer, arrays=arrays)
            pulled = _placed(other, dy or case.dy)
            return self._result(self.subject.twin, other, pulled)
        except Exception:  # noqa: BLE001  (arrays that do not fit may raise anything)
            return None

    def at_kink(self) -> bool:
        """Whether the one-sided derivatives differ at every wrong entry."""
        if not self.is_gradient or isinstance(self.case, UpdateCase):
            return False
        hull = jumps(self.subject.twin, self.case, directions=8).get(self.quantity)
        return hull is not None and bool((hull[0] < hull[1])[self.over].all())


def _placed(case: Case, dy: Sequence[Array | None]) -> tuple[Array | None, ...]:
    """The cotangents for the shapes that the hand-written forward gives: cut, or zeros at the end.

    Raises    ValueError where it has outputs of another rank
    """
    if isinstance(case, NetworkCase):
        return tuple(dy)
    placed: list[Array | None] = []
    for y, d in zip(ran(case).outputs, dy, strict=True):
        if d is not None and y.shape != d.shape:
            common = tuple(slice(min(pair)) for pair in zip(y.shape, d.shape, strict=True))
            made = np.zeros(y.shape, d.dtype)
            made[common] = d[common]
            d = made  # noqa: PLW2901
        placed.append(d)
    return tuple(placed)


def subsets(rank: int) -> Iterator[tuple[int, ...]]:
    """Yield all sets of so many axes, those of one axis first."""
    for n in range(1, rank + 1):
        yield from itertools.combinations(range(rank), n)


def in_words(axes: Sequence[int]) -> str:
    """Such as "axis 1", or "axes 0, 2 and 3"."""
    *most, last = map(str, axes)
    return f"axes {', '.join(most)} and {last}" if most else f"axis {last}"


def stretches(array: Array, onto: Array) -> bool:
    """Whether the array broadcasts to the shape of the other."""
    try:
        return bool(np.broadcast_shapes(array.shape, onto.shape) == onto.shape)
    except ValueError:
        return False


def joined(cases: Sequence[Evidence], side: str) -> Array:
    """That array of all cases, flattened and concatenated."""
    return np.concatenate([np.ravel(getattr(case, side)) for case in cases])


def evidence(subject: Subject, finding: Finding, siblings: Sequence[Finding]) -> Evidence:
    """Collect the evidence for a finding that has a comparison."""
    others = tuple(_evidence(subject, *more) for more in again(subject, finding))
    return replace(_evidence(subject, finding, siblings), others=others)


def _evidence(subject: Subject, finding: Finding, siblings: Sequence[Finding]) -> Evidence:
    case, c = finding.case, finding.comparison
    assert c is not None
    arrays = {n: a for n, a in case.arrays.items() if a is not None}
    if isinstance(case, UpdateCase):  # all that belongs to the parameter
        owner = case.owner(finding.quantity)
        belong = {n.removeprefix(f"{owner}."): a for n, a in case.before.items()}
        arrays = {"param": arrays[owner]} | {n: a for n, a in belong.items() if "." not in n}
        arrays |= _after(owner, siblings)
    for f in siblings:
        if f.quantity == "y" and f.comparison is not None:
            arrays["y"] = f.comparison.reference
    cotangents = {n: d for n, d in numbered("dy", case.dy).items() if d is not None}
    others = {f.quantity: f.comparison.reference for f in siblings if f.comparison is not None}
    return Evidence(
        subject,
        case,
        finding.quantity,
        manual=_wide(c.manual),
        reference=_wide(c.reference),
        bound=_wide(c.bound),
        error=np.zeros(c.reference.shape) if c.exact else _wide(c.error),
        over=np.zeros(c.reference.shape, bool) if c.exact else np.asarray(c.error > c.bound),
        arrays={n: _wide(a) for n, a in arrays.items() if a.dtype.kind == "f"},
        indices={n: a for n, a in arrays.items() if a.dtype.kind == "i"},
        cotangents={n: _wide(d) for n, d in cotangents.items()},
        other_gradients={n: _wide(g) for n, g in others.items() if n in case.arrays},
        other_outputs={n: _wide(g) for n, g in others.items() if n not in case.arrays},
        right=frozenset(f.quantity for f in siblings if not f.failed),
        finding=finding,
    )


def _after(owner: str, siblings: Sequence[Finding]) -> dict[str, Array]:
    """The state of a parameter after the step."""
    found = [f for f in siblings if f.quantity.startswith(f"{owner}.") and f.comparison]
    made = {f.quantity.rpartition(".")[2]: f.comparison.reference for f in found if f.comparison}
    return {f"new {key}": a for key, a in made.items() if key != "step"}


def _wide(a: Array) -> Array:
    return np.asarray(a, dtype=np.float64)
