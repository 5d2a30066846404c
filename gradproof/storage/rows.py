"""The rows that a run writes: a frozen dataclass of scalars is the schema of each table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """One compared array.

    depth         isolated (fed the reference's own inputs and cotangent), chained (backward
                  through the network over that shared state) or free (entirely on its own)
    quantity      "y", or the name of the argument whose gradient this is
    size          entries;  n_over: how many of them are over their bound
    max_ulp_diff  greatest |manual − reference| in units in the last place of reference
    worst_ratio   greatest |manual − reference| / bound; agreement is ≤ 1
    worst_index   where that is, as "i,j,k"; manual, reference and bound are the values there
    verdict       agree | reference | convention | vacuous | disagree | error
    cause         the likely cause of a disagreement, in a few words; or why the row is vacuous
    counterexample       path of the counterexample's file, relative to the run's folder; or ""
    """

    run: str
    example: str
    network: str
    layer: str
    kind: str
    depth: str
    quantity: str
    dtype: str
    shape: str
    size: int
    max_abs_diff: float
    max_ulp_diff: float
    worst_ratio: float
    worst_index: str
    manual: float
    reference: float
    bound: float
    n_over: int
    cosine: float
    norm_ratio: float
    verdict: str
    cause: str
    counterexample: str


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One layer (or "loss", the whole network) at one training step, on both sides.

    mode             locked (manual takes the reference's parameters and state before every step)
                     or free (the two run apart)
    divergence       ‖θ_manual − θ_reference‖ / ‖θ_reference‖ of the layer's parameters
    null_divergence  the same between the reference and itself started one ulp away
    """

    run: str
    network: str
    dataset: str
    optimizer: str
    mode: str
    step: int
    layer: str
    loss_manual: float
    loss_reference: float
    grad_norm_manual: float
    grad_norm_reference: float
    update_norm_manual: float
    update_norm_reference: float
    divergence: float
    null_divergence: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Example:
    """One drawn case: what was generated, its verdict, and the seconds that it took.

    source     network | layer | optimizer
    layers     the layer types in it, in order, joined by spaces; hazards and features likewise
    features   of fan-out, residual, tied, multi-output
    dims       smallest and largest array axis are width_min and width_max
    kink       whether an input lay at a kink or tie, where one-sided derivatives differ
    seconds_…  drawing, running manual, running the reference, and the judge's own work
    """

    run: str
    example: str
    source: str
    seed: int
    depth: int
    width_min: int
    width_max: int
    parameters: int
    dtype: str
    layers: str
    hazards: str
    features: str
    kink: bool
    verdict: str
    floors: int
    seconds_draw: float
    seconds_manual: float
    seconds_reference: float
    seconds_judge: float
