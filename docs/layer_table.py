"""The table of layers and optimisers in Markdown, made from the modules of manual/."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TypeVar

import manual
from manual.layer import Layer
from manual.optimizer import Optimizer

T = TypeVar("T")


def layer_table() -> str:
    """One row for each layer and optimiser: its name, its formula, its arguments, its file."""
    return "\n".join(
        [
            "| layer | y | arguments | in |",
            "|---|---|---|---|",
            *(
                f"| `{kind.__name__}` | {_formula(kind)} | {_arguments(kind)} | {_file(kind)} |"
                for kind in _public(Layer)
            ),
            "",
            "| optimiser | step | in |",
            "|---|---|---|",
            *(
                f"| `{kind.__name__}` | {_formula(kind)} | {_file(kind)} |"
                for kind in _public(Optimizer)
            ),
            "",
        ]
    )


def _public(base: type[T]) -> list[type[T]]:
    return [
        value
        for module in pkgutil.walk_packages(manual.__path__, "manual.")
        for name, value in vars(importlib.import_module(module.name)).items()
        if inspect.isclass(value)
        and issubclass(value, base)
        and value is not base
        and value.__module__ == module.name
        and not name.startswith("_")
    ]


def _formula(kind: type) -> str:
    """The docstring's first paragraph, with Markdown's marks escaped."""
    first = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
    line = " ".join(first.removeprefix("y = ").split())
    return line.translate({ord(mark): f"\\{mark}" for mark in "|*_<"})


def _arguments(kind: type[Layer]) -> str:
    names = []
    for parameter in list(inspect.signature(kind.forward).parameters.values())[1:]:
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        names.append(f"`{star}{parameter.name}`")
    return ", ".join(names)


def _file(kind: type) -> str:
    return f"`{kind.__module__.replace('.', '/')}.py`"
