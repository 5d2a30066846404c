"""Automatic bugs: every slip of the hand is planted once, says what it is, and leaves no trace."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from gradproof.mutation.bug import find, source_of
from gradproof.mutation.generate import automatic, bugs_of, callers, users
from gradproof.mutation.operators import Source
from gradproof.subject.subject import Subject
from manual.layers.linear import Linear
from manual.layers.softmax import Softmax, Softmax2d, Softmin
from manual.optimizers.adam import Adam, AdamW
from tests.planted import SUBJECT

LINEAR = "manual.layers.linear:Linear._gradients"


def slips(body: str) -> set[tuple[str, str, str]]:
    """(what is written there, origin, cause) of every slip in a function with this body."""
    source = Source(f"def backward(self, saved, dy):\n    {body}\n")
    return {(source.in_place(s), s.origin, s.cause) for s in source.slips()}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return {'x': a * b}", ("a", "dropped factor", "factor")),
        ("return {'x': a * b}", ("b", "dropped factor", "factor")),
        ("return {'x': a * b}", ("a / b", "other operator", "")),
        ("return {'x': f(a * b)}", ("a", "dropped factor", "")),
        ("return {'x': a + b}", ("b", "dropped term", "")),
        ("return {'x': a - b}", ("-b", "dropped term", "")),
        ("return {'x': a - b}", ("b - a", "swapped operands", "sign")),
        ("return {'x': a - b}", ("a + b", "other operator", "")),
        ("return {'x': (a - b) * c}", ("b - a", "swapped operands", "sign")),
        ("return {'x': c / (a - b)}", ("b - a", "swapped operands", "")),
        ("return {'x': c * b ** 2}", ("b", "dropped factor", "")),
        ("return {'x': -a}", ("a", "sign", "sign")),
        ("return {'x': a @ b}", ("b @ a", "swapped operands", "")),
        ("return {'x': a.dot(b)}", ("b.dot(a)", "swapped operands", "")),
        ("return {'x': a.T}", ("a", "lost transpose", "transpose")),
        ("return {'x': a.swapaxes(0, 1)}", ("a", "lost transpose", "transpose")),
        ("return {'x': np.swapaxes(a, 0, 1)}", ("a", "lost transpose", "transpose")),
        ("return {'x': f(a, axis=k)}", ("axis=None", "wrong axis", "axis")),
        ("return {'x': np.add.reduce(a, axis=k)}", ("np.mean(a, axis=k)", "mean for sum", "mean")),
        ("return {'x': f(a, keepdims=True)}", ("keepdims=not True", "wrong axis", "")),
        ("return {'x': 2 * a}", ("3", "other constant", "factor")),
        ("return {'x': 0.5 * a}", ("1.0", "other constant", "factor")),
        ("return {'x': 1 - a}", ("2", "other constant", "")),
        ("return {'x': a[1]}", ("2", "other index", "")),
        ("return {'x': a[:n]}", (":n - 1", "edge", "")),
        ("return {'x': a[n:]}", ("n + 1:", "edge", "")),
        ("return {'x': np.where(a > 0, b, c)}", ("a >= 0", "comparison moved", "mask")),
        ("return {'x': np.where(a > 0, b, c)}", ("np.where(a > 0, c, b)", "swapped operands", "")),
        ("return {'x': np.where(a > 0, b, c)}", ("b", "dropped condition", "")),
        ("return {'x': np.maximum(a, b)}", ("np.minimum(a, b)", "other operator", "")),
        ("return {'x': np.exp(a)}", ("a", "dropped function", "")),
        ("return {'x': a if c else b}", ("b", "dropped condition", "")),
        ("return {'x': a if c == 0 else b}", ("c != 0", "condition negated", "")),
        ("return {'x': a if c and d else b}", ("c or d", "other operator", "")),
        ("return {'x': a, 'y': b}", ("{'y': b}", "dropped entry", "missing")),
        ("return {'x': a, 'y': b}", ("{'x': b, 'y': a}", "swapped entries", "swap")),
        ("return {'x': a, 'y': b}", ("0 * b", "zeros", "zero")),
        ("return {'x': a, 'y': b}", ("-b", "sign", "sign")),
        ("grads['x'] = a", ("pass", "dropped statement", "missing")),
        ("dx[i] += a", ("dx[i] = a", "= for accumulation", "accumulate")),
        ("dx *= a", ("pass", "dropped statement", "")),
        ("x, y = saved", ("y, x", "swapped names", "")),
        ("x, *y = saved", ("*y, x", "swapped names", "")),
        ("return {'x': f(a(\n  b) - c)}", ("c - a(\n  b)", "swapped operands", "")),
        ("if c: x = 1", ("False", "dropped condition", "")),
        ("for a in reversed(b): f(a)", ("b", "other order", "order")),
    ],
)
def test_slips(body: str, expected: tuple[str, str, str]) -> None:
    assert expected in slips(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x = c in d", {("c not in d", "condition negated", "")}),
        ("x = c is not None", {("c is None", "condition negated", "")}),
        (
            "x = c <= d",
            {("c < d", "comparison moved", "mask"), ("d <= c", "condition negated", "")},
        ),
        ("x = b > c >= d", set()),
        ("x = ~m", {("m", "condition negated", "")}),
        ("x = m & n", {("m | n", "other operator", ""), ("-(m & n)", "sign", "")}),
        ("x = k[::-1]", {(":", "other order", "order"), ("1", "sign", "")}),
        (
            "x = k[a : b : c]",
            {("a + 1:b:c", "edge", ""), ("a:b - 1:c", "edge", "")},
        ),
        ("x = k[1.5:]", {("1.5 + 1:", "edge", ""), ("1.5:-1", "edge", "")}),
        ("dx -= a", {("dx = a", "= for accumulation", ""), ("dx += a", "other operator", "")}),
        ("x = a.sum(axis=k)", {("a.mean(axis=k)", "mean for sum", "")}),
        ("x = np.sum(a, where=m)", set()),
        ("x = np.subtract(a, b)", {("np.add(a, b)", "other operator", "")}),
        ("x = np.matmul(a, b)", {("np.matmul(b, a)", "swapped operands", "")}),
        ("x = np.less(a, b)", {("np.less_equal(a, b)", "other operator", "mask")}),
        ("x = np.moveaxis(a, 0, 1)", {("a", "lost transpose", "")}),
        ("f(a, b)", {("pass", "dropped statement", ""), ("f(b, a)", "swapped arguments", "")}),
        ("x = f(a, axis=0)", {("axis=-1", "wrong axis", ""), ("axis=None", "wrong axis", "")}),
        ("for i in k: break", {("pass", "dropped statement", "")}),
        ("x = lambda t: -t", {("t", "sign", "")}),
        ("'a text, and nothing to slip on'", set()),
        ("x = True, 'text', k", set()),
    ],
)
def test_what_is_written_there_by_mistake(body: str, expected: set[tuple[str, str, str]]) -> None:
    found = slips(body)
    assert expected <= found
    assert expected or not found, "nothing is slipped there"


def test_every_slip_is_python_and_another_program() -> None:
    kinds = [*SUBJECT.rules, *SUBJECT.optimizers]
    for kind in kinds[:: len(kinds) // 8]:
        rule = "backward" if hasattr(kind, "backward") else "update"
        for bug in bugs_of(f"{kind.__module__}:{kind.__name__}.{rule}", kind.__name__):
            compile(bug.source(), bug.name, "exec")
            assert bug.source() != source_of(find(bug.function))


def test_a_name_stands_for_the_next_one() -> None:
    source = Source("def backward(self, saved, dy):\n    x, y = saved\n    return {'x': x * dy}\n")
    replaced = {(source.of(s.node), s.new) for s in source.slips() if s.origin == "other name"}
    assert replaced == {("x", "y"), ("dy", "x")}


def test_what_an_optimiser_forgets_is_its_state() -> None:
    source = Source("def update(self, param, grad, memory):\n    return param, {'step': t}\n")
    assert {s.cause for s in source.slips() if s.origin in ("dropped entry", "zeros")} == {"state"}


def test_each_bug_is_another_source_with_a_name_of_its_own() -> None:
    bugs = bugs_of(LINEAR, "Linear")
    sources = [ast.dump(ast.parse(bug.source())) for bug in bugs]
    sources.append(ast.dump(ast.parse(source_of(find(LINEAR)))))
    assert max(Counter(sources).values()) == 1
    assert max(Counter(bug.name for bug in bugs).values()) == 1
    assert "Linear._gradients:8 axis=0 → axis=None" in {bug.name for bug in bugs}


def test_functions_are_shared_by_those_that_go_through_them() -> None:
    rules: dict[type, Any] = dict.fromkeys([Softmax, Softmin, Softmax2d])
    subject = Subject("four", rules, twin=None, optimizers={Adam: None, AdamW: None})  # type: ignore[arg-type]
    found = users(subject)
    assert found["manual.layers.softmax:shares_backward"] == ("Softmax", "Softmin", "Softmax2d")
    assert found["manual.layers.softmax:Softmin.backward"] == ("Softmin",)
    assert found["manual.optimizers.adam:Adam.update"] == ("Adam", "AdamW")
    assert "manual.layers.softmax:shares" not in found, "only forward calls it"
    assert callers(subject)["manual.layers.softmax:shares"] == ("Softmax", "Softmin", "Softmax2d")
    assert {bug.kind for bug in automatic(subject)} == {"Softmax", "Softmin", "Softmax2d", "Adam"}


def test_a_helper_that_forward_calls_as_well_is_not_of_the_backward_pass() -> None:
    subject = Subject("one", {Linear: None}, twin=None)  # type: ignore[dict-item, arg-type]
    backward = "manual.layers.linear:Linear.backward"
    assert set(users(subject)) == {backward, LINEAR, "manual.numeric:rows"}
    assert "manual.layers.linear:product" in callers(subject)


@dataclass(frozen=True)
class Tower:
    def backward(self, saved: Any, dy: Any) -> dict[str, Any]:
        return {"x": dy**dy**dy}


def test_a_fragment_that_overlaps_with_an_equal_one_is_replaced_where_it_stands() -> None:
    bugs = bugs_of(f"{__name__}:Tower.backward", "Tower")
    dropped = [
        bug.source().splitlines()[-1].strip() for bug in bugs if bug.origin == "dropped factor"
    ]
    assert dropped == ['return {"x": dy}', 'return {"x": dy**dy}']
