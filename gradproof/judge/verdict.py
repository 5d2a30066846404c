"""What the judge finds: one finding for each compared array, and the verdict on a whole case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gradproof.cases.case import Case
from gradproof.rounding.bound import Comparison, Figures, figures, vacuous
from gradproof.storage.rows import Agreement
from gradproof.subject.subject import Subject

SEVERITY = {"agree": 0, "vacuous": 1, "convention": 2, "disagree": 3, "error": 4}
_NOTHING = Figures(np.nan, np.nan, np.nan, (), np.nan, np.nan, np.nan, 0, np.nan, np.nan)


@dataclass
class Finding:
    """One compared array.

    layer      path in the network, such as "h3"; "" for a case of one layer or the whole network
    case       of the layer on its own, from which the finding can be reproduced
    before     for an optimiser's step: the gradients and the state that it was given
    """

    layer: str
    case: Case
    depth: str
    quantity: str
    shape: tuple[int, ...]
    verdict: str
    cause: str = ""
    comparison: Comparison | None = None
    before: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def figures(self) -> Figures:
        """Of the comparison; computed late, since a verdict needs none of them."""
        return _NOTHING if self.comparison is None else figures(self.comparison)

    @property
    def kind(self) -> str:
        return self.case.kind

    @property
    def failed(self) -> bool:
        return self.verdict in ("disagree", "error", "convention")

    @property
    def across(self) -> bool:
        """Whether it agrees, except that rounding crossed a kink."""
        return self.verdict == "agree" and bool(self.cause)

    @property
    def measured(self) -> bool:
        """Whether its ratio means something."""
        return not self.across and self.verdict not in ("vacuous", "convention")

    def row(self, run: str, example: str, network: str, witness: str = "") -> Agreement:
        f = self.figures
        return Agreement(
            run,
            example,
            network,
            self.layer,
            self.kind,
            self.depth,
            self.quantity,
            self.case.dtype,
            "x".join(map(str, self.shape)) or "scalar",
            int(np.prod(self.shape)),
            f.max_abs_diff,
            f.max_ulp_diff,
            f.worst_ratio,
            ",".join(map(str, f.worst_index)),
            f.manual,
            f.reference,
            f.bound,
            f.n_over,
            f.cosine,
            f.norm_ratio,
            self.verdict,
            self.cause,
            witness,
        )


@dataclass
class Judgement:
    """All findings on one case.

    floors   noise samples taken;  kink: an input lay at a kink or tie
    drawn    for an optimiser: the StepCase that was judged
    """

    case: Case
    findings: list[Finding] = field(default_factory=list)
    floors: int = 0
    kink: bool = False
    drawn: Any = None

    @property
    def verdict(self) -> str:
        """The worst of the findings; vacuous only if nothing in it could have failed."""
        worst = max((f.verdict for f in self.findings), key=SEVERITY.__getitem__, default="vacuous")
        if worst in ("agree", "vacuous"):
            gradients = [f for f in self.findings if f.quantity != "y"]
            return "agree" if any(f.verdict == "agree" for f in gradients) else "vacuous"
        return worst

    @property
    def culprit(self) -> Finding | None:
        """The first fault: isolated findings come first, in backward order.

        Another choice at a kink comes after errors, but before what follows from it.
        """
        failed = [f for f in self.findings if f.failed]
        alone = [f for f in failed if f.depth == "isolated"]
        worst = [f for f in alone if f.verdict != "convention"]
        return next(iter(worst or alone or failed), None)


def settled(layer: str, case: Case, depth: str, quantity: str, comparison: Comparison) -> Finding:
    """The finding for a comparison whose samples were all taken."""
    verdict, cause = "disagree", ""
    if comparison.within():
        cause = vacuous(comparison)
        verdict = "vacuous" if cause else "agree"
    shape = comparison.reference.shape
    return Finding(layer, case, depth, quantity, shape, verdict, cause, comparison)


def fault(
    layer: str, case: Case, depth: str, quantity: str, cause: str, verdict: str = "error"
) -> Finding:
    """A finding without numbers: the returned array cannot be compared."""
    array: Any = case.arrays.get(quantity)
    return Finding(
        layer, case, depth, quantity, () if array is None else array.shape, verdict, cause
    )


def verdict_of(subject: Subject, judgement: Judgement) -> str:
    """The verdict on a case; an undeclared convention is a disagreement."""
    verdict = judgement.verdict
    if verdict == "convention" and any(
        f.verdict == "convention" and f.kind not in subject.conventions for f in judgement.findings
    ):
        return "disagree"
    return verdict


def undeclared(subject: Subject, judgement: Judgement) -> Finding | None:
    """The first fault of a case that disagrees or errs; None if it does not."""
    culprit = judgement.culprit
    if culprit is None or SEVERITY[verdict_of(subject, judgement)] < SEVERITY["disagree"]:
        return None
    return culprit


def flagged(subject: Subject, judgement: Judgement) -> bool:
    """Whether something is wrong; a declared convention at a kink is not."""
    return SEVERITY[verdict_of(subject, judgement)] >= SEVERITY["disagree"]


def beside(judgement: Judgement, finding: Finding) -> list[Finding]:
    """The findings on the other arrays of the same layer, at the same depth."""
    place = (finding.layer, finding.depth)
    return [f for f in judgement.findings if f is not finding and (f.layer, f.depth) == place]
