"""What each rule of the diagnosis says of gradients that are wrong in a known way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="evidence has torch's numbers")

from gradproof.diagnosis.diagnose import RULES, Rule
from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.rules import formula as formulas
from gradproof.diagnosis.rules.formula import formula
from gradproof.diagnosis.rules.special_points import special
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Multiply
from manual.layers.linear import Linear
from manual.layers.softmax import Softmax
from manual.net import Net, Step
from tests.diagnosis.test_hypotheses import PRODUCT, clue, clue_of_steps
from tests.golden import unchanged
from tests.judge.test_findings import on, whole

Change = Callable[[Evidence], Any]

RELATIVES = 2
"""So many cases of each sort are looked at, beside the one that is diagnosed."""


def dy(e: Evidence) -> Any:
    return e.cotangents["dy"]


def r(e: Evidence) -> Any:
    return e.reference


def at(index: Any, change: Change) -> Change:
    """The change, at one place only."""

    def made(e: Evidence) -> Any:
        manual = r(e).copy()
        manual[index] = np.broadcast_to(change(e), manual.shape)[index]
        return manual

    return made


def where(holds: Change, change: Change) -> Change:
    """The change, where something holds."""
    return lambda e: np.where(holds(e), change(e), r(e))


def exchanged(a: Any) -> Any:
    made = a.copy()
    made.flat[[0, 1]] = a.flat[[1, 0]]
    return made


def of(name: str) -> Change:
    return lambda e: e.arrays[name]


x, y = of("x"), of("y")
CHANGES: dict[str, Change] = {
    "sign": lambda e: -r(e),
    "twice": lambda e: 2 * r(e),
    "half": lambda e: r(e) / 2,
    "minus three halves": lambda e: -1.5 * r(e),
    "by the length of an axis": lambda e: r(e) * r(e).shape[0],
    "a mean for a sum": lambda e: r(e) / r(e).size,
    "nearly": lambda e: r(e) * (1 + 1e-5),
    "nearly, from below": lambda e: r(e) * (1 - 1e-5),
    "two thirds": lambda e: r(e) * 2 / 3,
    "a mean over some": lambda e: r(e) * (x(e) > 0).sum() / x(e).size,
    "one row twice": lambda e: r(e)[[0, 0, *range(2, len(r(e)))]],
    "two entries exchanged": lambda e: exchanged(r(e)),
    "nearly, otherwise in each": lambda e: r(e) + 1e-5 * r(e) ** 2,
    "zero": lambda e: 0 * r(e),
    "one is no number": at((0, 1), lambda e: np.nan),
    "one is infinite": at((0, 1), lambda e: np.inf),
    "one is zero": at((0, 1), lambda e: 0.0),
    "one is twice": at((1, 0), lambda e: 2 * r(e)),
    "the first row": at(0, lambda e: 0.0),
    "the last row": at(-1, lambda e: -r(e)),
    "the second column": at((slice(None), 1), lambda e: 7 * r(e)),
    "the outer columns": at((slice(None), [0, -1]), lambda e: 0.25 * r(e)),
    "transposed and back": lambda e: r(e).T.reshape(r(e).shape),
    "reversed": lambda e: r(e)[::-1],
    "rolled": lambda e: np.roll(r(e), 1, axis=1),
    "sorted": lambda e: np.sort(r(e), axis=None).reshape(r(e).shape),
    "noise": lambda e: r(e) + np.random.default_rng(r(e).size).uniform(0.5, 2, r(e).shape),
    "a constant too many": lambda e: r(e) + 0.5,
    "each row's own constant": lambda e: r(e) + np.arange(1, len(r(e)) + 1)[:, None],
    "less its mean": lambda e: r(e) - r(e).mean(axis=1, keepdims=True),
}
OF_TANH: dict[str, Change] = {
    "dy": dy,
    "dy y": lambda e: dy(e) * y(e),
    "the factor y is missing": lambda e: dy(e) * (1 - y(e)),
    "a factor y too many": lambda e: r(e) * y(e),
    "a factor 1 − y too many": lambda e: r(e) * (1 - y(e)),
    "divided by x": lambda e: r(e) / x(e),
    "x for y": lambda e: dy(e) * (1 - x(e) ** 2),
    "x y for y²": lambda e: dy(e) * (1 - x(e) * y(e)),
    "y² is added": lambda e: dy(e) * (1 + y(e) ** 2),
    "twice y²": lambda e: dy(e) * (1 - 2 * y(e) ** 2),
    "y³ too many": lambda e: r(e) + dy(e) * y(e) ** 2 * x(e),
    "where x is negative": where(lambda e: x(e) < 0, lambda e: 0.0),
    "where x is positive": where(lambda e: x(e) > 0, lambda e: 3 * r(e)),
    "where |x| is large": where(lambda e: abs(x(e)) > 1.5, lambda e: 0.0),
    "where x is large": where(lambda e: x(e) > 1.5, dy),
    "where x is small": where(lambda e: x(e) < -1.5, dy),
    "where x is in between": where(lambda e: abs(x(e) - 1) < 1.5, lambda e: 0.0),
    "where dy is negative": where(lambda e: dy(e) < 0, lambda e: 0.0),
    "where x is 2": where(lambda e: x(e) == 2, lambda e: 0.0),
}
OF_SOFTMAX: dict[str, Change] = {
    "no sum": lambda e: y(e) * (1 - y(e)) * dy(e),
    "only the first term": lambda e: y(e) * dy(e),
    "only the second term": lambda e: -y(e) * (y(e) * dy(e)).sum(axis=1, keepdims=True),
    "a mean": lambda e: y(e) * (dy(e) - (y(e) * dy(e)).mean(axis=1, keepdims=True)),
    "along the other axis": lambda e: y(e) * (dy(e) - (y(e) * dy(e)).sum(axis=0, keepdims=True)),
    "the sum of dy": lambda e: y(e) * (dy(e) - dy(e).sum(axis=1, keepdims=True)),
    "a plus": lambda e: y(e) * (dy(e) + (y(e) * dy(e)).sum(axis=1, keepdims=True)),
}
OF_LINEAR: dict[str, Change] = {
    "the first row of dy": lambda e: dy(e)[:1].T @ x(e)[:1],
    "the mean of dy": lambda e: np.broadcast_to(dy(e).mean(axis=0), dy(e).shape).T @ x(e),
    "dy is 1": lambda e: np.ones_like(dy(e)).T @ x(e),
    "dy is reversed": lambda e: dy(e)[::-1].T @ x(e),
    "x is 1": lambda e: dy(e).T @ np.ones_like(x(e)),
}
OF_PRODUCT: dict[str, Change] = {
    "the first row": lambda e: (dy(e) * x(e))[0],
    "the last row": lambda e: (dy(e) * x(e))[-1],
    "the columns": lambda e: np.resize((dy(e) * x(e)).sum(axis=1), r(e).size),
    "the sum of dy": lambda e: dy(e).sum(axis=0),
    "the mean": lambda e: (dy(e) * x(e)).mean(axis=0),
}
OF_SQUARE: dict[str, Change] = {
    "along the other axis": lambda e: (dy(e) * x(e)).sum(axis=1),
    "the diagonal": lambda e: np.diagonal(dy(e) * x(e)),
}
OF_NETWORK: dict[str, Change] = {
    "the first use of each": lambda e: e.without({(1, 1), (2, 1), (3, 1)}),
    "the last use of each": lambda e: e.without({(0, 0), (1, 0), (1, 1), (2, 0)}),
    "one use of three": lambda e: e.without({(0, 0), (3, 1)}),
    "not by way of the tanh": lambda e: e.without({(0, 0)}),
    "not from the last step": lambda e: e.without({(3, 0)}),
    "twice": lambda e: 2 * r(e),
}


def moved(e: Evidence) -> Any:
    return r(e) - e.arrays["param"]


OF_ADAM: dict[str, Change] = {
    "the other way": lambda e: r(e) - 2 * moved(e),
    "half as far": lambda e: r(e) - moved(e) / 2,
    "as far as the first average's root": lambda e: (
        e.arrays["param"] + moved(e) * np.sqrt(e.arrays["new exp_avg_sq"])
    ),
    "by the old average": lambda e: (
        e.arrays["param"] + moved(e) / e.arrays["new exp_avg"] * e.arrays["exp_avg"]
    ),
    "without the first correction": lambda e: (
        e.arrays["param"] + moved(e) * (1 - 0.75 ** (1 + e.arrays["step"]))
    ),
    "by the rate": lambda e: e.arrays["param"] + moved(e) * e.case.layer.lr,
    "by the gradient": lambda e: e.arrays["param"] - e.case.layer.lr * e.arrays["grad"],
    "with a decay": lambda e: r(e) - 0.01 * e.arrays["param"],
}


def changed(e: Evidence, change: Change) -> Evidence:
    """The same with these numbers in the place of manual's, here and in all other cases."""

    def one(case: Evidence) -> Evidence:
        with np.errstate(all="ignore"):
            manual = np.array(np.broadcast_to(change(case), r(case).shape))
            error = np.abs(manual - r(case))
        bound = 1e-13 * np.abs(r(case)) + 1e-300
        over = ~(error <= bound)
        return replace(case, manual=manual, error=error, bound=bound, over=over, others=())

    def several(cases: Sequence[Evidence], wrong: bool) -> tuple[Evidence, ...]:
        made = [one(case) for case in cases]
        return tuple(case for case in made if case.over.any() or not wrong)[:RELATIVES]

    made = replace(one(e), others=several(e.others, wrong=True))
    made.__dict__["elsewhere"] = several(e.elsewhere, wrong=False)
    made.__dict__["larger"] = several(e.larger, wrong=True)
    made.__dict__["varied"] = several(e.varied, wrong=True)
    made.__dict__["later"] = one(e.later) if e.later else None
    return made


