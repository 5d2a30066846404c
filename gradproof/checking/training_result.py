"""The answer to a check of a training step: true or false, in words, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gradproof.checking.result import NOTHING, OK, InWords, as_table
from gradproof.rounding.bound import Comparison, Figures, figures, vacuous

LOCKED, FREE = "locked", "free"
_FROM = {LOCKED: "from PyTorch's parameters", FREE: "from its own parameters"}
_WRONG = "disagree"


@dataclass
class Compared:
    """One array after one step: the loss, or a parameter.

    depth         locked or free
    comparison    None where the step raised
    cause         what is probably wrong; "" if that is not known
    """

    step: int
    depth: str
    quantity: str
    comparison: Comparison | None
    cause: str = ""

    @cached_property
    def verdict(self) -> str:
        """Agree, vacuous (it could not have failed), disagree or error."""
        c = self.comparison
        if c is None:
            return "error"
        if not c.within():
            return _WRONG
        return NOTHING if vacuous(c) else OK

    @cached_property
    def figures(self) -> Figures | None:
        """Of the comparison."""
        return None if self.comparison is None else figures(self.comparison)


@dataclass(repr=False)
class TrainingVerdict(InWords):
    """Whether a training step is right: a truth value with its reasons.

    name          of the step
    steps         the loss and every parameter after each step, locked and free
    trajectory    (step, how far the free run is from PyTorch's, how far PyTorch is from itself)

    `str()` is the message, or one line. `dict()` gives a word for the loss and each parameter.
    """

    name: str
    steps: list[Compared] = field(default_factory=list)
    trajectory: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def first(self) -> Compared | None:
        """The first that is wrong."""
        wrong = [c for c in self.steps if c.verdict in (_WRONG, "error")]
        return min(wrong, key=lambda c: c.step, default=None)

    def __bool__(self) -> bool:
        return self.first is None and any(c.verdict == OK for c in self.steps)

    def keys(self) -> list[str]:
        """What is checked."""
        return list(dict.fromkeys(c.quantity for c in self.steps))

    def __getitem__(self, what: str) -> str:
        order = [NOTHING, OK, _WRONG, "error"]
        return max((c.verdict for c in self.steps if c.quantity == what), key=order.index)

    @property
    def counts(self) -> dict[str, Any]:
        """For a summary: steps as cases, arrays, vacuous and failed cases, the worst ratio."""
        ratios = [c.figures.worst_ratio for c in self.steps if c.figures]
        return {
            "cases": len(self.trajectory),
            "arrays": len(self.steps),
            "vacuous": 0 if any(c.verdict != NOTHING for c in self.steps) else len(self.trajectory),
            "worst": max(ratios, default=0.0),
            "failed": int(self.first is not None),
        }

    @property
    def table(self) -> Any:
        """A pandas DataFrame: a row for each array after each step.

        Raises    InputError without pandas
        """
        rows = [
            {
                "step": c.step,
                "depth": c.depth,
                "quantity": c.quantity,
                "max_abs_diff": c.figures.max_abs_diff if c.figures else float("nan"),
                "worst_ratio": c.figures.worst_ratio if c.figures else float("nan"),
                "verdict": c.verdict,
            }
            for c in self.steps
        ]
        return as_table(rows)

    def __str__(self) -> str:
        wrong = self.first
        if wrong is None:
            word = "agrees with PyTorch" if self else "could not have failed"
            number, apart, null = self.trajectory[-1]
            return (
                f"{self.name} {word} in {number} steps, locked and free; after them its own run is "
                f"{apart:.2g} from PyTorch's, and PyTorch is {null:.2g} from itself"
            )
        where = f"step {wrong.step}, {_FROM[wrong.depth]}"
        if wrong.comparison is None or wrong.figures is None:
            return f"{self.name} fails in {where}: {wrong.cause}"
        f = wrong.figures
        at = f"at {list(f.worst_index)}     " if f.worst_index else ""
        over = f"{f.n_over} of {wrong.comparison.reference.size} entries are over"
        same = [c for c in self.steps if (c.step, c.depth) == (wrong.step, wrong.depth)]
        lines = [
            f"{self.name} disagrees with PyTorch in {wrong.quantity}, {where}",
            f"  {at}manual {f.manual:.9g}     torch {f.reference:.9g}",
            f"  |difference| is {f.worst_ratio:.3g}× the rounding bound {f.bound:.2g};  {over}",
            f"  likely cause     {wrong.cause or 'not recognised'}",
            _listed("fine", (c.quantity for c in same if c.verdict == OK)),
            _listed(
                "wrong as well",
                (c.quantity for c in same if c.verdict == _WRONG and c is not wrong),
            ),
        ]
        return "\n".join(filter(None, lines)) + "\n"


def _listed(what: str, names: Iterable[str]) -> str:
    found = list(names)
    return f"  {what:<17}{', '.join(found[:12])}" if found else ""
