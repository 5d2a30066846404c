"""Judging an optimiser: each step from the reference's own parameters and state, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from gradproof import store
from gradproof.bound import Comparison, settle
from gradproof.cases import Case
from gradproof.clock import Clock
from gradproof.fill import Array
from gradproof.hygiene import check_form, frozen
from gradproof.spec import Draw, Shape
from gradproof.subject import Subject
from gradproof.verdict import Finding, Judgement, fault, settled

Arrays: TypeAlias = dict[str, Array]
State: TypeAlias = dict[str, dict[str, Any]]
Tensors: TypeAlias = dict[str, Any]
States: TypeAlias = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class StepCase:
    """An optimiser on tensors of several shapes, with the gradients of each step.

    shapes   of the parameters p0, p1, …
    scales   of each step's gradients, swept from 1 down to 1e-7
    """

    optimizer: Any
    shapes: tuple[Shape, ...]
    scales: tuple[float, ...]
    sparse: bool
    dtype: str
    seed: int

    @property
    def digest(self) -> str:
        return repr(self)

    def params(self) -> Arrays:
        r = np.random.default_rng([self.seed, 0])
        drawn = [r.standard_normal(s) for s in self.shapes]
        return {f"p{i}": frozen(p.astype(self.dtype)) for i, p in enumerate(drawn)}

    def grads(self, step: int) -> Arrays:
        r = np.random.default_rng([self.seed, 1 + step])
        drawn = {}
        for i, shape in enumerate(self.shapes):
            g = r.standard_normal(shape) * self.scales[step]
            if self.sparse:
                g = g * (r.random(shape) < 0.5)
            drawn[f"p{i}"] = frozen(np.asarray(g, dtype=self.dtype))
        return drawn


def save_steps(path: Path, case: StepCase) -> None:
    """Write the case, whole or not at all; its arrays are drawn again from its seed."""
    store.write(path, {"format": store.FORMAT, "steps": store.encode(case)}, {})


def load_steps(path: Path, types: Mapping[str, type]) -> StepCase | None:
    """Read a case of an optimiser; None where the file holds another case.

    Raises    InputError as `store.read` and `store.decode` do
    """
    about, _ = store.read(path)
    if "steps" not in about:
        return None
    case: StepCase = store.decode(about["steps"], {**types, "StepCase": StepCase})
    return case


@st.composite
def step_cases(draw: Draw, optimizers: st.SearchStrategy[Any]) -> StepCase:
    """At least three steps of an optimiser on at least two tensors."""
    shape = st.lists(st.integers(1, 4), min_size=0, max_size=3).map(tuple)
    scale = st.integers(0, 7).map(lambda k: 10.0**-k)
    return StepCase(
        draw(optimizers),
        tuple(draw(st.lists(shape, min_size=2, max_size=3))),
        tuple(draw(st.lists(scale, min_size=3, max_size=6))),
        draw(st.booleans()),
        draw(st.sampled_from(["float64", "float32"])),
        draw(st.integers(0, 2**32 - 1)),
    )


def judge_steps(subject: Subject, case: StepCase, clock: Clock) -> Judgement:
    """Compare parameters and state after each step; both sides start it from the reference's."""
    params = case.params()
    state: State = {}
    judgement = Judgement(_as_case(case, params), drawn=case)
    for step in range(len(case.scales)):
        here = replace(judgement.case, arrays=params)
        found, floors, after = judge_step(
            subject, f"step {step + 1}", here, case.grads(step), state, clock
        )
        judgement.findings += found
        judgement.floors += floors
        if any(f.verdict == "error" for f in found):
            break
        params, state = after
    return judgement


def judge_step(
    subject: Subject, path: str, case: Case, grads: Arrays, state: State, clock: Clock
) -> tuple[list[Finding], int, tuple[Arrays, State]]:
    """(findings, noise samples, the reference's parameters and state after it) of one step.

    case    the optimiser, with the parameters as its arrays
    """
    params = {name: a for name, a in case.arrays.items() if a is not None}
    before = {f"{name}.grad": g for name, g in grads.items()} | flat({}, state)
    found: list[Finding] = []
    floors = 0
    with clock("reference"):
        twin = ReferenceStep(subject, case.layer, params, grads, state)
        after = as_arrays(twin())
    try:
        with clock("manual"), np.errstate(all="ignore"):
            made = flat(*case.layer.step(params, grads, state))
    except Exception as error:  # noqa: BLE001  (whatever it raises is the finding)
        text = f"step raised {type(error).__name__}: {error}"
        return [fault(path, case, "isolated", "p0", text)], floors, after
    with clock("judge"):
        for name, other in sharing(made, params | before):
            text = f"it shares memory with {other}"
            found.append(fault(path, case, "isolated", name, text, "disagree"))
        pending = pair_up(path, case, made, flat(*after), found)
        floors += settle(pending, noise_samples(twin))
        found += [settled(path, case, "isolated", q, c) for q, c in pending.items()]
    for f in found:
        f.before = before
    return found, floors, after


