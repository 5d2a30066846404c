"""What the report counts: totals, one row per layer, per depth, where the time went."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gradproof.report import charts
from gradproof.report.format import anchor
from gradproof.report.load import Run

BAD = ("disagree", "error")
FEW_ULP = 4
MOST = 10  # layers named beside a cause, quantities shown of a layer
ENOUGH = 20  # arrays of which one at least should not be vacuous
DEPTHS = {
    "isolated": "each layer alone, with the reference's own inputs and incoming gradient",
    "chained": "backward through a whole network, over the reference's forward pass",
    "free": "on its own from end to end",
}
PARTS = {
    "seconds_draw": "drawing",
    "seconds_manual": "manual",
    "seconds_reference": "reference",
    "seconds_judge": "judging",
}


@dataclass(frozen=True)
class Totals:
    """The counts at the top. An array is one compared output or gradient.

    distinct           how many of the networks differ from one another
    disagreements      arrays that disagree or erred
    steps              rows of training
    """

    layers: int
    optimizers: int
    layer_cases: int
    optimizer_cases: int
    networks: int
    distinct: int
    arrays: int
    entries: int
    disagreements: int
    steps: int
    training_disagreements: int
    convention: int
    vacuous_arrays: int
    vacuous_networks: int
    truncated: int

    @property
    def bad(self) -> int:
        return self.disagreements + self.training_disagreements


def totals(run: Run) -> Totals:
    """Count the rows."""
    verdicts = run.agreement["verdict"].value_counts()
    sources = run.examples["source"].value_counts()
    optimizers = _optimizer_kinds(run)
    networks = run.examples[run.examples["source"] == "network"]
    names = run.agreement.loc[run.agreement["example"].isin(networks["example"]), "network"]
    return Totals(
        layers=len(set(run.agreement["kind"]) - optimizers),
        optimizers=len(optimizers),
        layer_cases=int(sources.get("layer", 0)),
        optimizer_cases=int(sources.get("optimizer", 0)),
        networks=len(networks),
        distinct=names.nunique(),
        arrays=len(run.agreement),
        entries=int(run.agreement["size"].sum()),
        disagreements=sum(int(verdicts.get(v, 0)) for v in BAD),
        steps=len(run.trajectories),
        training_disagreements=int(run.trajectories["verdict"].isin(BAD).sum()),
        convention=int(verdicts.get("convention", 0)),
        vacuous_arrays=int(verdicts.get("vacuous", 0)),
        vacuous_networks=int((networks["verdict"] == "vacuous").sum()),
        truncated=run.truncated,
    )


def verdict(run: Run, counted: Totals) -> str:
    """The run's own verdict, unless its rows are worse or there are none."""
    if counted.bad or run.info.get("verdict") == "disagree":
        return "disagree"
    return "agree" if counted.arrays or counted.steps else "vacuous"


def _optimizer_kinds(run: Run) -> set[str]:
    """Kinds that were judged as optimisers."""
    cases = run.examples.loc[run.examples["source"] == "optimizer", "example"]
    return set(run.agreement.loc[run.agreement["example"].isin(cases), "kind"])


@dataclass(frozen=True)
class QuantityRow:
    """An output or a gradient of one layer kind: by depth, its arrays and their worst ratio."""

    quantity: str
    depths: Mapping[str, tuple[int, float]]


@dataclass(frozen=True)
class LayerRow:
    """One layer kind; `worst` by dtype leaves out what has no meaningful ratio.

    caught      by dtype the smallest relative error, planted in one entry of a gradient, that at
                least half of the cases still catch; empty where none was planted
    unjudged    outputs and gradients that were vacuous in all of their arrays, of which there were
                at least `ENOUGH`
    """

    kind: str
    cases: int
    arrays: int
    entries: int
    worst: Mapping[str, float]
    caught: Mapping[str, float]
    few_ulp: int
    vacuous: int
    convention: int
    kinks: int
    disagreements: int
    verdict: str
    unjudged: tuple[str, ...]
    histogram: charts.Histogram
    quantities: list[QuantityRow]  # the first MOST, or the worst where there are more
    more_quantities: int

    @property
    def depths(self) -> list[str]:
        """Those at which this layer was judged, by itself before in a network."""
        own = {depth for row in self.quantities for depth in row.depths}
        return sorted(own, key=_by_depth)

    @property
    def warning(self) -> str:
        """What is said of quantities that no case has judged; "" if there are none."""
        if not self.unjudged:
            return ""
        which = ", ".join(self.unjudged)
        return f"{self.kind}: no case could have shown {which} to be wrong; all were vacuous"

    @property
    def findings(self) -> str:
        """The fragment of what disagrees in this layer."""
        return f"disagree-{anchor(self.kind)}"


