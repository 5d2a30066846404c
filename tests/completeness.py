"""What a layer still lacks, and what stands there without a layer; both as lines to act on.

A layer is finished when its docstring says the shapes, the backward pass and the source, and when
it has a twin and a case strategy at its mirrored file name.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import manual
from gradproof.subject.entries import CaseRule
from manual.layer import Layer

T = TypeVar("T")

SECTIONS = ("Shapes", "Backward", "Source")

NO_MIRROR = {
    "reference/twin.py": "the table of twins",
    "tests/strategies/optimizers.py": "an optimiser's strategy is one line",
    "tests/strategies/rules.py": "the table of case strategies",
}
"""Files that mirror no file of manual/, and why."""


@dataclass(frozen=True)
class Registry:
    """Everything that has to fit together.

    docs       docstring by layer type
    twins      twin function by layer type
    rules      case strategy by layer type
    files      paths from the root of every module in manual/, reference/ and tests/strategies/
    no_mirror  files that need no file in manual/ → the reason
    """

    docs: Mapping[type, str]
    twins: Mapping[type, Callable[..., Any]]
    rules: Mapping[type, CaseRule]
    files: frozenset[str]
    no_mirror: Mapping[str, str] = field(default_factory=lambda: NO_MIRROR)


def layers() -> list[type[Layer]]:
    """Every public layer class of manual/, found by walking the package."""
    return public(Layer)


def public(base: type[T]) -> list[type[T]]:
    """Every public class of manual/ that is derived from `base`."""
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


def registry() -> Registry:
    """What this project has; imports reference/, and so torch."""
    import reference
    import tests.strategies
    from reference.twin import twin
    from tests.strategies.rules import cases_for

    root = Path(manual.__file__).parents[1]
    packages = (manual, reference, tests.strategies)
    return Registry(
        docs={kind: inspect.cleandoc(kind.__doc__ or "") for kind in layers()},
        twins={kind: found for kind, found in twin.registry.items() if kind is not object},
        rules=dict(cases_for),
        files=frozenset(
            path.relative_to(root).as_posix()
            for package in packages
            for path in Path(package.__path__[0]).rglob("*.py")
            if path.name != "__init__.py"
        ),
    )


def unfinished(found: Registry) -> str:
    """The lines to add for every layer that is not finished; "" when all are."""
    return "\n".join(
        "\n".join([f"{kind.__name__} is not finished; add", *lines])
        for kind in found.docs
        if (lines := list(_missing(kind, found)))
    )


def orphans(found: Registry) -> str:
    """One line for everything that belongs to no layer, or to one of another file; "" for none."""
    return "\n".join([*_strays(found), *_stale(found)])


def unfinished_optimizers(
    kinds: Iterable[type], twins: Mapping[type, Any], strategies: Mapping[type, Any]
) -> str:
    """The lines to add for every optimiser that is not finished; "" when all are."""
    report = []
    for kind in kinds:
        name, twin = kind.__name__, _file("reference", kind)
        lines = []
        if not _has_section(inspect.cleandoc(kind.__doc__ or ""), "Source"):
            lines.append(f"  {_file('manual', kind)}: {name}.__doc__ needs a 'Source' line")
        if kind not in twins:
            lines.append(f"  {twin}: @optimizer_twin.register")
            lines.append(
                f"  {'':{len(twin)}}  def {_function(name)}(optimizer: {name}, tensors): ..."
            )
        if kind not in strategies:
            lines.append(f"  tests/strategies/optimizers.py: {name}: st.builds({name}, ...),")
        if lines:
            report += [f"{name} is not finished; add", *lines]
    return "\n".join(report)


def _has_section(doc: str, section: str) -> bool:
    return re.search(rf"^{section} {{2,}}\S", doc, re.MULTILINE) is not None


def _missing(kind: type, found: Registry) -> Iterator[str]:
    name, doc = kind.__name__, found.docs[kind]
    for section in SECTIONS:
        if not _has_section(doc, section):
            yield f"  {_file('manual', kind)}: {name}.__doc__ needs a '{section}' line"
    twin, rule = _file("reference", kind), _file("tests/strategies", kind)
    width = len(rule) + 2
    if kind not in found.twins:
        yield f"  {twin + ':':{width}}@twin.register"
        yield f"  {'':{width}}def {_function(name)}(layer: {_twin_arguments(kind)}): ..."
    if kind not in found.rules:
        yield f"  {rule + ':':{width}}@cases_for({name})"
        yield f"  {'':{width}}def {_function(name)}(draw, x): ..."


def _strays(found: Registry) -> Iterator[str]:
    """Registrations without a layer, or not at its mirrored file name."""
    registered = [
        *(("reference", "twin", kind, made) for kind, made in found.twins.items()),
        *(("tests/strategies", "strategy", kind, rule.rule) for kind, rule in found.rules.items()),
    ]
    for package, what, kind, made in registered:
        here, name = _path(made.__module__), made.__name__  # type: ignore[attr-defined]
        if kind not in found.docs:
            yield (
                f"{here}: {name} is the {what} of {kind.__name__}, "
                f"which is no public layer of manual/; remove it"
            )
        elif here != _file(package, kind):
            there = _file(package, kind)
            yield f"{here}: {name} is the {what} of {kind.__name__}; move it to {there}"
    for path in sorted(found.files - set(found.no_mirror)):
        if _mirrored(path) not in found.files:
            yield f"{path}: there is no {_mirrored(path)}; rename or remove it"


def _stale(found: Registry) -> Iterator[str]:
    """Exceptions that nothing needs any more."""
    for path in found.no_mirror:
        if path not in found.files or _mirrored(path) in found.files:
            yield f"tests/completeness.py: NO_MIRROR need not name {path}; remove it"


def _twin_arguments(kind: type) -> str:
    """``RMSNorm, x, weight=None``: forward's arguments as a twin takes them."""
    signature = inspect.signature(kind.forward)  # type: ignore[attr-defined]
    shown = [kind.__name__]
    for parameter in list(signature.parameters.values())[1:]:
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        shown.append(f"{star}{parameter.name}{default}")
    return ", ".join(shown)


def _function(name: str) -> str:
    """RMSNorm → rms_norm, ReLU → relu."""
    name = re.sub(r"(?<=[a-z])LU", "lu", name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _file(package: str, kind: type) -> str:
    """The file of `package` that mirrors the layer's own."""
    return f"{package}/{kind.__module__.partition('.')[2].replace('.', '/')}.py"


def _mirrored(path: str) -> str:
    """The file of manual/ that a file of reference/ or tests/strategies/ mirrors."""
    return re.sub("^(reference|tests/strategies)/", "manual/", path)


def _path(module: str) -> str:
    return module.replace(".", "/") + ".py"
