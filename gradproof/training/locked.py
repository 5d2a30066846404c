"""Training in lockstep: every step of manual starts from the reference's parameters and state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.cases.optimizer_case import Arrays, State, UpdateCase, flat
from gradproof.counterexamples.write import write
from gradproof.judge.compare import pair_up
from gradproof.judge.dispatch import judge
from gradproof.judge.optimizer import pair_up as pair_up_steps
from gradproof.judge.verdict import SEVERITY, Finding, Judgement, fault, settled
from gradproof.oracle.optimizer import ReferenceStep, as_arrays, noise_samples
from gradproof.oracle.tensors import CHEAP
from gradproof.rounding.bound import Comparison, all_settled, settle, visible_margins
from gradproof.subject import passes
from gradproof.subject.layer import argument_kinds
from gradproof.subject.passes import Misconduct
from gradproof.subject.subject import Subject
from gradproof.training.sides import (
    WHOLE,
    Moved,
    Reference,
    Training,
    distances,
    layer_of,
    norms,
    one_ulp_away,
)


@dataclass
class LockedStep:
    """One step judged.

    expected  the reference's step;  moved: manual's step from the same place
    distance  ‖θ_manual − θ_reference‖ by layer after the step;  floor: what rounding explains of it
    verdicts  by layer;  arrays: how many were compared
    findings  those that disagree, or all if all were asked for
    """

    expected: Moved
    moved: Moved | None = None
    distance: dict[str, float] = field(default_factory=dict)
    floor: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    arrays: int = 0

    def note(self, quantity: str, verdict: str) -> None:
        """Record a verdict on an array for its layer and for the whole network."""
        for layer in {layer_of(quantity), WHOLE} & self.verdicts.keys():
            if SEVERITY[verdict] > SEVERITY[self.verdicts[layer]]:
                self.verdicts[layer] = verdict


class Locked:
    """Judges each step's gradients as a network's, and its update as an optimiser's.

    The update is judged on the reference's own gradients, so that a wrong gradient and a wrong
    rule are told apart. `counterexamples` are the counterexamples of the first fault of either.
    """

    def __init__(self, subject: Subject, training: Training, folder: Path) -> None:
        self._subject, self._training, self._folder = subject, training, folder
        self._reference = Reference(subject, training)
        self._blamed: set[str] = set()
        self.counterexamples: list[Path] = []

    def step(
        self, number: int, params: Arrays, state: State, batch: Mapping[str, Array], every: bool
    ) -> LockedStep:
        """Judge a step from the reference's parameters and state; `every` asks for all findings."""
        loss, grads = self._reference.gradients(params, batch)
        update = UpdateCase(
            self._training.optimizer,
            params,
            grads,
            state,
            self._training.dtype.name,
            number,
            number,
        )
        after = as_arrays(ReferenceStep(self._subject, update)())
        done = LockedStep(Moved(float(loss), grads, *after))
        done.verdicts = dict.fromkeys(self._training.layers, "agree")
        with visible_margins() if every else nullcontext():  # their findings are shown
            own = self._gradients(number, params, batch, loss, grads, done, every)
            if own is not None:
                self._update(update, done, every, own)
        return done

    def _gradients(
        self,
        number: int,
        params: Arrays,
        batch: Mapping[str, Array],
        loss: Array,
        grads: Arrays,
        done: LockedStep,
        every: bool,
    ) -> tuple[float, Arrays] | None:
        """Manual's loss and gradients, judged; None if it returned none."""
        net, case = self._training.net, self._reference.case(params, batch, number)
        found: list[Finding] = []

        def closer() -> Judgement:
            """The network on its own, with gradients of the data as well."""
            kinds = argument_kinds(net, len(case.arrays))
            return judge(self._subject, replace(case, kinds=kinds))

        try:
            with np.errstate(all="ignore"):
                ran = passes.forward(net, list(case.arrays.values()))
                made = passes.backward(net, ran, case.dy)
        except Misconduct as error:
            found = [fault("", case, "free", error.quantity, str(error))]
            self._conclude(done, found, closer)
            return None
        own = {name: made[name] for name in params if name in made}
        expected = {name: grads.get(name) for name in params}
        pending = pair_up("", case, ran.outputs, [loss], own, expected, found)
        for finding in found:
            finding.depth = "free"
        if not all_settled(pending):
            settle(pending, self._samples(params, batch, {"y": loss, **grads}))
        done.arrays += len(pending)
        found += _settled(pending, case, "", "free", every)
        self._conclude(done, found, closer)
        return float(ran.outputs[0]), own

    def _samples(
        self, params: Arrays, batch: Mapping[str, Array], exact: Arrays
    ) -> Iterator[dict[str, Any]]:
        """The noise of the network's loss and gradients.

        First with the parameters one ulp away, which takes one call and usually suffices; then
        with all arithmetic disturbed, as for any network.
        """
        for seed in range(CHEAP):
            loss, grads = self._reference.gradients(one_ulp_away(params, seed), batch)
            moved = {"y": loss, **grads}
            yield {name: (moved[name], exact[name]) for name in moved.keys() & exact.keys()}
        yield from self._reference.disturbed(params, batch)

    def _update(
        self, case: UpdateCase, done: LockedStep, every: bool, own: tuple[float, Arrays]
    ) -> None:
        layers, expected = self._training.layers, done.expected
        path, found = f"step {case.step}", []
        params, grads, state = case.arrays, case.grads, case.state
        try:
            with np.errstate(all="ignore"):
                new_params, new_state = case.optimizer.step(params, grads, state)
        except Exception as error:  # noqa: BLE001  (whatever it raises is the finding)
            text = f"step raised {type(error).__name__}: {error}"
            found = [fault(path, case, "isolated", next(iter(params)), text)]
            self._conclude(done, found, lambda: judge(self._subject, case))
            return
        made = flat(new_params, new_state)
        pending = pair_up_steps(path, case, made, flat(expected.params, expected.state), found)
        # A rule updates each parameter by itself, so only those in doubt are disturbed.
        doubted = {case.owner(q) for q, c in pending.items() if c.unsettled()}
        if doubted:
            some = replace(
                case,
                arrays={n: params[n] for n in params if n in doubted},
                grads={n: grads[n] for n in grads if n in doubted},
                state={n: state[n] for n in state if n in doubted},
            )
            settle(pending, noise_samples(ReferenceStep(self._subject, some)))
        done.arrays += len(pending)
        found += _settled(pending, case, path, "isolated", every)
        self._conclude(done, found, lambda: judge(self._subject, case))
        done.moved = Moved(own[0], own[1], new_params, new_state)
        if new_params.keys() >= expected.params.keys():
            done.distance = distances(layers, new_params, expected.params)
        done.floor = norms(layers, {n: _floor(pending[n]) for n in params if n in pending})

    def _conclude(self, done: LockedStep, found: list[Finding], closer: Any) -> None:
        """Record the findings; the first fault of a network or rule is examined further."""
        wrong = [f for f in found if f.failed]
        if wrong:
            kind = wrong[0].kind
            if kind not in self._blamed:
                found, wrong = self._look_closer(kind, closer(), wrong)
            for finding in wrong:
                done.note(finding.quantity, "disagree")
        done.findings += found

    def _look_closer(
        self, kind: str, judgement: Judgement, wrong: list[Finding]
    ) -> tuple[list[Finding], list[Finding]]:
        """The whole judgement, which may excuse a kink between two forwards; else it is saved."""
        if judgement.culprit is None:
            return judgement.findings, []
        self._blamed.add(kind)
        self.counterexamples.append(
            write(self._subject, judgement, self._folder / "counterexamples")
        )
        return judgement.findings, wrong


def _settled(
    pending: Mapping[str, Comparison], case: Case | UpdateCase, layer: str, depth: str, every: bool
) -> list[Finding]:
    chosen = {q: c for q, c in pending.items() if every or not c.within()}
    return [settled(layer, case, depth, q, c) for q, c in chosen.items()]


def _floor(c: Comparison) -> Array:
    if c.exact:
        return np.asarray(np.abs(c.reference) * (np.finfo(c.reference.dtype).eps / 2))
    return np.asarray(c.floor)
