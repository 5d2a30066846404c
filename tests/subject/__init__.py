"""This repository as the judge's subject: `manual` against `reference`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import reference  # noqa: F401  (registers the twins)
import tests.strategies  # noqa: F401  (registers the case strategies)
from gradproof.mutation.bug import Bug
from gradproof.report.section import Section
from gradproof.subject.subject import Subject
from manual.net import Net, Step
from reference.optimizer import reference_step
from reference.twin import twin
from reports.training import trajectories
from tests.completeness import registry, unfinished
from tests.strategies.optimizers import strategies
from tests.strategies.rules import cases_for


def subject() -> Subject:
    """All layers, losses, optimisers and networks, with what the report says of its own."""
    return Subject(
        name="gradproof",
        rules=cases_for,
        twin=twin,
        net=Net,
        parts=(Step,),
        optimizers=strategies,
        step_twin=reference_step,
        unfinished=unfinished(registry()),
        trajectories=trajectories,
        sections=_sections,
        bugs=_bugs,
        harmless=_harmless,
        survivors=_survivors,
    )


def _bugs() -> Sequence[Bug]:
    from tests import catalogue

    return catalogue.bugs()


def _harmless() -> Sequence[tuple[Bug, str]]:
    from tests import catalogue

    return catalogue.harmless()


def _survivors() -> Mapping[str, str]:
    text = Path(__file__).parents[1].joinpath("survivors.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _sections() -> Sequence[Section]:
    from reports import judged, textbook

    return (textbook.section(), judged.section())
