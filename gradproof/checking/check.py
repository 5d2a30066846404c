"""Is this backward pass right? One call, for a function of somebody's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.campaign.watch import Watch, unwatched
from gradproof.checking.record import Check, subject_of, try_once
from gradproof.checking.result import Verdict, answered
from gradproof.checking.sides import name_of
from gradproof.counterexamples.message import explained
from gradproof.counterexamples.replay import judged_again
from gradproof.errors import InputError
from gradproof.judge.verdict import Judgement
from gradproof.rounding.bound import visible_margins
from gradproof.subject.entries import DTYPES
from gradproof.subject.subject import Subject

FIRST = "first"
"""What a watch is told of the run that finds whether a check can be judged at all."""


def check(
    func: Any,
    reference: Callable[..., Any],
    inputs: Any,
    *,
    names: Sequence[str] | None = None,
    dtypes: Sequence[Any] = DTYPES,
    cases: int = 100,
    seed: int = 0,
    conventions: str = "",
    accepts: Callable[..., Any] | None = None,
    case: Path | str | None = None,
    raise_exception: bool = True,
) -> Verdict:
    """Judge a hand-written backward pass against autograd, on drawn cases.

    func         what has the backward pass: a function of tensors (`MyFunction.apply`, a module
                 without parameters, a custom op); a pair (forward, backward) of functions of NumPy
                 arrays, with forward(*arrays) → (y, saved) and backward(saved, dy) → gradients; an
                 object with these two methods; or `gradproof.vjp(f)`
    reference    the same function of tensors by PyTorch, which autograd differentiates
    inputs       a tuple of example arrays or tensors, whose shapes and kinds are kept while their
                 values are drawn; or entries, such as `gradproof.real(4, 8)`; or a function of
                 `draw` that returns either, for shapes that vary
    names        of the inputs; by default those of the function's arguments
    dtypes       of "float64", "float32", "bfloat16" and "float16". In the last two func may round
                 once, at the end, and wherever the reference does
    cases        how many are drawn;  seed: the same seed draws the same
    conventions  why func may choose otherwise than PyTorch at a kink or tie; "" if it may not
    accepts      accepts(*arrays) → whether func takes the numbers that were drawn for its inputs;
                 where it does not, others are drawn
    case         a file that `Verdict.save` wrote: that case is judged again, and none is drawn
    raise_exception    whether to raise where it disagrees

    Returns the verdict: true or false, with `str()` as the message.

    Raises    Disagreement, an AssertionError, with the message that `gradproof verify` prints
              InputError, one sentence, where it cannot be judged
    """
    __tracebackhide__ = True  # pytest then shows the call
    given = Check(func, reference, inputs, names, dtypes, conventions, accepts)
    name = name_of(func)
    subject = subject_of({name: given})
    if case is None:
        return answered(verdict_of(subject, name, cases, seed), raise_exception)
    return answered(verdict_of_case(subject, Path(case)), raise_exception)


def verdict_of(
    subject: Subject,
    name: str,
    cases: int,
    seed: int,
    lost: tuple[tuple[str, str], ...] = (),
    watch: Watch = unwatched,
) -> Verdict:
    """Judge one check of a subject, up to its first disagreement.

    lost     (digest, reason) of cases that ended the process that judged them
    watch    a context for each case that is judged

    Raises   InputError where it cannot be judged
    """
    if cases < 1:
        raise InputError(f"cases is how many are drawn, at least 1, not {cases}")
    with watch(FIRST):
        try_once(subject, name)
    judgements: list[Judgement] = []
    with visible_margins():
        for drawn in judged(subject, Task("layer", name, cases, seed, lost), watch=watch):
            judgements.append(drawn.judgement)
            if drawn.judgement.flagged:
                with watch(drawn.case.digest):  # a cause is looked for in cases nobody has run yet
                    return _explained(subject, judgements, drawn.shrunk or drawn.judgement)
    return Verdict(name, judgements)


def verdict_of_case(subject: Subject, path: Path) -> Verdict:
    """Judge the case in a file again, which one of the subject's checks once disagreed on.

    Raises   InputError when the file holds no case of these checks
    """
    with visible_margins():
        judgement = judged_again(subject, path)
        if judgement.flagged:
            return _explained(subject, [judgement], judgement)
    return Verdict(judgement.case.kind, [judgement])


def _explained(subject: Subject, judgements: list[Judgement], smallest: Judgement) -> Verdict:
    """The verdict where something disagrees, with what is said of its smallest case."""
    assert smallest.culprit is not None
    said = explained(subject, smallest, "")
    kind = smallest.culprit.kind
    return Verdict(kind, judgements, smallest, said.text, said.cause, said.votes)