def said(e: Evidence, leave: Sequence[Rule]) -> Iterator[str]:
    """The words of each rule that has some; of the first one alone where it has."""
    for rule in (rule for rule in RULES if rule not in leave):
        words = rule(e)
        if words:
            yield f"    {rule.__module__.removeprefix('gradproof.')} {rule.__name__}: {words}"
        if words and rule is RULES[0]:
            return


TANH = on(Tanh(), whole(3, 4), x=whole(3, 4, seed=1) / 2)
SOFTMAX = on(Softmax(dim=1), whole(3, 4), x=whole(3, 4, seed=1) / 2)
LINEAR = on(Linear(), whole(4, 3), x=whole(4, 2), weight=whole(3, 2), bias=whole(3))
SQUARE = on(Multiply(), whole(3, 3, seed=2), x=whole(3, 3), other=whole(3))
NETWORK = on(
    Net(
        ("x",),
        (
            Step("a", Tanh(), ("x",)),
            Step("b", Multiply(), ("a", "x")),
            Step("c", Multiply(), ("b", "a")),
            Step("d", Multiply(), ("c", "x")),
        ),
    ),
    whole(3),
    x=whole(3, seed=1) / 4,
)
GROUPS: dict[str, tuple[Callable[[], Evidence], dict[str, Change]]] = {
    "any": (lambda: clue(TANH, "x"), CHANGES),
    "Tanh": (lambda: clue(TANH, "x"), OF_TANH),
    "Softmax": (lambda: clue(SOFTMAX, "x"), OF_SOFTMAX),
    "Linear": (lambda: clue(LINEAR, "weight"), OF_LINEAR),
    "Multiply": (lambda: clue(PRODUCT, "other"), OF_PRODUCT),
    "square": (lambda: clue(SQUARE, "other"), OF_SQUARE),
    "network": (lambda: clue(NETWORK, "x"), OF_NETWORK),
    "Adam": (clue_of_steps, OF_ADAM),
}


@pytest.mark.parametrize("group", GROUPS)
def test_what_each_rule_says(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulas, "FACTORS", 0)  # products of two are enough here, and far fewer
    about, changes = GROUPS[group]
    e = about()
    # Of the right layer `special` thinks that it is right beside a kink; terms take their time.
    leave = (special, formula) if changes is CHANGES else (special,)
    lines = []
    for name, change in changes.items():
        wrong = changed(e, change)
        assert wrong.over.any(), name
        lines += [name, *said(wrong, leave)]
    text = "\n".join(lines) + "\n"
    unchanged(f"rules-{group}", text)
