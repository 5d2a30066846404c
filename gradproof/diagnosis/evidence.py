"""The evidence for a diagnosis: both sides of a finding and its case, in float64."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, smooth_names
from gradproof.diagnosis.resample import again, elsewhere, larger, later, ran, varied
from gradproof.judge.kinks import jumps
from gradproof.judge.verdict import Finding
from gradproof.oracle.layer import Oracle
from gradproof.oracle.optimizer import step_of
from gradproof.subject.subject import Subject

Use: TypeAlias = tuple[int, int]
"""An argument in a network: the index of its step, and its index there."""


@dataclass(frozen=True)
class Evidence:
    """One disagreement.

    over             a mask: which entries are over their bound
    arrays           the case's floating arrays, and y, by name; indices: its integer arrays
    cotangents       dy, dy1, …: one for each output that has one
    other_gradients  PyTorch's gradients of the other arguments
    others           the same array on fresh inputs, where it disagrees too; see `again`
    """

    subject: Subject
    case: Case
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
    finding: Finding
    others: tuple[Evidence, ...] = ()

    @property
    def exact(self) -> tuple[Evidence, ...]:
        """This case and those of the others that are in float64."""
        return tuple(e for e in (self, *self.others) if e.case.dtype == "float64" or e is not self)

    @cached_property
    def elsewhere(self) -> tuple[Evidence, ...]:
        """The same array on inputs of other sizes and signs, right or wrong there."""
        return tuple(_evidence(self.subject, *m) for m in elsewhere(self.subject, self.finding))

    @cached_property
    def larger(self) -> tuple[Evidence, ...]:
        """The same array on longer axes, where it disagrees too."""
        return tuple(_evidence(self.subject, *m) for m in larger(self.subject, self.finding))

    @cached_property
    def varied(self) -> tuple[Evidence, ...]:
        """The same array with other options, where it disagrees too."""
        return tuple(_evidence(self.subject, *m) for m in varied(self.subject, self.finding))

    @cached_property
    def later(self) -> Evidence | None:
        """The same array in an optimiser's next step, if it is wrong there: it has more state."""
        found = [_evidence(self.subject, *m) for m in later(self.subject, self.finding)]
        return replace(found[0], others=tuple(found[1:])) if found else None

    @cached_property
    def saved(self) -> dict[str, Array]:
        """The floating arrays that the layer's forward saves for its backward."""
        if not hasattr(self.case.layer, "forward") or hasattr(self.case.layer, "steps"):
            return {}
        kept = ran(self.case).saved
        arrays = enumerate(kept if isinstance(kept, tuple) else ())
        return {
            f"saved[{i}]": _wide(a)
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
        gradient = self.expected(self.case.layer, arrays)
        return [gradient] if gradient is not None and gradient.shape == y.shape else []

    def uses(self) -> dict[str, list[Use]]:
        """Where a network uses each value; {} for a layer, or an output."""
        found: dict[str, list[Use]] = {}
        if self.quantity in self.case.arrays:
            for i, step in enumerate(getattr(self.case.layer, "steps", ())):
                for k, name in enumerate(step.args):
                    if name is not None:
                        found.setdefault(name, []).append((i, k))
        return found

    def step(self, use: Use) -> str:
        """The name of the step that a use belongs to."""
        return str(self.case.layer.steps[use[0]].outs[0])

    def without(self, lost: Collection[Use]) -> Array:
        """PyTorch's gradient of a network's argument without the part through some uses."""

        def function(*inputs: Any) -> Any:
            values: dict[str | None, Any] = dict(zip(self.case.layer.inputs, inputs, strict=True))
            values[None] = None
            y: Any = None
            for i, step in enumerate(self.case.layer.steps):
                used = [
                    values[name].detach() if (i, k) in lost else values[name]
                    for k, name in enumerate(step.args)
                ]
                y = self.subject.twin(step.layer, *used)
                values.update(zip(step.outs, y if len(step.outs) > 1 else (y,), strict=True))
            return y

        return self._gradient(function, self.case.arrays)

    def _gradient(
        self, function: Any, arrays: Mapping[str, Array | None], dy: Sequence[Array | None] = ()
    ) -> Array:
        """PyTorch's gradient of the quantity, in float64; zeros if there is none."""
        oracle = Oracle(function, list(arrays.values()), self.case.smooth)
        oracle.set_dy(tuple(dy) or self.case.dy)
        found = dict(zip(smooth_names(self.case), oracle.gradients(), strict=True))[self.quantity]
        return np.zeros(self.reference.shape) if found is None else _wide(found)

    def expected(
        self,
        layer: Any,
        arrays: Mapping[str, Array | None],
        before: Mapping[str, Array] | None = None,
        dy: Sequence[Array | None] = (),
    ) -> Array | None:
        """PyTorch's gradient or update for another layer, arrays, state or dy; None without one."""
        case = replace(self.case, layer=layer, arrays=arrays)
        try:
            if self.finding.before:
                given = self.finding.before if before is None else before
                return _wide(step_of(self.subject, case, given)[self.quantity])
            if self.quantity not in case.arrays or not _fits_forward(case):
                return None
            return self._gradient(partial(self.subject.twin, layer), arrays, dy)
        except Exception:  # noqa: BLE001  (arrays that do not fit may raise anything)
            return None

    def at_kink(self) -> bool:
        """Whether the one-sided derivatives differ at every wrong entry."""
        if self.quantity not in self.case.arrays or not hasattr(self.case.layer, "forward"):
            return False
        twin = partial(self.subject.twin, self.case.layer)
        hull = jumps(twin, self.case, directions=8).get(self.quantity)
        return hull is not None and bool((hull[0] < hull[1])[self.over].all())


def _fits_forward(case: Case) -> bool:
    """Whether the hand-written forward takes the case's arrays and returns the right shapes."""
    if not hasattr(case.layer, "forward") or hasattr(case.layer, "steps"):
        return True
    pairs = zip(ran(case).outputs, case.dy, strict=True)
    return all(d is None or y.shape == d.shape for y, d in pairs)


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
    if finding.before:  # an optimiser: everything that belongs to the parameter
        owner = finding.quantity.partition(".")[0]
        belong = {n.removeprefix(f"{owner}."): a for n, a in finding.before.items()}
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
        finding=finding,
    )


def _after(owner: str, siblings: Sequence[Finding]) -> dict[str, Array]:
    """The state of a parameter after the step."""
    found = [f for f in siblings if f.quantity.startswith(f"{owner}.") and f.comparison]
    made = {f.quantity.partition(".")[2]: f.comparison.reference for f in found if f.comparison}
    return {f"new {key}": a for key, a in made.items() if key != "step"}


def _wide(a: Array) -> Array:
    return np.asarray(a, dtype=np.float64)