def layers(run: Run) -> list[LayerRow]:
    """One row per layer kind, by name."""
    at_kink = run.examples[(run.examples["source"] == "layer") & run.examples["kink"]]
    kinks = at_kink["layers"].value_counts()
    kinds = run.agreement.groupby("kind")
    cases, entries = kinds["example"].nunique(), kinds["size"].sum()
    few_ulp = (run.agreement["max_ulp_diff"] <= FEW_ULP).groupby(run.agreement["kind"]).sum()
    rows = judged(run)
    ratios = rows["worst_ratio"].fillna(math.inf)
    by_dtype = ratios.groupby([rows["kind"], rows["dtype"]]).max()
    by_kind = {kind: own.to_numpy() for kind, own in ratios.groupby(rows["kind"])}
    quantities = [run.agreement["kind"], run.agreement["quantity"]]
    vacuous = (run.agreement["verdict"] == "vacuous").groupby(quantities).agg(["all", "size"])
    never = vacuous.index[vacuous["all"] & (vacuous["size"] >= ENOUGH)]
    caught, details = run.info.get("sensitivity") or {}, _quantities(run.agreement, rows)
    table = []
    for kind, own in kinds["verdict"]:
        verdicts = own.value_counts()
        bad = sum(int(verdicts.get(v, 0)) for v in BAD)
        table.append(
            LayerRow(
                kind=str(kind),
                cases=int(cases[kind]),
                arrays=len(own),
                entries=int(entries[kind]),
                worst=by_dtype[kind].to_dict() if kind in by_kind else {},
                caught=dict(caught.get(kind) or {}),
                few_ulp=int(few_ulp[kind]),
                vacuous=int(verdicts.get("vacuous", 0)),
                convention=int(verdicts.get("convention", 0)),
                kinks=int(kinks.get(kind, 0)),
                disagreements=bad,
                verdict=_kind_verdict(bad, verdicts, len(own)),
                unjudged=tuple(str(q) for of, q in never if of == kind),
                histogram=charts.histogram(by_kind.get(kind, np.empty(0))),
                quantities=details[kind][:MOST],
                more_quantities=max(0, len(details[kind]) - MOST),
            )
        )
    return sorted(table, key=lambda row: row.kind.lower())


def _quantities(every: pd.DataFrame, judged: pd.DataFrame) -> dict[object, list[QuantityRow]]:
    keys = ["kind", "quantity", "depth"]
    ratios = judged["worst_ratio"].fillna(math.inf).groupby([judged[k] for k in keys]).max()
    most = ratios.to_dict()
    found: dict[object, dict[str, dict[str, tuple[int, float]]]] = {}
    for key, own in every.groupby(keys, sort=False):
        kind, quantity, depth = key
        by_depth = found.setdefault(kind, {}).setdefault(str(quantity), {})
        by_depth[str(depth)] = len(own), float(most.get(key, math.nan))
    rows = {kind: [QuantityRow(*q) for q in own.items()] for kind, own in found.items()}
    return {kind: own if len(own) <= MOST else sorted(own, key=_far) for kind, own in rows.items()}


def _far(row: QuantityRow) -> float:
    """A sort key that puts the worst first and what has no ratio last."""
    return -max((0.0 if math.isnan(worst) else worst for _, worst in row.depths.values()))


def judged(run: Run) -> pd.DataFrame:
    """The rows whose ratio means something: judged by a reference that is accurate, at no kink."""
    rows = run.agreement
    across = (rows["verdict"] == "agree") & (rows["cause"] != "")
    return rows[~rows["verdict"].isin(["vacuous", "convention", "reference"]) & ~across]


def _kind_verdict(bad: int, verdicts: pd.Series[Any], arrays: int) -> str:
    if bad:
        return "disagree"
    if verdicts.get("vacuous", 0) == arrays:
        return "vacuous"
    return "convention" if verdicts.get("convention", 0) else "agree"


