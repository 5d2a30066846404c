"""What the judge finds: one finding for each compared array, and the verdict on a whole case."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from gradproof.cases.case import Case
from gradproof.cases.optimizer_case import OptimizerCase, UpdateCase
from gradproof.rounding.bound import Comparison, Figures, figures, vacuous
from gradproof.storage.rows import Agreement

BAD = ("disagree", "error")
"""The verdicts that fail a run."""
SEVERITY = {
    name: i
    for i, name in enumerate(("agree", "vacuous", "reference", "convention", "disagree", "error"))
}
_NOTHING = Figures(np.nan, np.nan, np.nan, (), np.nan, np.nan, np.nan, 0, np.nan, np.nan)


@dataclass(frozen=True)
class Votes:
    """The votes on one entry of a finding: its worst, or the worst that a witness speaks on.

    agreement     who agrees with whom, such as "autograd = complex step ≠ manual"; "" without vote
    verdict       whose fault it is, in words
    """

    index: tuple[int, ...]
    agreement: str
    verdict: str


@dataclass
class Finding:
    """One compared array.

    layer      path in the network, such as "h3"; "" for a case of one layer or the whole network
    case       of the layer on its own, from which the finding can be reproduced
    choice     it is another choice than PyTorch's at a kink or tie, whether declared or not
    votes      those of witnesses that were asked before the verdict
    """

    layer: str
    case: Case | UpdateCase
    depth: str
    quantity: str
    shape: tuple[int, ...]
    verdict: str
    cause: str = ""
    comparison: Comparison | None = None
    choice: bool = False
    votes: Votes | None = None

    @cached_property
    def figures(self) -> Figures:
        """Of the comparison; computed late, since a verdict needs none of them."""
        if self.comparison is None:
            return _NOTHING
        made = figures(self.comparison)
        if self.votes is None:
            return made
        at = self.votes.index
        manual, reference = (
            float(a[at]) for a in (self.comparison.manual, self.comparison.reference)
        )
        return replace(made, worst_index=at, manual=manual, reference=reference)

    @property
    def kind(self) -> str:
        """The name of the type of what is judged."""
        return self.case.kind

    @property
    def layer_case(self) -> Case:
        """The case, which is a layer's or a network's."""
        assert isinstance(self.case, Case)
        return self.case

    @property
    def is_output(self) -> bool:
        """Not a gradient, and not what an optimiser's step gave."""
        return isinstance(self.case, Case) and self.quantity not in self.case.arrays

    @property
    def failed(self) -> bool:
        """It does not agree, and could have."""
        return self.verdict in ("disagree", "error", "convention")

    @property
    def across(self) -> bool:
        """Whether it agrees, except that rounding crossed a kink."""
        return self.verdict == "agree" and bool(self.cause)

    @property
    def measured(self) -> bool:
        """Whether its ratio means something."""
        return not (self.across or self.choice or self.verdict in ("vacuous", "reference"))

    def row(self, run: str, example: str, network: str, counterexample: str = "") -> Agreement:
        f = self.figures
        return Agreement(
            run,
            example,
            network,
            self.layer,
            self.kind,
            self.depth,
            self.quantity,
            self.case.precision,
            "x".join(map(str, self.shape)) or "scalar",
            int(np.prod(self.shape)),
            **vars(f) | {"worst_index": ",".join(map(str, f.worst_index))},
            verdict=self.verdict,
            cause=self.cause,
            counterexample=counterexample,
        )


@dataclass
class Judgement:
    """All findings on one case.

    floors   noise samples taken;  kink: an input lay at a kink or tie
    """

    case: Case | OptimizerCase | UpdateCase
    findings: list[Finding] = field(default_factory=list)
    floors: int = 0
    kink: bool = False

    @property
    def verdict(self) -> str:
        """The worst of the findings; vacuous only if nothing in it could have failed."""
        worst = max((f.verdict for f in self.findings), key=SEVERITY.__getitem__, default="vacuous")
        if worst in ("agree", "vacuous"):
            able = [f for f in self.findings if f.verdict == "agree" and not f.is_output]
            return "agree" if able else "vacuous"
        return worst

    @property
    def flagged(self) -> bool:
        """Whether something is wrong in it; a declared choice at a kink is not."""
        return self.verdict in BAD

    def declare(self, conventions: Container[str]) -> None:
        """Make another choice at a kink a disagreement, unless its layer's kind declares one."""
        for f in self.findings:
            if f.verdict == "convention" and f.kind not in conventions:
                f.verdict = "disagree"

    @property
    def culprit(self) -> Finding | None:
        """The first fault: isolated findings come first, in backward order.

        Another choice at a kink comes after errors, but before what follows from it.
        """
        failed = [f for f in self.findings if f.failed]
        alone = [f for f in failed if f.depth == "isolated"]
        worst = [f for f in alone if not f.choice]
        return next(iter(worst or alone or failed), None)


def settled(
    layer: str, case: Case | UpdateCase, depth: str, quantity: str, comparison: Comparison
) -> Finding:
    """The finding for a comparison whose samples were all taken."""
    verdict, cause = "disagree", ""
    if comparison.within():
        cause = vacuous(comparison)
        verdict = "vacuous" if cause else "agree"
    shape = comparison.reference.shape
    return Finding(layer, case, depth, quantity, shape, verdict, cause, comparison)


def fault(
    layer: str,
    case: Case | UpdateCase,
    depth: str,
    quantity: str,
    cause: str,
    verdict: str = "error",
) -> Finding:
    """A finding without numbers: the returned array cannot be compared."""
    array: Any = case.arrays.get(quantity)
    return Finding(
        layer, case, depth, quantity, () if array is None else array.shape, verdict, cause
    )


def disagreements(found: list[Finding]) -> list[tuple[Finding, Comparison]]:
    """The findings whose values disagree, each with its comparison."""
    wrong = ((f, f.comparison) for f in found if f.verdict == "disagree")
    return [(f, c) for f, c in wrong if c is not None]


def beside(judgement: Judgement, finding: Finding) -> list[Finding]:
    """The findings on the other arrays of the same layer, at the same depth."""
    place = (finding.layer, finding.depth)
    return [f for f in judgement.findings if f is not finding and (f.layer, f.depth) == place]