def apart(before: Mapping[str, Array]) -> tuple[Arrays, State]:
    """The gradients and the state that a finding's `before` holds together."""
    grads: Arrays = {}
    state: State = {}
    for name, a in before.items():
        owner, _, key = name.partition(".")
        if key == "grad":
            grads[owner] = a
        else:
            state.setdefault(owner, {})[key] = a
    return grads, state


def step_of(subject: Subject, case: Case, before: Mapping[str, Array]) -> Arrays:
    """What the reference makes of a step with the case's optimiser and parameters."""
    params = {name: a for name, a in case.arrays.items() if a is not None}
    return flat(*as_arrays(ReferenceStep(subject, case.layer, params, *apart(before))()))


class ReferenceStep:
    """One step of the optimiser's twin from given arrays, to be run as often as it is needed."""

    def __init__(
        self, subject: Subject, optimizer: Any, params: Arrays, grads: Arrays, state: State
    ) -> None:
        import torch

        def tensors(arrays: dict[str, Any]) -> Tensors:
            return {name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}

        self._twin, self._optimizer = subject.step_twin, optimizer
        self._params, self._grads = tensors(params), tensors(grads)
        self._state = {name: tensors(entries) for name, entries in state.items()}

    def __call__(
        self, grads: Tensors | None = None, state: States | None = None
    ) -> tuple[Tensors, States]:
        assert self._twin is not None, "the subject has optimisers but no step_twin"
        made: tuple[Tensors, States] = self._twin(
            self._optimizer,
            self._params,
            self._grads if grads is None else grads,
            self._state if state is None else state,
        )
        return made

    def nearby(self, seed: int) -> tuple[Tensors, States]:
        """Gradients and state disturbed in the last place; counters and other scalars are not.

        A fused kernel such as lerp may round the disturbance of one operand away.
        """
        from gradproof.noise import disturb

        grads = {n: disturb(g, seed + i) for i, (n, g) in enumerate(self._grads.items())}
        state = {
            n: {k: disturb(v, seed + 31 + i) if v.ndim else v for i, (k, v) in enumerate(s.items())}
            for n, s in self._state.items()
        }
        return grads, state


def _as_case(case: StepCase, params: Arrays) -> Case:
    return Case(
        case.optimizer,
        params,
        dict.fromkeys(params, "param"),
        case.dtype,
        hazards=("sparse" if case.sparse else "normal",),
        seed=case.seed,
    )


def as_arrays(pair: tuple[Tensors, States]) -> tuple[Arrays, State]:
    """Parameters and state as read-only arrays of their own memory."""
    params, state = pair
    held = {n: {k: frozen(v.numpy().copy()) for k, v in s.items()} for n, s in state.items()}
    return {n: frozen(p.numpy().copy()) for n, p in params.items()}, held


def flat(params: Arrays, state: State) -> Arrays:
    """p0, p1, … and p0.exp_avg, … in one dictionary; a state entry that is None is absent."""
    flat = dict(params)
    for name, entries in state.items():
        flat |= {f"{name}.{k}": np.asarray(v) for k, v in entries.items() if v is not None}
    return flat


def sharing(made: Arrays, received: Arrays) -> Iterator[tuple[str, str]]:
    """Pairs of a returned array and another one, returned or received, in the same memory."""
    pairs = [*combinations(reversed(made.items()), 2), *product(made.items(), received.items())]
    for (name, a), (other, b) in pairs:
        if np.shares_memory(a, b):
            yield name, "what was received" if other == name else other


def pair_up(
    path: str, case: Case, made: Arrays, expected: Arrays, found: list[Finding]
) -> dict[str, Comparison]:
    """A comparison for each parameter and state entry; what cannot be compared goes to `found`."""
    pending = {}
    for name in sorted(made.keys() ^ expected.keys()):
        text = "manual keeps it, torch does not" if name in made else "torch keeps it, manual not"
        found.append(fault(path, case, "isolated", name, text, "disagree"))
    for name in expected:
        if name not in made:
            continue
        wrong = "" if name.endswith(".step") else check_form(made[name], expected[name])
        if wrong:
            found.append(fault(path, case, "isolated", name, wrong, "disagree"))
        else:
            manual = made[name].astype(expected[name].dtype)
            pending[name] = Comparison(manual, expected[name])
    return pending


def noise_samples(twin: ReferenceStep) -> Iterator[dict[str, Any]]:
    """(disturbed, undisturbed) of each entry of a step run with its arithmetic disturbed."""
    from gradproof.noise import Disturbance
    from gradproof.oracle import THOROUGH

    mode = Disturbance(seed=2)
    with mode:
        exact = twin()
    undisturbed = flat(*as_arrays(exact))
    for seed in range(THOROUGH):
        near = twin.nearby(seed)
        mode.again()
        with mode:
            moved = twin(*near)
        disturbed = flat(*as_arrays(moved))
        yield {n: (disturbed[n], undisturbed[n]) for n in undisturbed}
