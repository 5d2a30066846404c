"""Is every part of this module right? Two modules, compared part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, cast, lowest
from gradproof.cases.values import MILD, MILD_PARAMETERS, fill
from gradproof.checking import pairs
from gradproof.checking.call import Call, Pure, outputs_of
from gradproof.checking.inputs import Inputs, inputs_of
from gradproof.checking.module_result import HOLDS, SAME, WHOLE, ModuleVerdict
from gradproof.checking.pairs import Pair
from gradproof.checking.record import dtypes_of
from gradproof.checking.result import answered
from gradproof.checking.sides import layer_of
from gradproof.counterexamples.message import explained
from gradproof.errors import InputError
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import judge
from gradproof.judge.layer import judge_layer
from gradproof.judge.verdict import Judgement, fault
from gradproof.oracle.tensors import ReferenceFault, as_array, fewer_samples
from gradproof.subject.entries import DTYPES, CaseRules, Spec, real
from gradproof.subject.low_precision import LOW
from gradproof.subject.subject import Subject

MODES = ("train", "eval")
_IN_FLOAT32 = (
    "; where PyTorch has no such kernel, have the reference compute in x.float() and return "
    ".to(x.dtype)"
)


def check_module(
    module: Module,
    reference: Module,
    inputs: Any,
    *,
    names: Mapping[str, str] | None = None,
    modes: Sequence[str] = MODES,
    dtypes: Sequence[Any] = DTYPES,
    cases: int = 1,
    seed: int = 0,
    raise_exception: bool = True,
) -> ModuleVerdict:
    """Judge a module with hand-written backward passes against one by PyTorch, part by part.

    Every part that both have is judged alone: fed what it is fed in a run of the reference, with
    the cotangent that reaches it there ("chained"), and on drawn numbers of these shapes ("free").
    Compared are its outputs, the gradients of its inputs and of all its parameters, and its buffers
    after the call. The reference's parameters are given to both sides; neither module is changed.

    module       a torch.nn.Module
    reference    another, whose backward pass is autograd's
    inputs       what both are called with: a tuple of example arrays or tensors, whose shapes and
                 kinds count, or entries such as `gradproof.real(4, 8)`; by name in a dictionary
    names        the module's names of parts, parameters or buffers → the reference's, where they
                 differ; a name is replaced wherever it stands in a path
    modes        "train", "eval" or both; the second is left out where it is the same
    dtypes       of "float64", "float32", "bfloat16" and "float16". In the last two every part may
                 round once, at the end, and wherever the reference's does
    cases        drawn for each part, in each dtype, beside the chained one
    seed         the same seed draws the same

    Returns the verdict: true or false; `str()` names the first wrong part, in the order in which
    parts run, and shows all of them as a tree; `dict()` has a word for each part.

    Raises    Disagreement, an AssertionError, with that text
              InputError, one sentence, where the two cannot be compared
    """
    __tracebackhide__ = True  # pytest then shows the call
    for name, given in (("module", module), ("reference", reference)):
        if not isinstance(given, Module):
            raise InputError(f"{name} is of type {type(given).__name__}; give a torch.nn.Module")
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise InputError(
            f"modes are {' or '.join(MODES)} or both, not {', '.join(unknown) or '()'}"
        )
    pair = Pair(module, reference, dict(names or {}))
    pair.check_names()
    pair.parameters()  # it says what does not belong together
    drawn_from = inputs_of(inputs, (), need_gradient=False)
    drawn = Drawing(pair, drawn_from, dtypes_of(dtypes, (*DTYPES, *LOW)), cases, seed)
    verdict = ModuleVerdict(type(module).__name__, [])
    for mode in dict.fromkeys(modes):
        if verdict and mode != modes[0] and drawn.same_in_both_modes():
            break
        _judge_mode(drawn, mode == "train", verdict)
        if not verdict:
            break
    return answered(verdict, raise_exception)


@dataclass
class Drawing:
    """What is drawn for two modules: inputs of the whole, and cases of each part."""

    pair: Pair
    inputs: Inputs
    dtypes: tuple[str, ...]
    cases: int
    seed: int

    def _arguments(self, dtype: torch.dtype) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        made = {}
        for i, (name, entry) in enumerate(self.inputs.entries.items()):
            r = np.random.default_rng([self.seed, i])
            tensor = torch.from_numpy(np.array(fill(entry, "normal", r, "float64")))
            tensor = tensor.to(dtype) if tensor.is_floating_point() else tensor
            made[name] = tensor.requires_grad_(self.inputs.kinds[name] == "real")
        return ((), made) if self.inputs.named else (tuple(made.values()), {})

    def calls(self, training: bool, dtype: torch.dtype = torch.float64) -> dict[str, Call]:
        """The calls of all parts in one run of the reference."""
        return pairs.calls(self.pair.copied(dtype, training), *self._arguments(dtype))

    def by_precision(self) -> dict[str, list[str]]:
        """The dtypes of cases, by the low precision of the modules' own numbers; "" is none."""
        wide = [d for d in self.dtypes if d not in LOW]
        return ({"": wide} if wide else {}) | {d: [d] for d in self.dtypes if d in LOW}

    def copies(self, training: bool, low: str) -> dict[torch.dtype, Pair]:
        """Copies of both modules in the dtypes of cases and witnesses, all of the same numbers.

        low    what these are rounded to first, if it is no ""

        Raises    InputError where the reference cannot run in it
        """
        pair, dtypes = self.pair, [torch.float64, torch.float32]
        if low:
            dtypes.append(getattr(torch, low))
            pair = pair.copied(dtypes[-1], training)
            try:
                self.calls(training, dtypes[-1])
            except InputError as error:
                raise InputError(f"in {low} {error}{_IN_FLOAT32}") from error
        return {dtype: pair.copied(dtype, training) for dtype in dtypes}

    def _run(self, whole: Module, training: bool, dtype: torch.dtype) -> list[Tensor]:
        """The outputs of a copy of either module, and its buffers after that."""
        model = pairs.in_dtype(whole, dtype, training)
        args, kwargs = self._arguments(dtype)
        return [*outputs_of(model(*args, **kwargs)), *model.buffers()]

    def repeats(self, training: bool) -> bool:
        """Whether two runs of the reference are the same."""
        both = (self._run(self.pair.reference, training, torch.float64) for _ in range(2))
        return _same(*both)

    def same_in_both_modes(self) -> bool:
        """Whether neither module does anything else in training than in evaluation."""
        dtype = getattr(torch, self.dtypes[0])  # the module may take no other
        both = self.pair.module, self.pair.reference
        return all(_same(*(self._run(w, mode, dtype) for mode in (True, False))) for w in both)

    def part(self, path: str, call: Call, copies: Mapping[torch.dtype, Pair]) -> Part:
        """One part of both modules, as a subject of one layer.

        copies    of the two wholes, in the dtypes of cases and witnesses
        """
        pair = self.pair.below(path)
        parameters, buffers = pair.parameters(), pair.buffers()
        state = {n: _of(pair.module, n) for n in (*parameters, *buffers)}
        kinds = {n: "real" if t.is_floating_point() else "index" for n, t in call.inputs.items()}
        kinds |= dict.fromkeys(parameters, "param")
        kinds |= {n: "buffer" if state[n].is_floating_point() else "index" for n in buffers}
        parts = {dtype: copy.below(path) for dtype, copy in copies.items()}
        mine = Pure(
            {dtype: part.module for dtype, part in parts.items()},
            call,
            (*parameters, *buffers),
            len(buffers),
        )
        theirs = Pure(
            {dtype: part.reference for dtype, part in parts.items()},
            call,
            (*parameters.values(), *buffers.values()),
            len(buffers),
        )
        outputs = (*["real"] * len(call.made), *["buffer"] * len(buffers))
        kind = type(layer_of(mine, kinds, type(pair.module).__name__, outputs))
        values = {n: _of(pair.reference, t) for n, t in (parameters | buffers).items()}
        given = {n: _numbers(t) for n, t in (call.inputs | values).items()}
        entries = inputs_of(given, (), need_gradient=False).entries
        rules = CaseRules()
        rules(kind, rank=(0, 0))(lambda _draw, _shape: Spec(kind(), entries))
        twin = lambda _, *tensors: theirs(*tensors)  # noqa: E731
        return Part(path, Subject(path or WHOLE, rules, twin), kind(), kinds, call, values)


