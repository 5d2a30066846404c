"""Loading the subject that a project's pyproject.toml names."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path
from types import ModuleType

from gradproof.errors import InputError
from gradproof.subject.layer_options import option_names
from gradproof.subject.subject import Subject
from gradproof.subject.traceback_place import blame


def load_subject(root: Path | None = None) -> Subject:
    """The subject named under ``[tool.gradproof] subject = "module:function"``.

    root      folder of the pyproject.toml; by default the current folder or one above it

    Raises    InputError when there is none or it cannot be made; it says where that failed
    """
    project = project_root(root) / "pyproject.toml"
    named = _named(project)
    module, name = named.split(":", 1)
    try:
        function = getattr(import_from(project.parent, module), name, None)
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


def import_from(folder: Path, module: str) -> ModuleType:
    """A module of the user's, which is also looked for in this folder; it may raise anything."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module(module)


def _check_layer(kind: type) -> None:
    """Raise InputError for a type that cannot be run, or not be written into a case file."""
    option_names(kind)
    for name in ("forward", "backward"):
        if not callable(getattr(kind, name, None)):
            raise InputError(
                f"the layer {kind.__name__} has no {name}; what a layer needs is in gradproof.Layer"
            )


def _named(project: Path) -> str:
    """The name of the subject in the pyproject.toml."""
    try:
        table = tomllib.loads(project.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{project} is not valid TOML: {error}; correct it there") from error
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
    """What the subject raised, where, and what to do."""
    said, place = blame(error)
    raised = f"{said} (at {place})" if place else said
    if not isinstance(error, ImportError):
        return f"the subject {named} cannot be made: {raised}; correct {place or named}"
    missing = error.name or named
    hint = "pip install torch" if missing == "torch" else f"install or correct {missing}"
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
