"""`gradproof.check_training`: a hand-written training step beside a module and an optimiser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from torch import nn
from torch.nn import functional as F

from gradproof import Disagreement, InputError, check_training

STEPS = 25


class Net(nn.Module):
    """Two layers and the loss."""

    def __init__(self, activation: Callable[..., Any] = torch.tanh) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 5), nn.Linear(5, 2)
        self._activation = activation

    def forward(self, x: Any, target: Any) -> Any:
        return F.mse_loss(self.second(self._activation(self.first(x))), target)


def gradients(p: Any, x: Any, target: Any, relu: bool = False) -> Any:
    z = x @ p["first.weight"].T + p["first.bias"]
    h = np.maximum(z, 0) if relu else np.tanh(z)
    off = h @ p["second.weight"].T + p["second.bias"] - target
    g = 2 * off / off.size
    dz = (g @ p["second.weight"]) * ((z > 0) if relu else 1 - h * h)
    grads = {
        "first.weight": dz.T @ x,
        "first.bias": dz.sum(0),
        "second.weight": g.T @ h,
        "second.bias": g.sum(0),
    }
    return (off * off).mean(), grads


def sgd(p: Any, state: Any, batch: Any) -> Any:
    loss, g = gradients(p, *batch)
    return loss, {n: a - a.dtype.type(0.1) * g[n] for n, a in p.items()}, None


def momentum(p: Any, state: Any, batch: Any) -> Any:
    loss, g = gradients(p, *batch, relu=True)
    v = g if state is None else {n: g[n] + a.dtype.type(0.9) * state[n] for n, a in p.items()}
    return loss, {n: a - a.dtype.type(0.1) * v[n] for n, a in p.items()}, v


def adam(p: Any, state: Any, batch: Any, correct: bool = True) -> Any:
    loss, g = gradients(p, *batch)
    t, m, v = state or (0, *({n: np.zeros_like(a) for n, a in p.items()} for _ in range(2)))
    t += 1
    m = {n: 0.9 * m[n] + (1 - 0.9) * g[n] for n in p}
    v = {n: 0.999 * v[n] + (1 - 0.999) * g[n] ** 2 for n in p}
    k = t if correct else 1
    move = {n: m[n] / (1 - 0.9**k) / (np.sqrt(v[n] / (1 - 0.999**k)) + 1e-8) for n in p}
    return loss, {n: (a - 0.01 * move[n]).astype(a.dtype) for n, a in p.items()}, (t, m, v)


RULES: dict[str, tuple[Any, Any, Any]] = {
    "sgd": (sgd, torch.tanh, lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": (momentum, torch.relu, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "adam": (adam, torch.tanh, lambda p: torch.optim.Adam(p, lr=0.01)),
}


def torchs(name: str = "sgd", dtype: Any = torch.float64, seed: int = 0) -> Any:
    """A module, its optimiser, and batches."""
    torch.manual_seed(seed)
    _, activation, optimizer = RULES[name]
    module = Net(activation).to(dtype)
    r = np.random.default_rng(seed)
    batches = [(r.standard_normal((6, 3)), r.standard_normal((6, 2))) for _ in range(STEPS)]
    return module, optimizer(module.parameters()), batches


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", RULES)
def test_right_steps_agree(name: str, dtype: Any, seed: int) -> None:
    module, optimizer, batches = torchs(name, dtype, seed)
    before = [p.clone() for p in module.parameters()]
    verdict = check_training(RULES[name][0], module, optimizer, batches, seed=seed)
    assert set(dict(verdict).values()) == {"agree"}
    assert len(verdict.trajectory) == STEPS
    assert all(apart <= 16 * null for _, apart, null in verdict.trajectory)
    assert all(map(torch.equal, before, module.parameters())), "the caller's stay as they are"


def halved(p: Any, state: Any, batch: Any) -> Any:
    loss, after, state = sgd(p, state, batch)
    return loss, after | {"first.bias": (p["first.bias"] + after["first.bias"]) / 2}, state


def frozen(p: Any, state: Any, batch: Any) -> Any:
    loss, after, state = sgd(p, state, batch)
    return loss, after | {"second.weight": p["second.weight"]}, state


def doubled(p: Any, state: Any, batch: Any) -> Any:
    loss, after, state = sgd(p, state, batch)
    return 2 * loss, after, state


def stale(p: Any, state: Any, batch: Any) -> Any:
    """The third step goes on from the parameters of the first."""
    loss, after, _ = sgd(p, None, batch)
    number, first = (state[0] + 1, state[1]) if state else (1, after)
    return loss, (first if number == 3 else after), (number, first)


def uncorrected(p: Any, state: Any, batch: Any) -> Any:
    return adam(p, state, batch, correct=False)


def late(p: Any, state: Any, batch: Any) -> Any:
    if state == 2:
        raise ValueError("not today")
    return *sgd(p, None, batch)[:2], (state or 0) + 1


@pytest.mark.parametrize(
    ("step", "rule", "said"),
    [
        (halved, "sgd", "in first.bias, step 1, from PyTorch's parameters"),
        (halved, "sgd", "its update is 0.5 times what it should be"),
        (halved, "sgd", "fine             loss, first.weight, second.weight, second.bias"),
        (frozen, "sgd", "likely cause     it is not updated"),
        (doubled, "sgd", "in loss, step 1, "),
        (stale, "sgd", "step 3, from PyTorch's parameters"),
        (uncorrected, "adam", "in first.weight, step 2, "),
        (late, "sgd", "late fails in step 3, from PyTorch's parameters: it raised ValueError: not"),
    ],
)
def test_a_wrong_step_is_found_where_it_is_made(step: Any, rule: str, said: str) -> None:
    module, optimizer, batches = torchs(rule)
    with pytest.raises(Disagreement, match=re.escape(said)) as caught:
        check_training(step, module, optimizer, batches)
    assert not caught.value.verdict


def test_the_table_has_a_row_for_each_array_after_each_step() -> None:
    verdict = check_training(sgd, *torchs())
    assert len(verdict.table) == STEPS * 2 * 5
    assert set(verdict.table["depth"]) == {"locked", "free"}
    assert "agrees with PyTorch in 25 steps, locked and free" in str(verdict)


class Noisy(Net):
    def forward(self, x: Any, target: Any) -> Any:
        return super().forward(F.dropout(x), target)


def other_optimizer(module: Any) -> Any:
    return torch.optim.SGD(Net().parameters(), lr=0.1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m, o, b: check_training(sgd, m, o, []), "there are no batches"),
        (lambda m, o, b: check_training(sgd, m, o, b[0]), "a batch is a tuple of arrays"),
        (lambda m, o, b: check_training(sgd, sgd, o, b), "give a torch.nn.Module and a torch.opt"),
        (lambda m, o, b: check_training(sgd, m, other_optimizer(m), b), "other parameters than"),
        (lambda m, o, b: check_training(lambda *a: 1, m, o, b), "step has to return three things"),
        (lambda m, o, b: check_training(lambda *a: (1.0, {}, 0), m, o, b), "bias is missing"),
        (
            lambda m, o, b: check_training(lambda p, *a: (p["first.bias"], p, 0), m, o, b),
            "the loss as one number, not of shape (5,)",
        ),
        (
            lambda m, o, b: check_training(
                lambda p, *a: (1.0, {n: v[:1] for n, v in p.items()}, 0), m, o, b
            ),
            "step returned first.weight as float64 of shape (1, 3); it should be float64 of shape",
        ),
        (lambda m, o, b: check_training(sgd, m.first, o, b), "other parameters than the module"),
        (
            lambda m, o, b: check_training(
                sgd, m.first, torch.optim.SGD(m.first.parameters()), [(b[0][0],)]
            ),
            "module(*batch) has to return the loss, one number",
        ),
    ],
)
def test_wrong_use_gets_one_sentence(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        call(*torchs())


def test_random_numbers_in_the_module_are_refused() -> None:
    module = Noisy().double()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pytest.raises(InputError, match=re.escape("module.eval()")):
        check_training(sgd, module, optimizer, torchs()[2])
