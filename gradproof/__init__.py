"""Is this hand-written backward pass right? The judge that answers, for any backward pass.

Every public name is imported from here, as in ``from gradproof import Subject, spec, real``. What
it stands in is loaded when the name is first asked for: torch, for one, takes seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradproof.api import judge_case, replay
    from gradproof.cases.case import Case
    from gradproof.checking.check import check
    from gradproof.checking.module import check_module
    from gradproof.checking.record import Check, subject_of
    from gradproof.checking.result import Disagreement, Verdict
    from gradproof.checking.sides import vjp
    from gradproof.checking.training import check_training
    from gradproof.checking.training_result import TrainingVerdict
    from gradproof.errors import InputError
    from gradproof.judge.verdict import Finding, Judgement
    from gradproof.mutation.bug import Bug
    from gradproof.oracle.tensors import laid_out
    from gradproof.report.section import Section
    from gradproof.subject.entries import (
        CaseRules,
        Draw,
        Shape,
        Spec,
        choice,
        index,
        invertible,
        mask,
        ordered,
        permutation,
        positive,
        positive_definite,
        real,
        spec,
        uniform,
        unit,
    )
    from gradproof.subject.layer import Buffer, Index, Layer, Param, Real
    from gradproof.subject.load import load_subject
    from gradproof.subject.subject import Subject

__version__ = "0.1.0"
__all__ = [
    "Buffer",
    "Bug",
    "Case",
    "CaseRules",
    "Check",
    "Disagreement",
    "Draw",
    "Finding",
    "Index",
    "InputError",
    "Judgement",
    "Layer",
    "Param",
    "Real",
    "Section",
    "Shape",
    "Spec",
    "Subject",
    "TrainingVerdict",
    "Verdict",
    "check",
    "check_module",
    "check_training",
    "choice",
    "index",
    "invertible",
    "judge_case",
    "laid_out",
    "load_subject",
    "mask",
    "ordered",
    "permutation",
    "positive",
    "positive_definite",
    "real",
    "replay",
    "spec",
    "subject_of",
    "uniform",
    "unit",
    "vjp",
]

_NAMES_OF = {
    "api": "judge_case replay",
    "cases.case": "Case",
    "checking.check": "check",
    "checking.module": "check_module",
    "checking.record": "Check subject_of",
    "checking.result": "Disagreement Verdict",
    "checking.sides": "vjp",
    "checking.training": "check_training",
    "checking.training_result": "TrainingVerdict",
    "errors": "InputError",
    "judge.verdict": "Finding Judgement",
    "mutation.bug": "Bug",
    "oracle.tensors": "laid_out",
    "report.section": "Section",
    "subject.entries": (
        "CaseRules Draw Shape Spec choice index invertible mask ordered permutation positive "
        "positive_definite real spec uniform unit"
    ),
    "subject.layer": "Buffer Index Layer Param Real",
    "subject.load": "load_subject",
    "subject.subject": "Subject",
}
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'gradproof' has no attribute {name!r}")
    value = getattr(import_module(f"gradproof.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # the next time it is found without asking here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
