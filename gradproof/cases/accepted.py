"""Whether a rule accepts the numbers that were drawn for it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from gradproof.cases.case import Case
from gradproof.errors import InputError, told
from gradproof.subject.entries import Accepts

ENOUGH = 200
"""So many draws tell how large a share is refused."""
MOST_REFUSED = 0.9


def accepted(accepts: Accepts | None, case: Case) -> bool:
    """What a rule's predicate says of a case; without one every case is accepted.

    Raises    InputError for a predicate that raises, or that answers anything but true or false
    """
    if accepts is None:
        return True
    shown = [None if a is None else a.view() for a in case.arrays.values()]
    for array in shown:
        if array is not None:
            array.flags.writeable = False
    try:
        answer = accepts(case.layer, *shown)
    except Exception as error:
        raise InputError(f"accepts of {case.kind} raised {told(error)}") from error
    if not isinstance(answer, (bool, np.bool_)):
        raise InputError(
            f"accepts of {case.kind} returned {type(answer).__name__}, not True or False"
        )
    return bool(answer)


def too_many_refused(name: str, draws: Counter[bool], judged: int, count: int) -> str:
    """A sentence where too large a share is refused; "" elsewhere.

    draws     how many were accepted (True) and refused (False)
    judged    how many cases were judged, of the `count` that were asked for
    """
    made, refused = draws.total(), draws[False]
    if made < ENOUGH or refused <= MOST_REFUSED * made:
        return ""
    return (
        f"accepts of {name} refused {refused:,} of {made:,} draws, so only {judged} of {count} "
        "cases were judged; draw what it accepts (entries, shapes), or let it accept more"
    )