def _same(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    """Whether all are equal, bit for bit; NaN on both sides is equal."""
    pairs_of = zip(one, other, strict=True)
    return all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs_of)


def _of(module: Module, name: str) -> Tensor:
    """A parameter or buffer of that name."""
    above, _, last = name.rpartition(".")
    found: Tensor = getattr(module.get_submodule(above), last)
    return found


def _numbers(tensor: Tensor) -> Array:
    """A tensor's numbers; NumPy has no bfloat16."""
    return as_array(tensor.double() if tensor.is_floating_point() else tensor)


@dataclass
class Part:
    """A part of both modules: a layer with its call in a run of the whole, and its state."""

    path: str
    subject: Subject
    layer: Any
    kinds: Mapping[str, str]
    call: Call
    state: Mapping[str, Tensor]

    @property
    def buffers(self) -> list[str]:
        """The names of the buffers; their values after a call are the last outputs."""
        return [n for n, kind in self.kinds.items() if n in self.state and kind != "param"]

    def meaning(self, judgement: Judgement) -> str:
        """What an output is that is none of the module's own: a buffer after the call."""
        quantity = judgement.culprit.quantity if judgement.culprit is not None else ""
        after = numbered("y", [*[""] * len(self.call.made), *self.buffers])
        return f"{quantity} is {after[quantity]} after the call" if after.get(quantity) else ""

    def cases(self, dtypes: Sequence[str], count: int, seed: int) -> Iterator[Case]:
        """The chained case, then free ones; buffers keep their values, which may be variances."""
        given = {n: _numbers(t) for n, t in (*self.call.inputs.items(), *self.state.items())}
        dy = tuple(
            _numbers(self.call.cotangents[i]) if i in self.call.cotangents else None
            for i in range(len(self.call.made))
        )
        chained = (*dy, *[None] * len(self.buffers)) if any(d is not None for d in dy) else ()
        yield from self._in(dtypes, given, ("normal",) * 3, 0, chained)
        r = np.random.default_rng([seed, len(self.path)])
        for k in range(count):
            chosen = {"real": str(r.choice(MILD)), "param": str(r.choice(MILD_PARAMETERS))}
            drawn = {
                n: fill(real(*a.shape), chosen[kind], r, "float64") if kind in chosen else a
                for (n, a), kind in zip(given.items(), self.kinds.values(), strict=True)
            }
            yield from self._in(dtypes, drawn, (*chosen.values(), "normal"), seed + k)

    def _in(
        self,
        dtypes: Sequence[str],
        numbers: Mapping[str, Array],
        hazards: tuple[str, ...],
        seed: int,
        dy: tuple[Array | None, ...] = (),
    ) -> Iterator[Case]:
        """The same case in each dtype."""
        case = Case(self.layer, numbers, self.kinds, "float64", "C", hazards, seed, dy)
        return (lowest(case, d) if d in LOW else cast(case, d) for d in dtypes)


