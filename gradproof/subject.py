"""What the judge is pointed at: a set of layers, what they should equal, and how to draw them."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Protocol

from gradproof.blame import blame
from gradproof.bug import Bug
from gradproof.errors import InputError
from gradproof.spec import CaseRule


class LayerLike(Protocol):
    """A differentiable function of arrays with a hand-written derivative.

    ``forward(*arrays) → (y, saved)`` and ``backward(saved, dy) → {argument: gradient}``.
    """

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Any, tuple[Any, ...]]: ...

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Any]: ...

    def argument_kinds(self, count: int) -> dict[str, str]: ...


@dataclass(frozen=True)
class Subject:
    """Layers under test, with everything that is needed to judge them.

    name         of the project, for the report's title
    rules        case strategies by layer type; these are the layers that are judged
    twin         twin(layer, *tensors) → y: the same function by PyTorch; absent arguments are None
    net          the network type, whose instances have .inputs and .steps; it has a rule as well
    parts        other dataclasses that layers hold, such as a network's step, so that cases load
    optimizers   strategies that draw optimisers, by optimiser type
    step_twin    step_twin(optimizer, params, grads, state) → (params, state) on tensors
    conventions  layer kinds that knowingly differ from PyTorch at a kink → the reason
    unfinished   what is missing before the subject can be judged, as text; empty when all is there
    trajectories training runs to record: a function of (profile, seed); see `gradproof.training`
    sections     the report's own sections, made when the report is
    bugs         planted bugs that the judge has to find, read late
    harmless     changes that are no bugs, each with the proof; the judge must not find them
    survivors    why an automatic bug survives, by its name
    """

    name: str
    rules: Mapping[type, CaseRule]
    twin: Callable[..., Any]
    net: type | None = None
    parts: tuple[type, ...] = ()
    optimizers: Mapping[type, Any] = field(default_factory=dict)
    step_twin: Callable[..., Any] | None = None
    conventions: Mapping[str, str] = field(default_factory=dict)
    unfinished: str = ""
    trajectories: Callable[..., Sequence[Any]] | None = None
    sections: Callable[[], Sequence[Any]] | None = None
    bugs: Callable[[], Sequence[Bug]] | None = None
    harmless: Callable[[], Sequence[tuple[Bug, str]]] | None = None
    survivors: Callable[[], Mapping[str, str]] | None = None

    @property
    def layers(self) -> dict[str, type]:
        """Layer types by name."""
        return {kind.__name__: kind for kind in self.rules}

    @property
    def types(self) -> dict[str, type]:
        """Everything that a case file may name."""
        return self.layers | {kind.__name__: kind for kind in (*self.parts, *self.optimizers)}


def load_subject(root: Path | None = None) -> Subject:
    """The subject named under ``[tool.gradproof] subject = "module:function"``.

    root      folder of the pyproject.toml; by default the current folder or one above it

    Raises    InputError when there is none, or it cannot be made; it says where that went wrong
    """
    project = project_root(root) / "pyproject.toml"
    named = _named(project)
    module, name = named.split(":", 1)
    if str(project.parent) not in sys.path:
        sys.path.insert(0, str(project.parent))
    try:
        function = getattr(importlib.import_module(module), name, None)
        made = function() if callable(function) else None
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # it is the user's code, and may raise anything
        raise InputError(_failure(named, error)) from error
    if not callable(function):
        given = "is absent" if function is None else f"is of type {type(function).__name__}"
        raise InputError(
            f"the subject {named} cannot be made: {name} {given} in {module}; define a function "
            f"{name}() there that returns your gradproof.Subject, or name another one in {project}"
        )
    if not isinstance(made, Subject):
        raise InputError(f"{named} returned {type(made).__name__}; a gradproof.Subject is expected")
    for kind in made.rules:
        _check_layer(kind)
    return made


def _check_layer(kind: type) -> None:
    """Raises    InputError for what could not be run, or not be written into a case file."""
    if not is_dataclass(kind):
        raise InputError(
            f"the layer {kind.__name__} is no dataclass, which a case is written down by; put "
            "@dataclass(frozen=True) above it, with its options as fields"
        )
    for name in ("forward", "backward", "argument_kinds"):
        if not callable(getattr(kind, name, None)):
            raise InputError(
                f"the layer {kind.__name__} has no {name}; what a layer has is in "
                "gradproof.subject.LayerLike"
            )


def _named(project: Path) -> str:
    """What the pyproject.toml names as the subject."""
    try:
        table = tomllib.loads(project.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{project} is not valid TOML: {error}; mend it there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{project} cannot be read: {error}; make it a text file") from error
    for key in ("tool", "gradproof"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise InputError(
                f"{project}: {key} is of type {type(table).__name__}, a table is expected; write "
                '[tool.gradproof] and below it subject = "module:function"'
            )
    named = table.get("subject")
    if not isinstance(named, str) or not all(named.partition(":")):
        raise InputError(
            f'{project} has no [tool.gradproof] subject = "module:function"; add one that names '
            "the function that returns your gradproof.Subject"
        )
    return named


def _failure(named: str, error: BaseException) -> str:
    """What the subject raised, where, and how to mend it."""
    said, place = blame(error)
    raised = f"{said} (at {place})" if place else said
    if not isinstance(error, ImportError):
        return f"the subject {named} cannot be made: {raised}; mend {place or named}"
    missing = error.name or named
    hint = "pip install torch" if missing == "torch" else f"install or mend {missing}"
    return f"the subject {named} cannot be imported: {raised}; {hint}"


def project_root(start: Path | None = None) -> Path:
    """The folder with a pyproject.toml: `start` (by default the current one) or one above it.

    Raises    InputError when there is none
    """
    start = start or Path.cwd()
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    raise InputError(f"no pyproject.toml in {start} or above it; run inside a project")
