"""Is this backward pass right? One call, for a function of somebody's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hypothesis
import numpy as np

from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.cases.case import Case, cast, received
from gradproof.cases.draw import make_case
from gradproof.checking.inputs import inputs_of, names_of
from gradproof.checking.result import Disagreement, Verdict
from gradproof.checking.sides import layer_of, name_of
from gradproof.counterexamples.message import describe, explained
from gradproof.errors import InputError, in_one_line
from gradproof.judge.layer import NO_FUNCTION
from gradproof.judge.verdict import Judgement
from gradproof.oracle.layer import Oracle
from gradproof.oracle.tensors import ReferenceFault
from gradproof.rounding.bound import visible_margins
from gradproof.subject import passes
from gradproof.subject.entries import DTYPES, CaseRules, Draw, Shape, Spec
from gradproof.subject.passes import Misconduct
from gradproof.subject.subject import Subject


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
    dtypes       "float64", "float32" or both
    cases        how many are drawn;  seed: the same seed draws the same
    conventions  why func may choose otherwise than PyTorch at a kink or tie; "" if it may not
    raise_exception    whether to raise where it disagrees

    Returns the verdict: true or false, with `str()` as the message.

    Raises    Disagreement, an AssertionError, with the message that `gradproof verify` prints
              InputError, one sentence, where it cannot be judged
    """
    chosen = tuple(_dtype_name(d) for d in dtypes)
    if not chosen or not set(chosen) <= set(DTYPES):
        raise InputError(
            f"dtypes are {' or '.join(DTYPES)} or both, not {', '.join(chosen) or 'none'}"
        )
    if cases < 1:
        raise InputError(f"cases is how many are drawn, at least 1, not {cases}")
    subject = _subject(func, reference, inputs, names, chosen, conventions)
    (name,) = subject.layers
    task = Task("layer", name, cases, seed)
    judgements: list[Judgement] = []
    verdict: Verdict | None = None
    with visible_margins():
        for drawn in judged(subject, task):
            judgements.append(drawn.judgement)
            if drawn.judgement.flagged:
                verdict = _explained(subject, judgements, drawn.shrunk or drawn.judgement)
                break
    if verdict is None:
        verdict = Verdict(name, judgements)
    if raise_exception and not verdict:
        raise Disagreement(verdict)
    return verdict


def _dtype_name(dtype: Any) -> str:
    """The name of a dtype, which may be one of torch or NumPy."""
    name = getattr(dtype, "__name__", str(dtype))
    return str(name).removeprefix("torch.")


def _explained(subject: Subject, judgements: list[Judgement], smallest: Judgement) -> Verdict:
    """The verdict where something disagrees, with what is said of its smallest case."""
    assert smallest.culprit is not None
    said = explained(subject, smallest, "")
    kind = smallest.culprit.kind
    return Verdict(kind, judgements, smallest, said.text, said.cause, said.votes)


def _subject(
    func: Any,
    reference: Callable[..., Any],
    inputs: Any,
    names: Sequence[str] | None,
    dtypes: tuple[str, ...],
    conventions: str,
) -> Subject:
    """A subject of one layer."""
    if not callable(reference):
        raise InputError(
            f"reference is of type {type(reference).__name__}; give a function of tensors, such as "
            "torch.nn.functional.silu"
        )

    def drawn(draw: Draw) -> Any:
        given = inputs(draw) if callable(inputs) else inputs
        count = len(given) if isinstance(given, (tuple, list)) else 1
        return inputs_of(given, names or names_of((reference, func), count))

    first = drawn(_simplest)
    kind = type(layer_of(func, first.kinds))
    rules = CaseRules()

    @rules(kind, rank=(0, 0), dtypes=dtypes)
    def rule(draw: Draw, _: Shape) -> Spec:
        return Spec(kind(), drawn(draw).entries)

    declared = {kind.__name__: conventions} if conventions else {}
    twin = lambda _, *tensors: reference(*tensors)  # noqa: E731
    subject = Subject(name_of(func), rules, twin, conventions=declared)
    _try_once(subject, Spec(kind(), first.entries), dtypes[0])
    return subject


def _simplest(strategy: Any) -> Any:
    """A `draw` for once: the simplest of what a strategy draws."""
    return hypothesis.find(strategy, lambda _: True, settings=hypothesis.settings(database=None))


def _try_once(subject: Subject, spec: Spec, dtype: str) -> None:
    """Raise InputError where func or the reference cannot be judged at all."""
    case = make_case(spec, dtype, ("normal", "normal", "normal"), "C", 0)
    shown = describe(case)
    try:
        oracle = Oracle.of(subject.twin, case)
    except ReferenceFault as error:
        said = " ".join(str(error).split())
        raise InputError(f"{said}; it was given {shown}") from error
    if not oracle.differentiable():
        raise InputError(
            "the reference's outputs do not depend on an input that has a gradient; write it with "
            "operations of PyTorch on its arguments, and without detach or NumPy"
        )
    if not oracle.repeats():
        raise InputError(NO_FUNCTION)
    raised = _raised(case)
    if raised is not None and dtype == "float64" and _raised(cast(case, "float32")) is None:
        raise InputError(
            f"func takes no float64 ({in_one_line(raised)}); give dtypes=('float32',)"
        ) from raised
    if raised is not None:
        raise InputError(f"func cannot take {shown}: {in_one_line(raised)}") from raised


def _raised(case: Case) -> BaseException | None:
    """What the layer's forward raises on a case."""
    try:
        with np.errstate(all="ignore"):
            passes.forward(case.layer, received(case))
    except Misconduct as error:
        return error.__cause__ or error
    return None
