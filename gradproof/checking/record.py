"""A check, written down: what is judged, against what, on which inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import hypothesis
import numpy as np
from hypothesis import Phase
from hypothesis.errors import NoSuchExample, Unsatisfiable
from torch.nn import Module

from gradproof.cases.case import Case, cast, received
from gradproof.cases.draw import cases
from gradproof.checking.inputs import Inputs, inputs_of, names_of
from gradproof.checking.sides import layer_of
from gradproof.counterexamples.message import describe
from gradproof.errors import InputError, in_one_line
from gradproof.judge.layer import NO_FUNCTION
from gradproof.oracle.low_precision import oracle_of
from gradproof.oracle.tensors import ReferenceFault
from gradproof.subject import passes
from gradproof.subject.entries import DTYPES, Accepts, CaseRules, Draw, Shape, Spec
from gradproof.subject.low_precision import LOW
from gradproof.subject.passes import Misconduct
from gradproof.subject.subject import Subject

_IN_FLOAT32 = "; where PyTorch has no such kernel, give lambda x: function(x.float()).to(x.dtype)"


@dataclass(frozen=True)
class Check:
    """The arguments of `gradproof.check`, written down: for a file with many.

    Raises    InputError for what cannot be judged
    """

    func: Any
    reference: Callable[..., Any]
    inputs: Any
    names: Sequence[str] | None = None
    dtypes: Sequence[Any] = DTYPES
    conventions: str = ""
    accepts: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if not callable(self.reference):
            raise InputError(
                f"reference is of type {type(self.reference).__name__}; give a function of "
                "tensors, such as torch.nn.functional.silu"
            )
        if not (self.accepts is None or callable(self.accepts)):
            raise InputError(
                f"accepts is of type {type(self.accepts).__name__}; give a function of the arrays "
                "that returns True or False"
            )
        object.__setattr__(self, "dtypes", dtypes_of(self.dtypes, (*DTYPES, *LOW)))
        held = [n for n, _ in self.func.named_parameters()] if isinstance(self.func, Module) else []
        if held:
            raise InputError(
                f"{type(self.func).__name__} has parameters ({', '.join(held[:3])}), whose "
                "gradients would not be judged; give gradproof.check_module two modules, or a "
                "function that takes them as arguments"
            )

    def drawn(self, draw: Draw) -> Inputs:
        """Inputs of one case."""
        given = self.inputs(draw) if callable(self.inputs) else self.inputs
        count = len(given) if isinstance(given, (tuple, list)) else 1
        return inputs_of(given, self.names or names_of((self.reference, self.func), count))


def dtypes_of(given: Sequence[Any], known: Sequence[str] = DTYPES) -> tuple[str, ...]:
    """The names of dtypes, which may be those of torch or NumPy.

    known     those that can be judged

    Raises    InputError for others than the judge knows
    """
    names = [str(getattr(dtype, "__name__", dtype)).removeprefix("torch.") for dtype in given]
    if not names or not set(names) <= set(known):
        said = ", ".join(names) or "none"
        raise InputError(f"dtypes are one or more of {', '.join(known)}, not {said}")
    return tuple(names)


def subject_of(checks: Mapping[str, Check], name: str = "") -> Subject:
    """A subject that has a layer for each check.

    checks    by name; a name is one word
    name      of the project

    Raises    InputError for a name that is no word, and for a check that cannot be judged
    """
    rules = CaseRules()
    references: dict[type, Callable[..., Any]] = {}
    conventions = {}
    for word, given in checks.items():
        if not word.isidentifier():
            raise InputError(f"a check is named {word!r}; give it a name of letters, digits and _")
        kind = type(layer_of(given.func, given.drawn(simplest).kinds, word))
        made = rules(kind, rank=(0, 0), dtypes=tuple(given.dtypes), accepts=_accepts(given))
        made(_rule(kind, given))
        references[kind] = given.reference
        if given.conventions:
            conventions[word] = given.conventions
    twin = lambda layer, *tensors: references[type(layer)](*tensors)  # noqa: E731
    return Subject(name or "checks", rules, twin, conventions=conventions)


def _rule(kind: type, given: Check) -> Callable[[Draw, Shape], Spec]:
    def rule(draw: Draw, _: Shape) -> Spec:
        return Spec(kind(), given.drawn(draw).entries)

    return rule


def _accepts(given: Check) -> Accepts | None:
    """The predicate of a check, which is called with its inputs alone."""
    accepts = given.accepts
    return None if accepts is None else lambda _, *arrays: accepts(*arrays)


def simplest(strategy: Any) -> Any:
    """A `draw` for once: the simplest of what a strategy draws."""
    return hypothesis.find(strategy, lambda _: True, settings=hypothesis.settings(database=None))


def try_once(subject: Subject, name: str) -> None:
    """Run both sides of a check once, on its simplest inputs.

    Raises    InputError where func or the reference cannot be judged at all
    """
    case = _first(subject, name)
    shown = describe(case)
    try:
        oracle = oracle_of(subject.twin, case)
    except ReferenceFault as error:
        said = " ".join(str(error).split())
        hint = _IN_FLOAT32 if case.is_low else ""
        raise InputError(f"{said}; it was given {shown}{hint}") from error
    if not oracle.differentiable():
        raise InputError(
            "the reference's outputs do not depend on an input that has a gradient; write it with "
            "operations of PyTorch on its arguments, and without detach or NumPy"
        )
    if not oracle.repeats():
        raise InputError(NO_FUNCTION)
    raised = _raised(case)
    if raised is not None and case.dtype == "float64" and _raised(cast(case, "float32")) is None:
        raise InputError(
            f"func takes no float64 ({in_one_line(raised)}); give dtypes=('float32',)"
        ) from raised
    if raised is not None:
        raise InputError(f"func cannot take {shown}: {in_one_line(raised)}") from raised


def _first(subject: Subject, name: str) -> Case:
    """The simplest case of a check, or the first that its rule accepts.

    Raises    InputError where it accepts none
    """
    chosen = hypothesis.settings(database=None, phases=(Phase.generate,))
    random = Random(0)  # noqa: S311  (no secret)
    try:
        rule = subject.rules[subject.layers[name]]
        return hypothesis.find(cases(rule), lambda _: True, settings=chosen, random=random)
    except (NoSuchExample, Unsatisfiable) as error:
        raise InputError(
            f"accepts of {name} refused everything that was drawn; draw what it accepts "
            "(entries, shapes), or let it accept more"
        ) from error


def _raised(case: Case) -> BaseException | None:
    """What the layer's forward raises on a case."""
    try:
        with np.errstate(all="ignore"):
            passes.forward(case.layer, received(case))
    except Misconduct as error:
        return error.__cause__ or error
    return None
