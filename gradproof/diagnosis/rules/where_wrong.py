"""Where the wrong entries lie, when not all are wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence, joined
from gradproof.diagnosis.resample import elsewhere, spread
from gradproof.diagnosis.rules.constant_factor import factor_between

FEW = 4
"""The fewest entries on either side: with fewer, a value may separate them by chance."""

_SMALL = 1e-3
"""Entries that are smaller beside the usual wrong one do not count as right."""


def values(e: Evidence) -> str:
    """Wrong exactly where an argument has certain values."""
    right = ~e.over & (np.abs(e.reference) > e.bound)
    place = _at_values(e, right) if right.any() else ""
    return place and place + _how(e)


def regions(e: Evidence) -> str:
    """Wrong exactly where an argument is on one side of a value, over several cases."""
    if not e.is_layer:
        return ""
    near = (e, *e.others, *e.judge_again(elsewhere))
    if found := _region(e, near):
        return found
    # Far away the outputs of a wrong function may be right by chance: it saturates as torch's does.
    return _region(e, (*near, *e.judge_again(spread))) if e.is_gradient else ""


def _region(e: Evidence, cases: Sequence[Evidence]) -> str:
    over, manual, reference = (joined(cases, s) for s in ("over", "manual", "reference"))
    size = np.abs(reference)
    usual = np.median(size[over]) if over.any() else 0.0
    well = ~over & (size > _SMALL * usual)  # what is nearly zero is right by chance
    if min(over.sum(), well.sum()) < FEW:
        return ""
    how = "" if manual[over].any() else ": zero, and should not be"
    how = how if reference[over].any() else ": should be zero"
    how = how or _is_dy(cases)
    for name, array in {**e.arrays, **e.cotangents}.items():
        if name.startswith("y") or array.shape != e.over.shape:
            continue
        parts = [{**c.arrays, **c.cotangents}.get(name) for c in cases]
        values = np.concatenate([np.ravel(part) for part in parts if part is not None])
        side = _side(name, values[over], values[well]) if values.size == over.size else ""
        if side:
            return f"only where {side}{how}"
    return ""


def _is_dy(cases: Sequence[Evidence]) -> str:
    """That the wrong entries are those of a cotangent, in all cases."""
    wrong = [c for c in cases if c.over.any()]
    said = {cotangent_itself(c, c.over) for c in wrong}
    return f": {said.pop()}" if len(said) == 1 and "" not in said else ""


def _side(name: str, wrong: Array, well: Array) -> str:
    for told, (w, r) in ((name, (wrong, well)), (f"|{name}|", (np.abs(wrong), np.abs(well)))):
        low, high = w.min(), w.max()
        if high <= r.min() or low >= r.max():
            if told == name and (low >= 0 >= r.max() or high <= 0 <= r.min()):
                return f"{name} is {'positive' if low >= 0 else 'negative'}"
            return f"{told} > {r.max():.3g}" if low >= r.max() else f"{told} < {r.min():.3g}"
    inside = (well > wrong.min()) & (well < wrong.max())
    if not inside.any():
        return f"{wrong.min():.3g} ≤ {name} ≤ {wrong.max():.3g}"
    return ""


def repeated(e: Evidence) -> str:
    """Wrong only at rows of a table that are looked up more than once."""
    table = e.case.kinds.get(e.quantity) == "param"
    for name, index in e.indices.items() if table else ():
        used, counts = np.unique(index, return_counts=True)
        rows = set(np.nonzero(e.over)[0].tolist()) if e.over.ndim else set()
        if rows and rows <= set(used[counts > 1].tolist()):
            return f"only where {name} repeats an index: = for +="
    return ""


def indices(e: Evidence) -> str:
    """Wrong at certain indices only, and how."""
    place = _at_indices(e) if (~e.over & (np.abs(e.reference) > e.bound)).any() else ""
    return place and place + _how(e)


def explained(e: Evidence) -> str:
    """As `indices`, but only if it can say how."""
    return indices(e) if _how(e) else ""


def _how(e: Evidence) -> str:
    """How the wrong entries relate to the right values."""
    wrong, expected = e.manual[e.over], e.reference[e.over]
    if not wrong.any():
        return ": zero, and should not be"
    relation = cotangent_itself(e, e.over)
    if not expected.any():
        return f": should be zero, not {relation}" if relation else ": should be zero"
    relation = relation or factor_between(e, wrong, expected, e.bound[e.over])
    return f": {relation}" if relation else ""


def cotangent_itself(e: Evidence, here: Array) -> str:
    """In words, if these entries of the manual array are those of a cotangent."""
    for name, dy in e.cotangents.items() if e.is_gradient else ():
        if dy.shape == here.shape and here.any() and (e.manual == dy)[here].all():
            return f"{name} itself, the factor of the layer's derivative is missing"
    return ""


def _at_values(e: Evidence, right: Array) -> str:
    for name, array in e.arrays.items():
        if array.shape != e.over.shape or name.startswith("y"):
            continue
        wrong, well = array[e.over], array[right]
        value = float(wrong.flat[0])
        if (wrong == value).all() and not (well == value).any():
            if value == 0 or e.at_kink():
                return f"only where {name} is {value:g} (wrong mask?)"
        elif e.over.sum() > 1 and right.sum() > 1:
            if (wrong < 0).all() and not (well < 0).any():
                return f"only where {name} is negative"
            if (wrong > 0).all() and not (well > 0).any():
                return f"only where {name} is positive"
            if wrong.min() > well.max() or wrong.max() < well.min():
                side, edge = (">", well.max()) if wrong.min() > well.max() else ("<", well.min())
                return f"only where {name} {side} {edge:.3g}"
    for name, array in e.indices.items():
        if array.shape == e.over.shape:
            number = int(array[e.over].flat[0])
            if (array[e.over] == number).all() and not (array[right] == number).any():
                return f"only where {name} is {number}"
    return "only at kinks or ties (wrong mask?)" if e.at_kink() else ""


def _at_indices(e: Evidence) -> str:
    if e.over.sum() == 1 and e.over.size > 1:
        return f"only one entry, {[int(i[0]) for i in np.nonzero(e.over)]}"
    for axis, length in enumerate(e.over.shape):
        places = np.unique(np.nonzero(e.over)[axis])
        if len(places) == 1 and length > 1:
            what = {(0, 2): "row", (1, 2): "column"}.get((axis, e.over.ndim), f"axis {axis}, index")
            return f"only {what} {places[0]}" + (" (the last)" if places[0] == length - 1 else "")
        if set(places) == set(range(1, length)) and length > 2:
            return f"only where the index along axis {axis} is above 0"
        if length > 2 and set(places) <= {0, length - 1}:
            return f"only the edges of axis {axis}"
    return ""
