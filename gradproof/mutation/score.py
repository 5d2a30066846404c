"""The outcome of each planted bug, and how often the judge named it rightly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

CAUSES = {
    "sign": r"\bsign\b|as if \w+ were (-|True|False)",
    "factor": r"\bfactor\b|a term proportional|as if",
    "mean": r"averaged|\bmean\b|'(sum|mean)'",
    "sum": r"\bsum",
    "axis": r"\baxis\b|\baxes\b|its shape|as if dim",
    "transpose": r"transposed|axes .* swapped|reversed",
    "swap": r"swapped|exchanged|reversed|as if \w+ were \(",
    "mask": r"mask|kink|only where|zero",
    "edge": r"only (row|column|axis|one entry|the edges)|(first|last) entry|\bshifted\b",
    "accumulate": r"= for \+=|factor (2|0\.5)\b|term .* (missing|too many)",
    "zero": r"zero",
    "missing": r"missing|as if|too many|\bfactor\b|no gradient|does not arrive|keeps it",
    "shape": r"shape",
    "dtype": r"dtype",
    "alias": r"shares memory|writes into",
    "nan": r"not a number|infinite",
    "state": r"^\w+\.\w+:|in its state|second (backward|forward)",
    "order": r"reversed|\border\b|transposed|axes .* swapped",
    "epsilon": r"\beps\b|special value",
    "constant": r"\bfactor\b|off by|a constant|as if",
    "wiring": r"\bstep\b|used twice|of the uses",
}
"""A bug's cause, in one word → the pattern that the judge's "quantity: cause" has to match."""
LEAST = 0.99
"""The share of the automatic bugs that must be killed, of those that change anything."""


@dataclass(frozen=True)
class Row:
    """One bug.

    group         catalogue, automatic or harmless
    origin        the class of mistakes that it belongs to
    outcome       killed | survived | equivalent | timeout; harmless | false alarm
    examples      cases drawn until it was killed, or in all; seconds: the same
    layer_named, cause_named   at the counterexample; if it was shrunk, its arrays have shrunk_size
                  entries in all
    cause_right   None where the bug states no cause, or the code raised and the error says another
    network_layer the layer that is blamed in a network; "" where none that was tried shows the bug
    reason        why it survives, or changes nothing
    key           a digest of the bug and of all the code
    """

    name: str
    kind: str
    function: str
    old: str
    new: str
    group: str
    origin: str
    quantities: str
    cause_planted: str
    outcome: str
    examples: int
    seconds: float
    layer_named: str
    layer_right: bool | None
    cause_named: str
    cause_right: bool | None
    network_layer: str
    network_layer_right: bool | None
    shrunk_size: int | None
    reason: str
    key: str


def names(cause: str, quantity: str, said: str) -> bool:
    """Whether the judge's words on a quantity name this cause."""
    return re.search(CAUSES[cause], f"{quantity}: {said}") is not None


@dataclass(frozen=True)
class Tally:
    """The bugs of a class, counted by outcome.

    layer, network, cause    (named rightly, all): the layer alone, in a network, the cause
    size, examples           medians, of the killed; None without any
    """

    title: str
    bugs: int
    killed: int
    survived: int
    equivalent: int
    layer: tuple[int, int]
    network: tuple[int, int]
    cause: tuple[int, int]
    examples: float | None
    size: float | None

    @property
    def rate(self) -> float:
        """The share that is killed, of those that change anything."""
        able = self.killed + self.survived
        return self.killed / able if able else 1.0


def tally(title: str, rows: Sequence[Row]) -> Tally:
    """Count them."""
    outcomes = [r.outcome for r in rows]
    killed = [r for r in rows if r.outcome == "killed"]
    return Tally(
        title,
        len(rows),
        len(killed),
        outcomes.count("survived") + outcomes.count("timeout"),
        outcomes.count("equivalent"),
        _right(r.layer_right for r in killed),
        _right(r.network_layer_right for r in killed),
        _right(r.cause_right for r in killed),
        _median([r.examples for r in killed]),
        _median([r.shrunk_size for r in killed if r.shrunk_size is not None]),
    )


def tallies(rows: Sequence[Row], of: Callable[[Row], str]) -> list[Tally]:
    """One for each class, the largest first; rows of no class are left out."""
    classes = {of(r) for r in rows} - {""}
    found = [tally(c, [r for r in rows if of(r) == c]) for c in classes]
    return sorted(found, key=lambda t: (-t.bugs, t.title))


def _right(answers: Iterable[bool | None]) -> tuple[int, int]:
    given = [a for a in answers if a is not None]
    return sum(given), len(given)


def _median(numbers: Sequence[int]) -> float | None:
    return median(numbers) if numbers else None


def passed(rows: Sequence[Row]) -> bool:
    """Whether the judge is good enough."""
    catalogue = [r for r in rows if r.group == "catalogue"]
    automatic = tally("", [r for r in rows if r.group == "automatic"])
    return (
        all(r.outcome == "killed" for r in catalogue)
        and automatic.rate >= LEAST
        and not any(r.outcome == "false alarm" for r in rows)
    )
