"""Valid networks: straight-line programs over every layer, with fan-out, residuals and tying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gradproof.subject.entries import CaseRule, Draw, Entry, Shape, Spec, real, spec
from gradproof.subject.layer import named_arguments
from manual.layers.arithmetic import Add, Multiply, Subtract
from manual.layers.linear import Linear
from manual.layers.shape import Concatenate, Split
from manual.layers.sparse import Embedding
from manual.net import Net, Step
from tests.strategies.rules import LARGEST, cases_for, limited, sizes

MOST_STEPS = 12
MOST_RANK = 5


@dataclass
class Program:
    """A network being written: its inputs, its steps, and the values that it may use."""

    inputs: dict[str, Entry] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    learned: set[str] = field(default_factory=set)

    def copy(self) -> Program:
        parts = dict(self.inputs), list(self.steps), dict(self.shapes), list(self.unread)
        return Program(*parts, set(self.learned))

    def sensible(self, length: int) -> bool:
        """Whether nothing grew too large or empty, and a single number comes only at the end."""
        sizes = [prod(shape) for shape in self.shapes.values()]
        early = len(self.steps) < length and prod(self.shapes[self.unread[-1]]) == 1
        return len(self.steps) <= length and min(sizes) > 0 and max(sizes) <= LARGEST and not early

    def input(self, name: str, entry: Entry, kind: str) -> str:
        self.inputs[name] = entry
        if kind == "param":
            self.learned.add(name)
        return name

    def add(self, layer: Any, args: dict[str, str | None]) -> None:
        """One more step; its outputs are named h1, h2, … (h1_0, h1_1, … when there are several)."""
        name = f"h{len(self.steps) + 1}"
        outputs, several = _output_shapes(layer, [self._entry(a) for a in args.values()])
        outs = tuple(f"{name}_{i}" for i in range(len(outputs))) if several else (name,)
        step = Step(outs if several else name, layer, tuple(args.values()))
        self.steps.append(step)
        self.shapes.update(zip(outs, outputs, strict=True))
        self.unread = [n for n in self.unread if n not in args.values()]
        self.unread += [n for n in outs if n not in step.state]

    def _entry(self, name: str | None) -> Entry | None:
        if name is None:
            return None
        return self.inputs[name] if name in self.inputs else real(*self.shapes[name])


def _output_shapes(layer: Any, entries: list[Entry | None]) -> tuple[list[Shape], bool]:
    """The shape of each output, and whether they come as a tuple.

    Tried on ones, which are positive as well: the zeros of a divisor would be NaN further on.
    """
    arrays = [
        None
        if e is None
        else np.full(e.shape, e.low, dtype=np.int64)
        if e.domain == "index"
        else np.full(e.shape, e.high)
        for e in entries
    ]
    with np.errstate(all="ignore"):
        y, _ = layer.forward(*arrays)
    several = isinstance(y, tuple)
    return [out.shape for out in (y if several else (y,))], several


@cache
def _fitting(rank: int, few: bool) -> tuple[CaseRule, ...]:
    """The rules that take so many axes; few: only those that do not take any number of them.

    A rule for 1 to 4 axes is one for any number: the harness draws no more. Of the few, those that
    take this number alone come twice, since nothing else leads to them.
    """
    anything = {k for k, rule in cases_for.items() if rule.rank[0] <= 1 and rule.rank[1] >= 4}
    fixed = {k for k, r in cases_for.items() if r.rank[0] <= rank <= r.rank[1]} - anything
    alone = {k for k in fixed if cases_for[k].rank == (rank, rank)}
    chosen = [*fixed, *alone] if few else [*fixed, *anything]
    return tuple(rule for kind, rule in cases_for.items() for _ in range(chosen.count(kind)))


_one_in_12 = st.integers(0, 11)
_lengths = st.integers(1, MOST_STEPS)
_either = st.booleans()


@cases_for(Net, rank=(1, MOST_RANK), empty=False)
def net(draw: Draw, x: Shape) -> Spec:
    program = Program()
    if len(x) < MOST_RANK and draw(_one_in_12) == 11:
        table = cases_for[Embedding].rule(draw, limited(x, LARGEST // 5))
        program.add(table.layer, _arguments(draw, program, table, "x"))
    else:
        x = limited(x)
        program.shapes[program.input("x", real(*x), "real")] = x
        program.unread = ["x"]
    length = draw(_lengths)
    for _ in range(3 * length):
        before = program.copy()
        draw(_moves)(draw, program, program.unread[-1])
        while len(program.unread) > 1:
            _join(program)
        if not program.sensible(length):
            program = before
        if len(program.steps) >= length:
            break
    if not program.steps:
        _residual(draw, program, "x")
    return spec(Net(tuple(program.inputs), tuple(program.steps)), **program.inputs)


def _dense(draw: Draw, program: Program, current: str) -> None:
    shape = program.shapes[current]
    if not shape:
        return _any_layer(draw, program, current)
    square, bias = draw(_options)
    out = shape[-1] if square else draw(sizes)
    n = len(program.steps) + 1
    weights = [k for k in program.learned if program.inputs[k].shape == (out, shape[-1])]
    if weights and draw(_either):  # tied
        weight = draw(st.sampled_from(sorted(weights)))
    else:
        weight = program.input(f"h{n}.weight", real(out, shape[-1]), "param")
    args: dict[str, str | None] = {"x": current, "weight": weight}
    if bias:
        args["bias"] = program.input(f"h{n}.bias", real(out), "param")
    program.add(Linear(), args)
    return None


_options = st.sampled_from([*product((False, True), repeat=2)])
_joins = (Add(), Subtract(), Multiply(), Concatenate(dim=-1))


def _residual(draw: Draw, program: Program, current: str) -> None:
    """The current value and an earlier one of its shape (perhaps itself) or an input, combined."""
    shape = program.shapes[current]
    same = [n for n, s in program.shapes.items() if s == shape]
    layer, other = draw(st.sampled_from([*product(_joins, [*same, *same, None])]))
    if isinstance(layer, Concatenate) and not shape:
        layer = Add()
    if other is None:
        other = program.input(f"h{len(program.steps) + 1}.other", real(*shape), "real")
    if isinstance(layer, Subtract) and other == current:
        layer = Add()  # x − x would cut off all that came before
    names = ("x0", "x1") if isinstance(layer, Concatenate) else ("x", "other")
    program.add(layer, dict(zip(names, (current, other), strict=True)))


def _parted(draw: Draw, program: Program, current: str) -> None:
    """The current value in two parts, both of them read afterwards."""
    shape = program.shapes[current]
    long = [i for i, n in enumerate(shape) if n > 1]
    if not long:
        return _any_layer(draw, program, current)
    dim = draw(st.sampled_from(long))
    first = draw(st.integers(1, shape[dim] - 1))
    program.add(Split((first, shape[dim] - first), dim), {"x": current})
    return None


def _any_layer(draw: Draw, program: Program, current: str) -> None:
    """Any layer whose case strategy fits the current value; it is left alone if none is found."""
    rules = _fitting(len(program.shapes[current]), few=False)
    if rules:
        _place(draw, program, current, _one_of(draw, rules))


def _fitted_layer(draw: Draw, program: Program, current: str) -> None:
    """A layer for just so many axes, as a convolution is; those would seldom be drawn else."""
    rules = _fitting(len(program.shapes[current]), few=True)
    if not rules:
        return _any_layer(draw, program, current)
    return _place(draw, program, current, _one_of(draw, rules))


def _one_of(draw: Draw, rules: tuple[CaseRule, ...]) -> CaseRule:
    return rules[draw(_any_number) * 7919 % len(rules)]  # evenly: no layer is simplest


_any_number = st.integers(0, 9999)


def _nested(draw: Draw, program: Program, current: str) -> None:
    """A network as one step."""
    rule = cases_for[Net]
    if rule.rank[0] <= len(program.shapes[current]) <= rule.rank[1]:
        _place(draw, program, current, rule)


def _place(draw: Draw, program: Program, current: str, rule: CaseRule) -> None:
    """A layer of this rule, if it fits the current value, with inputs of its own or known ones."""
    shape = program.shapes[current]
    drawn = rule.rule(draw, shape)
    if isinstance(drawn.layer, Net) and len(program.steps) + len(drawn.layer.steps) > MOST_STEPS:
        return
    entry = next(iter(drawn.entries.values()))
    if entry.domain == "index":
        if shape and not isinstance(drawn.layer, Net):
            _look_up(draw, program, current, rule.rule(draw, shape[:-1]))
        return
    if entry.shape != shape:
        return
    if entry.domain != "real":
        from manual.layers.activation_sigmoid import Sigmoid, Softplus

        into = {"uniform": Sigmoid(), "positive": Softplus()}.get(entry.domain)
        if into is None or (entry.domain == "uniform" and (entry.low, entry.high) != (0, 1)):
            return
        program.add(into, {"x": current})
        current = program.unread[-1]
    program.add(drawn.layer, _arguments(draw, program, drawn, current))


def _look_up(draw: Draw, program: Program, current: str, drawn: Spec) -> None:
    """A layer of integers, on an input of its own; its output is set beside the current value."""
    ids = f"h{len(program.steps) + 1}.x"
    program.add(drawn.layer, _arguments(draw, program, drawn, ids))
    row = program.unread[-1]
    if program.shapes[row][:-1] == program.shapes[current][:-1]:
        program.add(Concatenate(dim=-1), {"x0": current, "x1": row})


def _arguments(draw: Draw, program: Program, drawn: Spec, first: str) -> dict[str, str | None]:
    """The names of a layer's arguments: `first`, then inputs of its own or known values.

    Where nothing has the name `first`, it is an input as well.
    """
    n = len(program.steps) + 1
    kinds = named_arguments(drawn.layer, list(drawn.entries))
    args: dict[str, str | None] = dict.fromkeys(kinds)
    (name, wanted), *others = drawn.entries.items()
    args[name] = first if first in program.shapes else program.input(first, wanted, kinds[name])
    for name, wanted in others:
        known = [k for k, s in program.shapes.items() if s == wanted.shape and k != first]
        reusable = known and wanted.domain == "real" and kinds[name] == "real"
        if reusable and draw(_either):
            args[name] = draw(st.sampled_from(known))
        else:
            args[name] = program.input(f"h{n}.{name}", wanted, kinds[name])
    return args


def _join(program: Program) -> None:
    """The last two values that nobody has read yet, flattened and put side by side."""
    from manual.layers.shape import Reshape

    for name in program.unread[-2:]:
        if len(program.shapes[name]) != 1:
            program.add(Reshape(shape=(-1,)), {"x": name})
    program.add(Concatenate(dim=0), dict(zip(("x0", "x1"), program.unread[-2:], strict=True)))


_choices: list[Callable[[Draw, Program, str], None]] = [
    *(_any_layer, _dense, _residual, _any_layer, _dense, _residual) * 7,
    *(_any_layer, _any_layer, _fitted_layer) * 5,
    _parted,
    _nested,
]
"""What may come next; the last two seldom, because they make many steps of one."""
_moves = st.sampled_from(_choices)
