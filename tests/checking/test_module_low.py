"""Modules in bfloat16 and float16: the part that rounds more often than its reference is named."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from hypothesis import settings
from torch import nn
from torch.nn import functional as F

from gradproof import InputError, check_module, real
from gradproof.subject.low_precision import LOW
from tests.checking.low_precision.arithmetic import (
    Arithmetic,
    LowAccumulator,
    SecondRounding,
    kernel,
)
from tests.checking.low_precision.operations import OPERATIONS, once

CASES = settings().max_examples // 4


class Of(nn.Module):
    """A function of x and of parameters of these shapes."""

    def __init__(self, function: Any, *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function = function
        self.held = nn.ParameterList(torch.randn(shape) for shape in shapes)

    def forward(self, x: Any) -> Any:
        return self.function(x, *self.held)


def by_hand(name: str, arithmetic: type[Arithmetic] = Arithmetic) -> Of:
    """One of the operations, whose first input is x and whose others are parameters."""
    o = OPERATIONS[name]
    function = kernel(o.forward, o.backward, arithmetic)
    return Of(function, *(entry.shape for entry in o.inputs[1:]))


def right(name: str) -> Of:
    o = OPERATIONS[name]
    return Of(o.reference, *(entry.shape for entry in o.inputs[1:]))


def mlp(norm: nn.Module, activation: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), norm, activation, nn.Linear(8, 2))


@pytest.mark.parametrize("dtype", LOW)
def test_a_right_module_agrees(dtype: str) -> None:
    mine = mlp(by_hand("LayerNorm"), by_hand("SiluBias"))
    reference = mlp(right("LayerNorm"), right("SiluBias"))
    verdict = check_module(mine, reference, real(5, 4), dtypes=(dtype,), cases=CASES)
    words = dict(verdict)
    assert words["1"] == words["2"] == words["the whole"] == "agree"
    assert words["0"] == "PyTorch's own"


@pytest.mark.parametrize("part", ["1", "2"])
@pytest.mark.parametrize("mistake", [SecondRounding, LowAccumulator])
@pytest.mark.parametrize("dtype", LOW)
def test_the_part_that_rounds_more_often_is_named(dtype: str, mistake: Any, part: str) -> None:
    wrong = {part: mistake}
    mine = mlp(
        by_hand("LayerNorm", wrong.get("1", Arithmetic)),
        by_hand("SiluBias", wrong.get("2", Arithmetic)),
    )
    reference = mlp(right("LayerNorm"), right("SiluBias"))
    verdict = check_module(
        mine, reference, real(5, 4), dtypes=(dtype,), cases=4, raise_exception=False
    )
    assert verdict.wrong == part
    assert f"right in float32, rounded to {dtype} more than once" in verdict.cause
    assert dict(verdict)["the whole"] == "holds it"


@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize("name", ["Linear", "Conv1d", "BatchNorm", "RmsNorm", "GeluBias"])
def test_a_layer_alone(name: str, dtype: str) -> None:
    entry = OPERATIONS[name].inputs[0]
    assert check_module(by_hand(name), right(name), entry, dtypes=(dtype,), cases=CASES)
    wrong = by_hand(name, SecondRounding)
    verdict = check_module(
        wrong, right(name), entry, dtypes=(dtype,), cases=CASES, raise_exception=False
    )
    assert verdict.wrong == "the whole"


class Own(nn.Module):
    """Its arithmetic differs from torch.nn's, its function does not."""

    def __init__(self, like: nn.Module, function: Any) -> None:
        super().__init__()
        for name, held in like.named_parameters():
            self.register_parameter(name, nn.Parameter(held.detach().clone()))
        self.function = function

    def forward(self, x: Any) -> Any:
        return once(self.function)(x, *self.parameters())


def linear(x: Any, weight: Any, bias: Any) -> Any:
    return (x[..., None, :] * weight).sum(-1) + bias


def normalised(x: Any, weight: Any, bias: Any) -> Any:
    centred = x - x.mean(-1, keepdim=True)
    return centred * torch.rsqrt((centred**2).mean(-1, keepdim=True) + 1e-5) * weight + bias


