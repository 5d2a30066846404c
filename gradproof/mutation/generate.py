"""Automatic bugs: every operator on every line of every backward pass and optimiser's update."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from types import CodeType, FunctionType

from gradproof.mutation.bug import Bug, find, source_of, unwrapped
from gradproof.mutation.operators import Slip, Source
from gradproof.subject.subject import Subject

LONGEST = 60
"""Characters of a fragment in a bug's name."""


def automatic(subject: Subject) -> list[Bug]:
    """The subject's automatic bugs; two that give the same source are one."""
    return [bug for path, kinds in users(subject).items() for bug in bugs_of(path, kinds[0])]


def users(subject: Subject) -> dict[str, tuple[str, ...]]:
    """The layers and optimisers that go through each function of a backward pass or update.

    These are the methods themselves, inherited or not, and the functions of the same package that
    they call and `forward` does not.
    """
    found: dict[str, tuple[str, ...]] = {}
    for kind in (*subject.rules, *subject.optimizers):
        method = "backward" if kind in subject.rules else "update"
        forward = set(_reached(kind, "forward")) if method == "backward" else set()
        for function in _reached(kind, method):
            if function not in forward and "<locals>" not in function.__qualname__:
                path = _path(function)
                found[path] = (*found.get(path, ()), kind.__name__)
    return found


def callers(subject: Subject) -> dict[str, tuple[str, ...]]:
    """The layers and optimisers that go through each function, forward or backward."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in (*subject.rules, *subject.optimizers):
        methods = ("forward", "backward") if kind in subject.rules else ("step", "update", "start")
        reached = {f: None for method in methods for f in _reached(kind, method)}
        for path in map(_path, reached):
            found[path] = (*found.get(path, ()), kind.__name__)
    return found


def _path(function: FunctionType) -> str:
    return f"{function.__module__}:{function.__qualname__}"


def bugs_of(path: str, kind: str) -> list[Bug]:
    """Every bug of one function, which belongs to `kind`."""
    source = Source(source_of(find(path)))
    known = {ast.dump(source.function)}
    names: dict[str, int] = {}
    found = []
    for slip in source.slips():
        bug = _bug(path, kind, source, slip)
        try:
            meaning = ast.dump(ast.parse(bug.source()).body[0])
        except SyntaxError:
            continue
        if meaning in known:
            continue
        known.add(meaning)
        names[bug.name] = names.get(bug.name, 0) + 1
        again = f" ({names[bug.name]})" if names[bug.name] > 1 else ""
        found.append(replace(bug, name=bug.name + again))
    return found


def _bug(path: str, kind: str, source: Source, slip: Slip) -> Bug:
    start, end = source.span(slip.node)
    new = source.in_place(slip)
    old = source.text[start:end]
    line = source.text.count("\n", 0, start) + 1
    name = f"{path.partition(':')[2]}:{line} {_short(old)} → {_short(new)}"
    starts = _occurrences(source.text, old)
    if start not in starts:  # it overlaps with an equal fragment before it
        old, new = source.text, source.text[:start] + new + source.text[end:]
        starts, start = [0], 0
    at = starts.index(start) if len(starts) > 1 else None
    return Bug(name, kind, path, old, new, at, cause=slip.cause, origin=slip.origin)


def _occurrences(text: str, fragment: str) -> list[int]:
    """Where it stands, as `str.split` sees it."""
    found, start = [], text.find(fragment)
    while start >= 0:
        found.append(start)
        start = text.find(fragment, start + len(fragment))
    return found


def _short(fragment: str) -> str:
    text = " ".join(fragment.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _reached(kind: type, method: str) -> Iterator[FunctionType]:
    """The method and every function of its package that it calls, each once."""
    package = kind.__module__.partition(".")[0]
    waiting, seen = [inspect.getattr_static(kind, method, None)], set()
    while waiting:
        function = unwrapped(waiting.pop(0))
        if not isinstance(function, FunctionType) or function in seen:
            continue
        if function.__module__.partition(".")[0] != package:
            continue
        seen.add(function)
        yield function
        for name in _names(function.__code__):
            waiting += [scope.get(name) for scope in (function.__globals__, _attributes(kind))]


@cache
def _attributes(kind: type) -> dict[str, object]:
    return {n: a for k in reversed(kind.__mro__) for n, a in vars(k).items() if n.startswith("_")}


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
