"""The answer to a check: true or false, in words, as a mapping, as a table."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from gradproof.cases.case import Case
from gradproof.cases.file import save
from gradproof.checking.listeners import LISTENERS
from gradproof.errors import InputError
from gradproof.judge.verdict import SEVERITY, Finding, Judgement, Votes
from gradproof.storage.atomic import write_text

FORMAT = 1
"""Version of what `as_json` returns."""
OK = "agree"
NOTHING = "vacuous"


class InWords:
    """Shows itself by its words, in Python, rich and notebooks."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


@dataclass(repr=False)
class Verdict(InWords):
    """Whether a backward pass is right: a truth value with its reasons.

    name          of what was checked
    judgements    one for each case, as it was drawn
    smallest      the disagreement in its smallest case; None if there is none
    message       what is said of it, as `gradproof verify` prints it; "" if there is none
    cause         what was probably forgotten;  votes: who says which side is right

    `str()` is the message, or one line. `dict()` gives a word for each thing that is checked:
    "y", the gradient of each input, "conduct".
    """

    name: str
    judgements: list[Judgement]
    smallest: Judgement | None = None
    message: str = ""
    cause: str = ""
    votes: Votes | None = None

    def __bool__(self) -> bool:
        return self.smallest is None and any(j.verdict != NOTHING for j in self.judgements)

    @cached_property
    def _words(self) -> dict[str, str]:
        """The worst word for each array, and for conduct."""
        words: dict[str, str] = {}
        conduct = OK
        for finding in self._findings():
            if finding.failed and finding.comparison is None:
                conduct = finding.verdict
                continue
            before = words.get(finding.quantity, NOTHING)
            worse = ORDER.index(finding.verdict) > ORDER.index(before)
            words[finding.quantity] = finding.verdict if worse else before
        return words | {"conduct": conduct}

    def _findings(self) -> Iterator[Finding]:
        for judgement in self.judgements:
            yield from judgement.findings

    def keys(self) -> list[str]:
        """What is checked."""
        return list(self._words)

    def __getitem__(self, what: str) -> str:
        return self._words[what]

    @property
    def disagreements(self) -> list[Finding]:
        """What is wrong, in the smallest case that shows it."""
        return [] if self.smallest is None else [f for f in self.smallest.findings if f.failed]

    @property
    def table(self) -> Any:
        """A pandas DataFrame of all arrays: one row each, with its error in units of its bound.

        Raises    InputError without pandas
        """
        rows = [
            f.row("", str(i), "")
            for i, judgement in enumerate(self.judgements)
            for f in judgement.findings
        ]
        shown = "example quantity dtype shape max_abs_diff worst_ratio bound verdict cause".split()
        return as_table([{c: getattr(row, c) for c in shown} for row in rows])

    @property
    def verdict(self) -> str:
        """One word: agree, or that of what is wrong; vacuous if nothing could have failed."""
        if self.smallest is not None and self.smallest.culprit is not None:
            return self.smallest.culprit.verdict
        return OK if self else NOTHING

    @property
    def worst_ratio(self) -> float:
        """The largest error in units of its bound."""
        found = [f for f in self._findings() if f.measured and f.comparison]
        return max((f.figures.worst_ratio for f in found), default=0.0)

    @property
    def counts(self) -> dict[str, Any]:
        """For a summary: cases, arrays, vacuous cases, failed cases, the worst ratio."""
        return {
            "cases": len(self.judgements),
            "arrays": sum(1 for _ in self._findings()),
            "vacuous": sum(j.verdict == NOTHING for j in self.judgements),
            "worst": self.worst_ratio,
            "failed": sum(j.flagged for j in self.judgements),
        }

    def as_json(self) -> dict[str, Any]:
        """The verdict for a program to read, as `gradproof check --json` prints it.

        Numbers that are not finite are None.
        """
        said: dict[str, Any] = {
            "format": FORMAT,
            "name": self.name,
            "agrees": bool(self),
            "verdict": self.verdict,
            "checks": dict(self),
            "cases": len(self.judgements),
            "worst_ratio": _plain(self.worst_ratio),
            "message": str(self),
            "disagreement": None,
        }
        wrong = None if self.smallest is None else self.smallest.culprit
        if wrong is None:
            return said
        about: dict[str, Any] = {"quantity": wrong.quantity, "cause": self.cause or wrong.cause}
        if self.votes is not None:
            about["votes"] = {"agreement": self.votes.agreement, "verdict": self.votes.verdict}
        if wrong.comparison is not None:
            figures = vars(wrong.figures)
            kept = "worst_index manual reference bound worst_ratio n_over".split()
            about |= {name: _plain(figures[name]) for name in kept}
        about["fine"] = [q for q, word in self._words.items() if word == OK]
        about["dtype"] = wrong.case.precision
        about["shapes"] = {n: a.shape for n, a in wrong.case.arrays.items() if a is not None}
        return said | {"disagreement": about}

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the smallest case as .npz, and the message beside it as .txt; returns the path.

        The file holds "arg:…" for each input and "dy:0", … for each cotangent; `numpy.load` reads
        it.

        Raises    InputError when nothing disagrees
        """
        if self.smallest is None or self.smallest.culprit is None:
            raise InputError(f"{self.name} does not disagree, so there is no case to save")
        path = Path(path).with_suffix(".npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        case = self.smallest.culprit.case
        assert isinstance(case, Case)
        save(path, case)
        write_text(path.with_suffix(".txt"), self.message)
        return path

    def __str__(self) -> str:
        if self.message:
            return self.message.rstrip()
        counts = Counter(f.verdict for f in self._findings())
        said = [f"{counts[v]} {words}" for v, words in _ALSO.items() if counts[v]]
        also = f" ({'; '.join(said)})" if said else ""
        number = f"{len(self.judgements)} cases, {counts.total()} arrays"
        if not self:
            return f"{self.name}: nothing could have failed in {number}{also}"
        unseen = [name for name, word in self._words.items() if word == NOTHING]
        never = f"; no case could have shown {', '.join(unseen)} to be wrong" if unseen else ""
        far = f"; errors are at most {self.worst_ratio:.2g} of their bounds"
        return f"{self.name} agrees with PyTorch in {number}{far}{also}{never}"


def as_table(rows: list[dict[str, Any]]) -> Any:
    """A pandas DataFrame of these rows.

    Raises    InputError without pandas
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError("the table needs pandas: pip install gradproof[report]") from error
    return pd.DataFrame(rows)


class Disagreement(AssertionError):
    """A backward pass is wrong; `verdict` has all that is known."""

    def __init__(self, verdict: Any) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


Answer = TypeVar("Answer")


def answered(verdict: Answer, raise_exception: bool) -> Answer:
    """Tell everybody who listens, and return the verdict.

    Raises    Disagreement where it is wrong, if asked to
    """
    __tracebackhide__ = True  # pytest then shows the call
    for listener in LISTENERS:
        listener(verdict)
    if raise_exception and not verdict:
        raise Disagreement(verdict)
    return verdict


def _plain(value: Any) -> Any:
    """A number for JSON, which has neither infinity nor NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


ORDER = [NOTHING, *(v for v in SEVERITY if v != NOTHING)]
"""From no evidence to the worst: one array that agrees somewhere agrees."""
_ALSO = {
    NOTHING: "could not have failed",
    "reference": "where PyTorch is inaccurate",
    "convention": "with another choice at a kink",
}
