"""Every layer has its twin, its case strategy and its docstring, and nothing is left over."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from gradproof.subject.entries import CaseRule
from manual.layer import Array, Layer, Param, Real, Saved
from manual.optimizer import Optimizer
from tests.completeness import (
    SECTIONS,
    Registry,
    layers,
    orphans,
    public,
    registry,
    unfinished,
    unfinished_optimizers,
)

pytest.importorskip("torch", reason="the twins are torch functions")


@pytest.fixture(scope="module")
def found() -> Registry:
    return registry()


def test_every_layer_is_finished(found: Registry) -> None:
    missing = unfinished(found)
    assert not missing, f"\n{missing}"


def test_nothing_is_left_over(found: Registry) -> None:
    left = orphans(found)
    assert not left, f"\n{left}"


def test_every_optimizer_is_finished() -> None:
    from reference.optimizer import optimizer_twin
    from tests.strategies.optimizers import strategies

    missing = unfinished_optimizers(public(Optimizer), optimizer_twin.registry, strategies)
    assert not missing, f"\n{missing}"
    assert set(strategies) <= set(public(Optimizer))


def test_the_walk_finds_layers() -> None:
    assert {"Linear", "Net"} <= {kind.__name__ for kind in layers()}


# From here on: the messages, on a registry from which something was removed.


@dataclass(frozen=True)
class RMSNorm(Layer):
    """y = x / √(mean x² + eps) · weight"""

    def forward(self, x: Real, weight: Param, bias: Param | None = None) -> tuple[Array, Saved]:
        return x * weight, ()


RMSNorm.__module__ = "manual.norm"


def _made_in(module: str, name: str) -> CaseRule:
    def rule() -> None: ...

    rule.__module__, rule.__name__ = module, name
    return CaseRule(rule, (1, 4), True)  # type: ignore[arg-type]


def _alone(**changes: object) -> Registry:
    whole = Registry(
        docs={RMSNorm: "y\n\nShapes    x\nBackward  dx\nSource    a paper"},
        twins={RMSNorm: _made_in("reference.norm", "rms_norm").rule},
        rules={RMSNorm: _made_in("tests.strategies.norm", "rms_norm")},
        files=frozenset({"manual/norm.py", "reference/norm.py", "tests/strategies/norm.py"}),
        no_mirror={},
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_a_finished_layer_says_nothing() -> None:
    assert unfinished(_alone()) == ""
    assert orphans(_alone()) == ""


def test_the_lines_to_add() -> None:
    bare = _alone(docs={RMSNorm: "y\n\nShapes    x\nSource    a paper"}, twins={}, rules={})
    assert unfinished(bare) == (
        "RMSNorm is not finished; add\n"
        "  manual/norm.py: RMSNorm.__doc__ needs a 'Backward' line\n"
        "  reference/norm.py:        @twin.register\n"
        "                            def rms_norm(layer: RMSNorm, x, weight, bias=None): ...\n"
        "  tests/strategies/norm.py: @cases_for(RMSNorm)\n"
        "                            def rms_norm(draw, x): ..."
    )


def test_the_lines_to_add_for_an_optimizer() -> None:
    lion = type("Lion", (Optimizer,), {"__module__": "manual.lion"})
    assert unfinished_optimizers([lion], {}, {}) == (
        "Lion is not finished; add\n"
        "  manual/lion.py: Lion.__doc__ needs a 'Source' line\n"
        "  reference/lion.py: @optimizer_twin.register\n"
        "                     def lion(optimizer: Lion, tensors): ...\n"
        "  tests/strategies/optimizers.py: Lion: st.builds(Lion, ...),"
    )
    lion.__doc__ = "x\n\nSource    a paper"
    assert unfinished_optimizers([lion], {lion: 1}, {lion: 1}) == ""


def test_a_word_in_running_text_is_no_section() -> None:
    assert "'Source' line" in unfinished(
        _alone(docs={RMSNorm: "Source of it\n\nShapes    x\nBackward  dx\nSource"})
    )


def test_a_twin_of_the_parent_is_not_borrowed() -> None:
    child = type("Child", (RMSNorm,), {"__module__": "manual.norm"})
    whole = _alone()
    both = replace(whole, docs={**whole.docs, child: whole.docs[RMSNorm]})
    assert unfinished(both).startswith("Child is not finished; add\n  reference/norm.py: ")


def test_strays() -> None:
    assert orphans(_alone(docs={}, rules={})) == (
        "reference/norm.py: rms_norm is the twin of RMSNorm, "
        "which is no public layer of manual/; remove it"
    )
    elsewhere = {RMSNorm: _made_in("tests.strategies.other", "rms_norm")}
    assert orphans(_alone(rules=elsewhere)) == (
        "tests/strategies/other.py: rms_norm is the strategy of RMSNorm; "
        "move it to tests/strategies/norm.py"
    )
    files = _alone().files - {"manual/norm.py"}
    assert orphans(_alone(files=files)).splitlines() == [
        "reference/norm.py: there is no manual/norm.py; rename or remove it",
        "tests/strategies/norm.py: there is no manual/norm.py; rename or remove it",
    ]


def test_stale_exceptions() -> None:
    assert orphans(_alone(no_mirror={"reference/norm.py": "…"})) == (
        "tests/completeness.py: NO_MIRROR need not name reference/norm.py; remove it"
    )


@pytest.mark.parametrize("kind", layers(), ids=lambda kind: kind.__name__)
def test_whatever_is_removed_is_asked_for(found: Registry, kind: type[Layer]) -> None:
    name = kind.__name__
    twins = {k: v for k, v in found.twins.items() if k is not kind}
    assert f"{name} is not finished; add" in unfinished(replace(found, twins=twins))
    rules = {k: v for k, v in found.rules.items() if k is not kind}
    assert f"@cases_for({name})" in unfinished(replace(found, rules=rules))
    for section in SECTIONS:
        doc = found.docs[kind].replace(f"\n{section} ", "\nNothing ")
        docs = {**found.docs, kind: doc}
        assert f"{name}.__doc__ needs a '{section}' line" in unfinished(replace(found, docs=docs))