@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize("smooth", [True, False])
def test_layers_of_torch_against_themselves_written_otherwise(dtype: str, smooth: bool) -> None:
    activation = nn.GELU() if smooth else nn.ReLU()
    gelu = lambda x: x * torch.special.ndtr(x)  # noqa: E731
    written = gelu if smooth else (lambda x: x * (x > 0))
    reference = nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), activation, nn.Linear(16, 3))
    functions = (linear, normalised, written, linear)
    mine = nn.Sequential(*map(Own, reference, functions))
    verdict = check_module(mine, reference, real(5, 4), dtypes=(dtype,), cases=CASES)
    assert set(dict(verdict).values()) == {"agree"}


@pytest.mark.parametrize("dtype", LOW)
def test_wiring_that_is_wrong_is_found(dtype: str) -> None:
    class Skip(nn.Module):
        def __init__(self, inside: nn.Module, detached: bool) -> None:
            super().__init__()
            self.inside, self.detached = inside, detached

        def forward(self, x: Any) -> Any:
            return (x.detach() if self.detached else x) + self.inside(x)

    for detached in (False, True):
        mine, reference = Skip(by_hand("LayerNorm"), detached), Skip(right("LayerNorm"), False)
        verdict = check_module(
            mine, reference, real(4, 8), dtypes=(dtype,), cases=4, raise_exception=False
        )
        assert verdict.wrong == ("the whole" if detached else "")
        assert dict(verdict)["inside"] == "agree"


class Table(nn.Module):
    """x · t, where t is a table of each side's own."""

    def __init__(self, name: str, twice: bool = False) -> None:
        super().__init__()
        self.register_buffer(name, torch.linspace(0.1, 2.3, 8))
        self.name, self.twice = name, twice

    def forward(self, x: Any) -> Any:
        t = self.get_buffer(self.name)
        y = once(torch.mul)(x, t)
        return once(torch.mul)(y, t) if self.twice else once(lambda x, t: x * t * t)(x, t)


@pytest.mark.parametrize("dtype", LOW)
def test_buffers_of_one_side_alone_are_rounded_for_the_truth_as_well(dtype: str) -> None:
    assert check_module(Table("a"), Table("b"), real(3, 8), dtypes=(dtype,), cases=4)
    twice = Table("a", twice=True)
    verdict = check_module(
        twice, Table("b"), real(3, 8), dtypes=(dtype,), cases=4, raise_exception=False
    )
    assert verdict.wrong == "the whole"


def test_wide_and_low_dtypes_in_one_call() -> None:
    class Running(nn.BatchNorm1d):
        def forward(self, x: Any) -> Any:
            return super().forward(x)

    dtypes = ("float64", *LOW)
    assert check_module(Running(4), nn.BatchNorm1d(4), real(6, 4), dtypes=dtypes)
    only = Of(lambda x, b: x + b, (3,)), Of(torch.add, (3,))
    assert check_module(only[0], only[1], real(2, 3), dtypes=("float16", "float32"))


def test_a_kernel_that_takes_low_precision_only() -> None:
    class Picky(nn.Module):
        def forward(self, x: Any) -> Any:
            if x.dtype != torch.bfloat16:
                raise TypeError(f"no kernel for {x.dtype}")
            return once(F.silu)(x)

    assert check_module(Picky(), Of(once(F.silu)), real(3, 4), dtypes=("bfloat16",))


def test_a_reference_without_such_a_kernel_says_what_to_do() -> None:
    inverse = Of(torch.linalg.inv), Of(torch.linalg.inv)
    with pytest.raises(InputError, match=r"in float16 the reference cannot run: .*x.float\(\)"):
        check_module(inverse[0], inverse[1], real(3, 3), dtypes=("float16",))
    with pytest.raises(InputError, match="dtypes are one or more of float64, float32, bfloat16"):
        check_module(inverse[0], inverse[1], real(3, 3), dtypes=("float8",))
