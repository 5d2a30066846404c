"""A factor of dy between 0 and 1, exchanged for what is left of it."""

from __future__ import annotations

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence, joined
from gradproof.diagnosis.resample import elsewhere, spread

FEW = 6
"""The fewest wrong entries in all cases together."""


def exchanged_share(e: Evidence) -> str:
    """Both gradients add up to dy: one is a share of it, the other is the rest."""
    if not e.is_gradient or not e.is_layer:
        return ""
    cases = (*e.exact, *e.judge_again(elsewhere), *e.judge_again(spread))
    manual, reference, over = (joined(cases, s) for s in ("manual", "reference", "over"))
    if over.sum() < FEW or not (manual[over].any() and reference[over].any()):
        return ""
    for name in e.cotangents:
        if all(_adds_up(c, name) for c in cases):
            masks = all(_is_masked(c.manual, c.cotangents[name]) for c in cases)
            share = "the mask and its opposite" if masks else "a share of dy and 1 − that share"
            return f"as if {share} were exchanged: both gradients add up to {name}"
    return ""


def _is_masked(a: Array, dy: Array) -> bool:
    return bool(((a == 0) | (a == dy)).all())


def _adds_up(e: Evidence, name: str) -> bool:
    d = e.cotangents[name]
    return d.shape == e.manual.shape and e.fits(e.manual + e.reference, None, d)
