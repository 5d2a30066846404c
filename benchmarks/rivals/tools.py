"""The checkers: each says of a layer on a case whether something is wrong with it.

Options are the defaults of each tool's documentation.
"""

from __future__ import annotations

import logging
import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from benchmarks.rivals.by_hand import ByHand
from benchmarks.rivals.wrapped import HandWritten, for_jax
from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.judge.dispatch import judge
from gradproof.oracle.layer import Oracle
from gradproof.subject.subject import Subject


@dataclass(frozen=True)
class Tool:
    """A checker.

    rejects   rejects(case): whether it finds fault; the case has its cotangents
    needs     the module without which it cannot run
    """

    name: str
    rejects: Callable[[Case], bool]
    needs: str = "torch"

    @property
    def installed(self) -> bool:
        return find_spec(self.needs) is not None

    def verdict(self, case: Case) -> str:
        """passes, rejects, or fails: it cannot be asked, or the layer raised an error."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return "rejects" if self.rejects(case) else "passes"
            except Exception:  # noqa: BLE001  (which error it is depends on the layer and the tool)
                return "fails"


def tools(subject: Subject) -> list[Tool]:
    """gradproof, and all that it is compared with."""
    return [
        Tool("gradproof", partial(gradproof, subject)),
        Tool("torch gradcheck, slow", partial(gradcheck, fast=False)),
        Tool("torch gradcheck, fast", partial(gradcheck, fast=True)),
        Tool("jax check_grads, float64", partial(check_grads, dtype="float64"), "jax"),
        Tool("jax check_grads, float32", partial(check_grads, dtype="float32"), "jax"),
        Tool("chainer check_backward", check_backward),
        Tool("complex-step adjoint", complex_step_adjoint),
        Tool("torch assert_close", partial(compared, subject, far=_not_close)),
        Tool("torch assert_close, dy = 1", partial(compared, subject, far=_not_close, ones=True)),
        Tool("numpy allclose", partial(compared, subject, far=_not_allclose)),
        Tool("numpy allclose, dy = 1", partial(compared, subject, far=_not_allclose, ones=True)),
    ]


def gradproof(subject: Subject, case: Case) -> bool:
    """This project's verdict: `disagree` or `error`."""
    return judge(subject, case).flagged


def gradcheck(case: Case, *, fast: bool) -> bool:
    """torch.autograd.gradcheck in double precision, with its own eps, atol and rtol."""
    hand = ByHand(case)
    inputs = [torch.from_numpy(np.array(a)).requires_grad_() for a in hand.inputs]
    function = partial(HandWritten.apply, hand)
    return not torch.autograd.gradcheck(function, inputs, fast_mode=fast, raise_exception=False)


def check_grads(case: Case, *, dtype: str) -> bool:
    """jax.test_util.check_grads of first order in reverse mode."""
    import jax
    from jax.test_util import check_grads as check

    # It prints the traceback of whatever the layer raises, and then raises it.
    logging.getLogger("jax._src.callback").setLevel(logging.CRITICAL)
    hand = ByHand(case, dtype)
    # For all threads, not as a context: callbacks run in one of JAX's own.
    jax.config.update("jax_enable_x64", dtype == "float64")
    try:
        check(for_jax(hand), hand.inputs, order=1, modes=["rev"])
    except AssertionError:
        return True
    finally:
        jax.config.update("jax_enable_x64", False)
    return False


def forget() -> None:
    """Drop what JAX has compiled: it keeps every function, of which each case has its own."""
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def check_backward(case: Case) -> bool:
    """chainer.gradient_check.check_backward: a central difference in one random direction.

    Written out, for Chainer is no longer maintained.

    Source    https://docs.chainer.org/en/stable/reference/generated/
              chainer.gradient_check.check_backward.html (eps=1e-3, atol=1e-5, rtol=1e-4)
    """
    hand, eps = ByHand(case), 1e-3
    along = _direction(hand)
    norm = math.sqrt(sum(float(np.square(v).sum()) for v in along))
    along = [v / norm if norm else v for v in along]
    grads = hand.gradients(hand.forward(*hand.inputs)[1], hand.dy)
    above, below = (
        hand.forward(*(np.asarray(x + e * v) for x, v in zip(hand.inputs, along, strict=True)))[0]
        for e in (eps, -eps)
    )
    numeric = _inner(hand.dy, [a - b for a, b in zip(above, below, strict=True)]) / (2 * eps)
    return not np.isclose(numeric, _inner(grads, along), rtol=1e-4, atol=1e-5, equal_nan=True)


def complex_step_adjoint(case: Case) -> bool:
    """⟨dy, J v⟩ by a complex step through forward against ⟨backward(dy), v⟩, for one random v.

    Source    Squire & Trapp (1998), of whom it takes the step
    Raises    TypeError when forward does not carry complex numbers through
    """
    hand, h = ByHand(case), 1e-20
    along = _direction(hand)
    grads = hand.gradients(hand.forward(*hand.inputs)[1], hand.dy)
    moved = [np.asarray(x + 1j * h * v) for x, v in zip(hand.inputs, along, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        outputs, _ = hand.forward(*moved)
    if not all(map(np.iscomplexobj, outputs)):
        raise TypeError("forward has no complex output")
    slope = _inner(hand.dy, [y.imag / h for y in outputs])
    return not math.isclose(slope, _inner(grads, along), rel_tol=1e-10)


def compared(
    subject: Subject, case: Case, *, far: Callable[[Array, Array], bool], ones: bool = False
) -> bool:
    """Outputs and gradients against torch's autograd; with `ones`, those of the sum of y."""
    hand = ByHand(case)
    outputs, kept = hand.forward(*hand.inputs)
    dy = [np.ones_like(d) for d in hand.dy] if ones else hand.dy
    grads = hand.gradients(kept, [np.array(d) for d in dy])
    oracle = Oracle.of(subject.twin, case)
    left = iter(dy)
    pulled = oracle.pull([None if d is None else next(left) for d in case.dy])
    expected = [y for y, d in zip(oracle.y, case.dy, strict=True) if d is not None]
    for x, g in zip(hand.inputs, pulled.values(), strict=True):
        expected.append(np.zeros_like(x) if g is None else g)
    return any(far(m, e) for m, e in zip([*outputs, *grads], expected, strict=True))


def _not_allclose(manual: Array, expected: Array) -> bool:
    return not np.allclose(manual, expected)


def _not_close(manual: Array, expected: Array) -> bool:
    try:
        torch.testing.assert_close(
            torch.from_numpy(np.array(manual)), torch.from_numpy(np.array(expected))
        )
    except AssertionError:
        return True
    return False


def _direction(hand: ByHand) -> list[Array]:
    r = np.random.default_rng([hand.case.seed, 1])
    return [r.standard_normal(x.shape) for x in hand.inputs]


def _inner(a: Any, b: Any) -> float:
    return float(sum(float((p * q).sum()) for p, q in zip(a, b, strict=True)))
