"""The source of a twin with everything it uses, so that it runs with torch alone."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any


class NotAlone(Exception):
    """A function uses something that cannot be written down with it."""


def source_of(
    functions: Iterable[FunctionType], known: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """(import lines, definitions) that make the functions run in a module that has `known` names.

    Functions of the same project come along in source, decorators dropped; modules are imported;
    other names have to be literals.

    Raises    NotAlone when a function uses anything else
    """
    found = _Collector(known)
    for function in functions:
        found.add(function)
    return list(found.imports), list(found.definitions.values())


class _Collector:
    """What was collected so far."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known
        self._functions: dict[str, FunctionType] = {}
        self.imports: dict[str, None] = {}
        self.definitions: dict[str, str] = {}

    def add(self, function: FunctionType) -> None:
        name = function.__name__
        if self._functions.setdefault(name, function) is not function:
            raise NotAlone(f"two functions {name}")
        if name in self.definitions:
            return
        self.definitions[name] = ""  # it may refer to itself
        node = _parsed(function)
        for used in dict.fromkeys(n.id for n in ast.walk(node) if isinstance(n, ast.Name)):
            if used in function.__globals__:
                self._provide(used, function.__globals__[used])
        self.definitions.pop(name)
        self.definitions[name] = ast.unparse(node)

    def _provide(self, name: str, value: Any) -> None:
        if name in self._known and value is self._known[name]:
            return
        if isinstance(value, ModuleType) and _foreign(value.__name__):
            plain = value.__name__ == name
            self.imports[f"import {name}" if plain else f"import {value.__name__} as {name}"] = None
        elif _foreign(getattr(value, "__module__", None)) and hasattr(value, "__name__"):
            self.imports[f"from {value.__module__} import {value.__name__} as {name}"] = None
        elif isinstance(value, FunctionType) and value.__name__ == name:
            self.add(value)
        elif _is_literal(value):
            self.definitions[name] = f"{name} = {value!r}"
        else:
            raise NotAlone(name)


def _parsed(function: FunctionType) -> ast.FunctionDef:
    """The function's source without decorators, annotations and document."""
    try:
        node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, SyntaxError, TypeError) as error:
        raise NotAlone(function.__name__) from error
    if not isinstance(node, ast.FunctionDef) or function.__closure__:
        raise NotAlone(function.__name__)
    node.decorator_list, node.returns = [], None
    for part in ast.walk(node):
        if isinstance(part, ast.arg):
            part.annotation = None
    return node


def _is_literal(value: Any) -> bool:
    """Whether its repr makes it again: numbers, strings, and containers of them."""
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError):
        return False


def _foreign(module: str | None) -> bool:
    """Whether it is one of torch's, NumPy's or Python's own modules."""
    top = (module or "").split(".")[0]
    return top in ("torch", "numpy") or (top in sys.stdlib_module_names and top != "builtins")
