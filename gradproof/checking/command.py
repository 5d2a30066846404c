"""`gradproof check`: what stands on a command line as the arguments of `check`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradproof.errors import InputError, told
from gradproof.subject import entries
from gradproof.subject.entries import Entry
from gradproof.subject.load import import_from

ENTRIES = (
    "real positive uniform index choice ordered unit permutation mask invertible positive_definite"
).split()


def named_object(text: str) -> Any:
    """What ``package.module:name`` or ``package.module:Class.name`` names.

    Raises    InputError where there is nothing of that name
    """
    module, colon, name = text.partition(":")
    if not module or not colon or not name:
        raise InputError(f"{text!r} names nothing; write package.module:name")
    try:
        found: Any = import_from(Path.cwd(), module)
    except Exception as error:
        raise InputError(f"{module} cannot be imported: {told(error)}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"{module} has no {name}")
        found = getattr(found, part)
    return found


def entry(text: str) -> tuple[str, Entry]:
    """Name and entry of ``x=real(4, 8)``; the name is "" in ``real(4, 8)``.

    Only literal arguments are read; nothing is run.

    Raises    InputError for what is no entry
    """
    name, equals, call = text.partition("=") if "=" in text.partition("(")[0] else ("", "", text)
    wrong = f"{text!r} is no input; write one such as 'real(4, 8)' or 'ids=index(10, 4)'"
    try:
        parsed = ast.parse(call.strip(), mode="eval").body
        if not isinstance(parsed, ast.Call) or not isinstance(parsed.func, ast.Name):
            raise InputError(wrong)
        if parsed.func.id not in ENTRIES or (equals and not name.strip().isidentifier()):
            raise InputError(f"{wrong}; there are {', '.join(ENTRIES)}")
        given = [ast.literal_eval(a) for a in parsed.args]
        options = {str(k.arg): ast.literal_eval(k.value) for k in parsed.keywords}
        made: Entry = getattr(entries, parsed.func.id)(*given, **options)
    except (SyntaxError, TypeError, ValueError) as error:
        raise InputError(f"{wrong}: {error}") from error
    return name.strip(), made


def inputs(texts: Sequence[str]) -> tuple[Entry, ...] | dict[str, Entry]:
    """The inputs of several such texts: by name, if they have names."""
    parsed = [entry(text) for text in texts]
    names = [name for name, _ in parsed if name]
    if not names:
        return tuple(made for _, made in parsed)
    if len(set(names)) != len(parsed):
        raise InputError("give every input a name of its own, or none of them")
    return dict(parsed)
