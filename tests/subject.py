"""This repository as the judge's subject: `manual` against `reference`."""

from __future__ import annotations

from typing import Any

import reference  # noqa: F401  (registers the twins)
import tests.strategies  # noqa: F401  (registers the case strategies)
from gradproof.subject import Subject
from manual.net import Net, Step
from reference.optimizer import reference_step
from reference.twin import twin
from tests.strategies.optimizers import strategies
from tests.strategies.rules import cases_for


def subject() -> Subject:
    return Subject(
        name="gradproof",
        rules=cases_for,
        twin=twin,
        net=Net,
        parts=(Step,),
        optimizers=strategies,
        step_twin=reference_step,
    )
