"""What is drawn: numbers, cotangents and places in memory, and what a row says of a case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.arrays import largest
from gradproof.campaign import processes
from gradproof.campaign.example_row import example_row
from gradproof.campaign.example_row import features as features_of
from gradproof.campaign.worker import run_task
from gradproof.cases.case import Case
from gradproof.cases.draw import make_case
from gradproof.cases.values import HAZARDS, LAYOUTS, draw_dy, fill, lay_out
from gradproof.errors import InputError
from gradproof.judge.clock import Clock
from gradproof.judge.verdict import Judgement
from gradproof.subject.entries import (
    INTEGERS,
    Entry,
    choice,
    index,
    invertible,
    mask,
    ordered,
    permutation,
    positive,
    positive_definite,
    real,
    spec,
    uniform,
    unit,
)
from gradproof.subject.layer import named_arguments
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Add
from manual.layers.linear import Linear
from manual.layers.shape import Split
from manual.net import Net, Step
from tests.planted import case_of, normal

DOMAINS = {
    "real": real(2, 3),
    "number": real(),
    "positive": positive(2, 2),
    "uniform": uniform(2.0, 4.0, 8),
    "choice": choice((-1.0, 1.0), 6),
    "index": index(3, 8, low=1),
    "ignored": index(3, 12, also=-100),
    "ordered": ordered(3, 4),
    "unit": unit(3, 4),
    "permutation": permutation(2, 6),
    "mask": mask(4, 3),
    "invertible": invertible(2, 3, 3),
    "positive definite": positive_definite(3, 3),
}


SIZE = (200, 5)


def drawn(entry: Entry, hazard: str, seed: int = 7) -> Any:
    return fill(entry, hazard, np.random.default_rng(seed), "float32")


def test_rows_and_matrices_are_what_their_domain_says() -> None:
    one = "normal"
    assert (np.diff(drawn(ordered(50, 4), one)) >= 0).all()
    assert np.linalg.norm(drawn(unit(50, 4), one), axis=-1) == pytest.approx(np.ones(50))
    rows = drawn(permutation(50, 6), one)
    assert (np.sort(rows) == np.arange(6)).all()
    assert len(np.unique(rows, axis=0)) > 40
    left = drawn(mask(50, 3), one)
    assert set(left.flat) == {0, 1}
    assert left.any(axis=-1).all()
    for matrices in (invertible(50, 4, 4), positive_definite(50, 4, 4)):
        singular = np.linalg.svd(drawn(matrices, one), compute_uv=False)
        assert (singular > 0.49).all() and (singular < 2.01).all()
    made = drawn(positive_definite(50, 4, 4), one)
    assert np.array_equal(made, made.swapaxes(-1, -2))
    assert (np.linalg.eigvalsh(made) > 0.49).all()


@pytest.mark.parametrize(
    ("entry", "shape"),
    [(ordered, ()), (mask, (3, 0)), (invertible, (3, 2)), (positive_definite, (3,))],
)
def test_a_domain_that_does_not_fit_the_shape_is_refused(entry: Any, shape: Any) -> None:
    with pytest.raises(ValueError, match=r"rows, and a shape|square in the last two axes"):
        entry(*shape)


@pytest.mark.parametrize("hazard", HAZARDS)
def test_the_seed_decides_every_number(hazard: str) -> None:
    for name, entry in DOMAINS.items():
        made = drawn(entry, hazard)
        assert made.dtype == ("int64" if entry.domain in INTEGERS else "float32")
        assert made.shape == entry.shape
        assert np.array_equal(made, drawn(entry, hazard))
        others = [drawn(entry, hazard, seed) for seed in range(8)]
        assert any(not np.array_equal(made, other) for other in others), name


@pytest.mark.parametrize(
    ("hazard", "holds"),
    [
        ("normal", lambda a: 0.9 < a.std() < 1.1 and abs(a.mean()) < 0.1),
        ("grid", lambda a: set(np.unique(2 * a)) == set(range(-13, 14))),
        ("few", lambda a: set(np.unique(a)) == {-1, 0, 1}),
        ("rectified", lambda a: a.min() == 0 and 0.4 < (a == 0).mean() < 0.6),
        ("constant-rows", lambda a: (a == a[:, :1]).all() and len(np.unique(a)) == len(a)),
        ("saturated", lambda a: 27 < a.std() < 33),
        ("offset", lambda a: abs(a.mean() - 1e3) < 1e-3 and 0 < a.std() < 2e-3),
        ("tiny", lambda a: 0.9e-8 < a.std() < 1.1e-8),
        ("huge", lambda a: 0.9e5 < a.std() < 1.1e5),
        ("mixed-scales", lambda a: abs(a).max() > 1e6 and (abs(a) < 1e-5).mean() > 0.05),
    ],
)
def test_each_hazard_has_its_kind_of_numbers(hazard: str, holds: Any) -> None:
    assert holds(fill(real(*SIZE), hazard, np.random.default_rng(3), "float64"))


@pytest.mark.parametrize("hazard", HAZARDS)
def test_a_domain_is_kept_whatever_the_hazard(hazard: str) -> None:
    positives, inside = drawn(positive(*SIZE), hazard), drawn(uniform(2.0, 4.0, *SIZE), hazard)
    assert positives.min() > 0
    size = {"tiny": 1e-8, "huge": 1e5, "offset": 1e3}.get(hazard, 1.0)
    assert 0.8 < np.median(positives) / size < 1.25
    assert inside.min() >= 2 and inside.max() <= 4
    tied = sum(((inside == end).mean() for end in (2, 3, 4)), 0.0)
    assert (0.4 < tied < 0.6) if hazard in ("grid", "few", "rectified") else tied < 0.01
    assert set(np.unique(drawn(choice((-1.0, 1.0), 99), hazard))) == {-1, 1}
    assert set(np.unique(drawn(index(3, 99, low=1), hazard))) == {1, 2}
    ignored = drawn(index(3, 200, also=-100), hazard)
    assert set(np.unique(ignored)) == {-100, 0, 1, 2}
    assert 0.2 < (ignored == -100).mean() < 0.4


def test_a_cotangent_for_each_floating_output() -> None:
    outputs = [np.zeros(SIZE), np.zeros(4, "float32"), np.zeros(2, int), np.zeros(())]
    able = [True] * len(outputs)
    for hazard in ("normal", "broadcast", "mixed-scales", "sparse", "tiny", "huge"):
        dy = draw_dy(outputs, able, hazard, 5)
        for y, d in zip(outputs, dy, strict=True):
            assert (d is None) == (y.dtype == int)
            if d is not None:
                assert (d.shape, d.dtype) == (y.shape, y.dtype) and not d.flags.writeable
        first, again = dy[0], draw_dy(outputs, able, hazard, 5)[0]
        assert first is not None and np.array_equal(first, again)
        assert first.min() < 0 < first.max(), "of both signs"
        one, other = draw_dy([np.zeros(4), np.zeros(4)], [True, True], hazard, 5)
        assert not np.array_equal(one, other), "each output has its own"
        assert not np.array_equal(first, draw_dy(outputs, able, hazard, 6)[0])
        assert (first == 0).mean() == (0.5 if hazard == "sparse" else 0)


def test_a_case_is_known_by_its_digest() -> None:
    def made(seed: int = 3, layout: str = "F", hazard: str = "few") -> Case:
        given = spec(Linear(), x=real(2, 3), weight=real(4, 3))
        return make_case(given, "float64", (hazard, "huge", "tiny"), layout, seed)

    x, weight = made().arrays["x"], made().arrays["weight"]
    assert x is not None and set(np.unique(x)) <= {-1, 0, 1}
    assert weight is not None and abs(weight).max() > 1e4
    assert made().digest == made().digest
    assert made().digest not in {made(seed=4).digest, made(hazard="grid").digest}


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown domain 'nowhere'"):
        fill(Entry((2,), "nowhere"), "normal", np.random.default_rng(0), "float64")


def test_a_cotangent_that_repeats_a_row_does_not_copy_it() -> None:
    dy = draw_dy([np.zeros((5, 3))], [True], "broadcast", 1)[0]
    assert dy is not None and dy.strides[0] == 0
    one = draw_dy([np.zeros(1)], [True], "sparse", 1)[0]
    assert one is not None and one.all(), "a lone entry is not set to zero"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_lie_elsewhere_with_the_same_numbers(layout: str) -> None:
    for array in (normal(3, 4), normal(5), np.array(2.0), np.zeros((0, 3)), np.arange(6)):
        laid = lay_out(array, layout)
        assert np.array_equal(laid, array) and laid.dtype == array.dtype
        assert not laid.flags.writeable and not np.shares_memory(laid, array)
    wide = lay_out(normal(3, 4), layout)
    assert wide.flags.c_contiguous == (layout == "C")
    assert wide.flags.f_contiguous == (layout == "F")
    assert (wide.strides[0] < 0) == (layout == "reversed")
    assert (wide.strides[-1] == 16) == (layout == "strided")


def test_the_largest_magnitude_is_at_least_one() -> None:
    assert largest([np.array([-3.0, 2.0]), np.zeros((0, 2)), np.array(2.5)]) == 3.0
    assert largest([np.array([0.5])]) == largest([]) == 1.0


def test_arguments_are_named_up_to_the_last_that_is_given() -> None:
    assert list(named_arguments(Linear(), ["x", "weight"])) == ["x", "weight"]
    assert list(named_arguments(Linear(), ["x", "bias"])) == ["x", "weight", "bias"]
    with pytest.raises(ValueError, match=r"Linear\.forward does not take x, sideways"):
        named_arguments(Linear(), ["x", "sideways"])


CHAIN = (Step("a", Tanh(), ("x",)), Step("b", Tanh(), ("a",)))
INNER = Net(("x",), CHAIN)
NETWORKS: dict[str, tuple[Net, list[str]]] = {
    "chain": (INNER, []),
    "fan-out": (Net(("x",), (*CHAIN, Step("c", Add(), ("b", "b")))), ["fan-out"]),
    "residual": (
        Net(("x",), (*CHAIN, Step("c", Add(), ("a", "b")))),
        ["fan-out", "residual"],
    ),
    "tied": (
        Net(
            ("x", "w"),
            (Step("a", Linear(), ("x", "w", None)), Step("b", Linear(), ("a", "w", None))),
        ),
        ["tied"],
    ),
    "input twice": (Net(("x",), (Step("a", Add(), ("x", "x")),)), []),
    "several outputs": (
        Net(("x",), (Step(("a", "b"), Split(1), ("x",)), Step("c", Add(), ("a", "b")))),
        ["multi-output"],
    ),
    "nested": (Net(("x",), (Step("a", INNER, ("x",)),)), ["nested"]),
}


@pytest.mark.parametrize(("network", "features"), NETWORKS.values(), ids=NETWORKS)
def test_what_makes_a_network_more_than_a_chain(network: Net, features: list[str]) -> None:
    assert list(features_of(network, network.kinds)) == features


def test_the_row_of_an_example() -> None:
    case = case_of(NETWORKS["tied"][0], x=normal(2, 5), w=normal(5, 5))
    clock = Clock()
    clock.seconds = {"draw": 1.0, "manual": 2.0, "reference": 3.0, "judge": 4.0}
    judgement = Judgement(case, floors=6, kink=True)
    row = example_row("run", "network-3", "network", judgement, clock)
    assert (row.run, row.example, row.source) == ("run", "network-3", "network")
    assert (row.depth, row.width_min, row.width_max, row.parameters) == (2, 2, 5, 25)
    assert (row.layers, row.features) == ("Linear Linear", "tied")
    assert (row.dtype, row.hazards, row.seed) == ("float64", "normal normal normal", case.seed)
    assert (row.kink, row.verdict, row.floors) == (True, "vacuous", 6)
    seconds = (row.seconds_draw, row.seconds_manual, row.seconds_reference, row.seconds_judge)
    assert seconds == (1, 2, 3, 4)
    alone = example_row("", "", "layer", Judgement(case_of(Tanh(), x=normal())), clock)
    assert (alone.layers, alone.depth, alone.features) == ("Tanh", 1, "")
    assert (alone.width_min, alone.width_max, alone.parameters) == (1, 1, 0)


def test_a_crash_is_told_in_one_line_with_the_place_of_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> Iterator[Any]:
        raise ValueError("a\n" + "b" * 400)
        yield

    monkeypatch.setattr(processes, "parallel", crash)
    with pytest.raises(InputError) as told:
        list(processes.in_processes(run_task, [], 1, tmp_path, "nothing"))
    said = str(told.value)
    what = ("ValueError: a " + "b" * 400)[:300]
    place = tmp_path / "crash.txt"
    assert said == (
        f"a case could not be drawn or judged: {what}; the traceback is in {place}: correct the "
        "strategy, the twin or the layer that it names"
    )
    assert "ValueError: a\n" in place.read_text(encoding="utf-8")


def test_what_a_person_mends_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Iterator[Any]:
        raise InputError("name it otherwise")
        yield

    monkeypatch.setattr(processes, "parallel", refuse)
    with pytest.raises(InputError, match=r"^name it otherwise$"):
        list(processes.in_processes(run_task, [], 1, tmp_path, "nothing"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "taken"), [("y", True), ("y12", True), ("yes", False)])
def test_an_argument_is_not_named_as_outputs_are(name: str, taken: bool) -> None:
    """Its gradient would be taken for the output of that name."""

    class Named:
        def argument_kinds(self, count: int) -> dict[str, str]:
            return {name: "real"}

    if taken:
        with pytest.raises(InputError, match=f"has an argument .{name}.; `y` is reserved"):
            named_arguments(Named(), [name])
    else:
        assert named_arguments(Named(), [name]) == {name: "real"}