def _judge_mode(drawn: Drawing, training: bool, verdict: ModuleVerdict) -> None:
    """Judge all parts in training or in evaluation, and add what is found to the verdict."""
    verdict.mode = "training" if training else "evaluation"
    both, calls = drawn.pair.submodules(), drawn.calls(training)
    if not drawn.repeats(training):
        raise InputError(
            f"the reference is no function in {verdict.mode}: two runs differ (dropout?); set its "
            "probability to 0, or leave this mode out, such as modes=('eval',)"
        )
    copies = {low: drawn.copies(training, low) for low in drawn.by_precision()}
    for path, call in calls.items():
        name = path or WHOLE
        if verdict.wrong and verdict.holds_wrong(path):
            verdict.parts[name] = HOLDS
        elif pairs.is_same(*both[path]):
            verdict.parts.setdefault(name, SAME)
        elif call.made:
            for low, dtypes in drawn.by_precision().items():
                if not _judge_part(drawn, drawn.part(path, call, copies[low]), dtypes, verdict):
                    break


def _judge_part(drawn: Drawing, part: Part, dtypes: Sequence[str], verdict: ModuleVerdict) -> bool:
    """Judge a part and add what is found to the verdict; whether no case is wrong."""
    name = part.path or WHOLE
    for case in part.cases(dtypes, drawn.cases, drawn.seed):
        judgement = _judged(part.subject, case)
        verdict.add(name, judgement)
        if judgement.flagged:
            if not verdict.wrong:
                verdict.blame(name, judgement, explained(part.subject, judgement, ""))
                verdict.note = part.meaning(judgement)
            return False
    return True


def _judged(subject: Subject, case: Case) -> Judgement:
    """There are many parts: few samples of the noise, and no witnesses, unless two sides differ."""
    try:
        with fewer_samples():
            quick = judge_layer(subject, case, Clock(), final=False)
    except ReferenceFault as error:
        return Judgement(case, [fault("", case, "isolated", "y", str(error))])
    return judge(subject, case) if quick.flagged else quick