def worst(ratios: pd.Series[float]) -> float:
    """The greatest ratio; a NaN, which is NaN on one side only, counts as infinite."""
    return float(ratios.fillna(math.inf).max()) if len(ratios) else math.nan


def dtypes(table: list[LayerRow], what: str = "worst") -> list[str]:
    """The dtypes that were judged (or those of "caught"), float64 and float32 first."""
    found = {name for row in table for name in getattr(row, what)}
    first = [name for name in ("float64", "float32") if name in found]
    return first + sorted(found - set(first))


@dataclass(frozen=True)
class DepthRow:
    """Everything compared at one depth."""

    depth: str
    meaning: str
    arrays: int
    worst: float
    agree: int
    convention: int
    vacuous: int
    bad: int


def depths(run: Run) -> list[DepthRow]:
    """One row per depth that was judged."""
    table = []
    ratios = judged(run).groupby("depth")["worst_ratio"]
    most = {depth: worst(own) for depth, own in ratios}
    for depth, own in run.agreement.groupby("depth", sort=False):
        verdicts = own["verdict"].value_counts()
        table.append(
            DepthRow(
                depth=str(depth),
                meaning=DEPTHS.get(str(depth), ""),
                arrays=len(own),
                worst=most.get(depth, math.nan),
                agree=int(verdicts.get("agree", 0)),
                convention=int(verdicts.get("convention", 0)),
                vacuous=int(verdicts.get("vacuous", 0)),
                bad=sum(int(verdicts.get(v, 0)) for v in BAD),
            )
        )
    return sorted(table, key=lambda r: _by_depth(r.depth))


def _by_depth(depth: str) -> int:
    order = list(DEPTHS)
    return order.index(depth) if depth in order else len(order)


@dataclass(frozen=True)
class Pace:
    """How many networks the whole run judged by the clock, with how many processes."""

    networks: int
    seconds: float
    processes: int
    networks_per_minute: float


@dataclass(frozen=True)
class Timing:
    """Where the time went: inside the cases, and over the whole run."""

    parts: list[tuple[str, float]]  # drawing, manual, reference, judging: seconds of all cases
    judge: float
    total: float
    phases: list[tuple[str, float]]
    networks_per_minute: float  # of one worker
    pace: Pace | None  # of all workers together
    floors: int
    examples: int


def timing(run: Run) -> Timing:
    """Sum the seconds of the cases; those of the run are its own."""
    networks = run.examples[run.examples["source"] == "network"]
    busy = float(networks[list(PARTS)].sum().sum())
    parts = [(name, float(run.examples[column].sum())) for column, name in PARTS.items()]
    phases = {str(k): float(v) for k, v in dict(run.info.get("seconds") or {}).items() if v}
    return Timing(
        parts=parts,
        judge=parts[-1][1],
        total=sum(s for _, s in parts),
        phases=list(phases.items()),
        networks_per_minute=60 * len(networks) / busy if busy else math.nan,
        pace=Pace(**run.info["pace"]) if "pace" in run.info else None,
        floors=int((run.examples["floors"] > 0).sum()),
        examples=len(run.examples),
    )


@dataclass(frozen=True)
class VacuityRow:
    """Why arrays could not be judged, or follow another convention, and in which layers."""

    verdict: str
    cause: str
    arrays: int
    kinds: list[tuple[str, int]]  # the most frequent, with their arrays
    more: int  # further kinds


def vacuity(run: Run) -> list[VacuityRow]:
    """One row per reason, conventions first."""
    part = run.agreement[run.agreement["verdict"].isin(["vacuous", "convention"])]
    # A convention's reason is the subject's own; what the judge wrote beside it comes second.
    declared = dict(run.info.get("conventions") or {})
    reason = part["kind"].map(lambda kind: declared.get(kind, ""))
    stated = (part["verdict"] == "convention") & (reason != "")
    why = part["cause"].mask(stated, reason).replace("", "no reason given")
    table = []
    for key, rows in part.groupby(["verdict", why]):
        kinds = rows["kind"].value_counts()
        most = [(str(k), int(n)) for k, n in kinds.head(MOST).items()]
        found, cause = (str(k) for k in key)
        table.append(VacuityRow(found, cause, len(rows), most, max(0, len(kinds) - MOST)))
    return sorted(table, key=lambda r: (r.verdict, -r.arrays, r.cause))
