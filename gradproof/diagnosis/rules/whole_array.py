"""What can be said of all entries of an array together: zero, a multiple, nearly right."""

from __future__ import annotations

import numpy as np

from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import elsewhere, larger, spread, stretched
from gradproof.diagnosis.rules import missing_term, where_wrong
from gradproof.diagnosis.rules.constant_factor import factor_between
from gradproof.diagnosis.rules.optimizer_update import update
from gradproof.diagnosis.rules.other_cotangent import cotangent
from gradproof.diagnosis.rules.other_options import otherwise

_NEAR = 1e-3
"""A relative error below this is small."""


def not_finite(e: Evidence) -> str:
    """Infinite or no number on one side alone."""
    for what, test in (("not a number", np.isnan), ("infinite", np.isinf)):
        count = int((test(e.manual) & np.isfinite(e.reference)).sum())
        if count:
            return f"{what} where PyTorch has numbers ({count} of {e.manual.size} entries)"
    count = int((np.isfinite(e.manual) & np.isnan(e.reference)).sum())
    return f"a number where PyTorch has none ({count} of {e.manual.size} entries)" if count else ""


def dead(e: Evidence) -> str:
    """The right gradient is zero: explain what the wrong one holds instead."""
    if e.reference.any():
        return ""
    said = otherwise(e) or cotangent(e)
    return f"{said}, where it should be zero" if said else where_wrong.regions(e)


def zero(e: Evidence) -> str:
    """One side is zero wherever the two differ."""
    said = zero_here(e)
    sorts = (elsewhere, spread, larger, stretched) if said else ()
    fresh = (c for sort in sorts for c in e.judge_again(sort))
    return said if all(zero_here(c) == said or not c.reference.any() for c in fresh) else ""


def zero_here(e: Evidence) -> str:
    """The same in this case alone."""
    if e.over.any() and np.abs(e.manual).max() <= 1e-12 * np.abs(e.reference).max():
        return "all zero: no gradient gets through"
    if not e.reference.any():
        missing = where_wrong.cotangent_itself(e, e.manual != 0)
        return f"it should be all zero{missing and ': '}{missing}"
    return ""


def multiple(e: Evidence) -> str:
    """A constant factor, and which option or length has its value."""
    return _or_exchanged(e, factor_between(e, e.manual, e.reference, e.bound))


def same_multiple(e: Evidence) -> str:
    """The same constant factor in every case."""
    said = missing_term.multiple(e)
    where = where_wrong.regions(e) if said else ""
    return f"{where}: {said}" if where else _or_exchanged(e, said)


def _or_exchanged(e: Evidence, said: str) -> str:
    other = other_argument(e) if said == "sign" else ""
    return f"{said}, or {other}" if other else said


def other_argument(e: Evidence) -> str:
    """The gradient of another argument."""
    for name in e.other_gradients:
        if _is_gradient_of(name, e) and all(
            _is_gradient_of(name, c) for c in e.judge_again(stretched)
        ):
            or_ = ", or a factor is missing" if name in e.right else ""
            return f"the gradient of {name}: swapped arguments{or_}"
    return ""


def _is_gradient_of(name: str, e: Evidence) -> bool:
    """Whether manual holds the gradient of that argument, where it is wrong at all."""
    gradient = e.other_gradients.get(name)
    if gradient is None or not e.over.any():
        return True
    return gradient.shape == e.manual.shape and e.fits(gradient)


def other_output(e: Evidence) -> str:
    """Another output."""
    for name, output in e.other_outputs.items():
        if output.shape == e.manual.shape and output.any() and e.fits(output):
            return f"the output {name}: swapped outputs"
    return ""


def added_gradient(e: Evidence) -> str:
    """The right gradient, and the gradient of another argument."""
    for name, gradient in e.other_gradients.items():
        if gradient.shape == e.manual.shape and gradient.any():
            for told, made in (("added", gradient), ("taken off", -gradient)):
                if e.fits(e.reference + made):
                    return f"the gradient of {name} is {told}: a term too many"
    return ""


def on_longer_axes(e: Evidence) -> str:
    """Where the wrong entries lie if an axis is longer: of a few entries all may be wrong."""
    wrong = (c for c in e.judge_again(stretched) if c.over.any())
    said = next(filter(None, (where_wrong.explained(c) for c in wrong)), "")
    return said and f"on a longer axis, {said}"


def next_step(e: Evidence) -> str:
    """A mistake that an optimiser without state shows only in its next step."""
    step = e.judge_next_step()
    if step is None or any(not n.endswith(".grad") for n in e.before):
        return ""
    rules = (otherwise, update, missing_term.factor, missing_term.term)
    return next(filter(None, (rule(step) for rule in rules)), "")


def nearly_right(e: Evidence) -> str:
    """Every wrong entry is nearly right, on inputs of other sizes too."""
    greatest = _relative(e)
    there = [_relative(c) for c in e.judge_again(elsewhere) if c.over.any()]
    if not greatest < _NEAR or (there and not np.median(there) < _NEAR):
        return ""
    return f"off by {greatest:.1g} of the value: eps at the wrong place, or precision lost"


def _relative(e: Evidence) -> float:
    """The greatest relative error of the wrong entries."""
    with np.errstate(all="ignore"):
        relative = (e.error / np.abs(e.reference))[e.over]
    return float(np.nan_to_num(relative, nan=np.inf).max(initial=0.0))


def unknown(e: Evidence) -> str:
    """How much both sides still have in common, where no other rule fits."""
    m, r = e.manual.ravel(), e.reference.ravel()
    with np.errstate(all="ignore"):
        m, r = m / np.abs(m).max(), r / np.abs(r).max()
        cosine = float(m @ r / np.sqrt((m @ m) * (r @ r)))
    return "not recognised" + (f" (cosine of both {cosine:.3g})" if m.size > 1 else "")
