"""A planted bug: a fragment of a function's source, and the wrong one that replaces it."""

from __future__ import annotations
import __future__

import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any


class BugError(ValueError):
    """A bug that cannot be planted."""


@dataclass(frozen=True)
class Bug:
    """One small wrong rule, as data.

    name        a name of its own
    kind        the layer, optimiser or network type that is wrong with it
    function    the function that it changes: "module:function" or "module:Class.method"
    old, new    a fragment of that source, and what replaces it
    at          which occurrence of `old`, from 0; None if there is only one
    quantities  the arguments whose gradients are wrong; () if not known
    cause       what is wrong, in one word; "" if not known
    exposed     the condition under which it shows
    origin      where it was reported, or its class of mistakes
    """

    name: str
    kind: str
    function: str
    old: str
    new: str
    at: int | None = None
    quantities: tuple[str, ...] = ()
    cause: str = ""
    exposed: str = ""
    origin: str = ""

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Within it the function is wrong, under every name by which it was imported.

        Raises    BugError when there is no such function or fragment, or the result is not Python
        """
        function = find(self.function)
        right = function.__code__
        function.__code__ = self._code(function)
        try:
            yield
        finally:
            function.__code__ = right

    def source(self) -> str:
        """The function's source with the bug in it. Raises BugError as `planted` does."""
        text = source_of(find(self.function))
        pieces = text.split(self.old)
        count = len(pieces) - 1
        at = 0 if self.at is None else self.at
        if at >= count or (self.at is None and count > 1):
            raise BugError(
                f"{self.name}: {self.old!r} stands {count} times in {self.function}; "
                "name a fragment that stands there once, or which one with `at`"
            )
        return self.old.join(pieces[: at + 1]) + self.new + self.old.join(pieces[at + 1 :])

    def _code(self, function: FunctionType) -> CodeType:
        free = function.__code__.co_freevars
        try:
            made = _compiled(self.source(), function.__code__.co_filename, free)
        except SyntaxError as error:
            raise BugError(f"{self.name}: {self.new!r} makes no Python: {error}") from error
        if made.co_freevars != free:
            raise BugError(f"{self.name}: {self.new!r} needs a name from outside of the function")
        return made


def find(path: str) -> FunctionType:
    """The function behind "module:function" or "module:Class.method".

    Raises    BugError when there is none
    """
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = inspect.getattr_static(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise BugError(f"there is no function {path}: {error}") from error
    found = unwrapped(found)
    if not isinstance(found, FunctionType):
        raise BugError(f"{path} is no function but a {type(found).__name__}")
    return found


def unwrapped(found: Any) -> Any:
    """The function inside a property or a wrapper such as functools.cache."""
    for inner in ("func", "fget", "__wrapped__", "__func__"):
        found = getattr(found, inner, None) or found
    return found


def source_of(function: FunctionType) -> str:
    """The function's source, without the indentation of its class and without decorators."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith("def "))
    return "".join(lines[start:])


def _compiled(source: str, filename: str, free: tuple[str, ...]) -> CodeType:
    """The code of the one function in `source`, whose names in `free` belong to a scope outside."""
    outer = f"def outer({', '.join(free)}):\n" + textwrap.indent(source, " ")
    code = compile(
        outer, filename, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True
    )
    return _inner(_inner(code))


def _inner(code: CodeType) -> CodeType:
    """The first function that the code defines."""
    return next(c for c in code.co_consts if isinstance(c, CodeType))
