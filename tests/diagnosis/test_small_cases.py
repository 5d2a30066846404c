"""A case so small that much fits it: what is named has to fit larger ones and other sizes too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from manual.layers.activation import GLU
from manual.layers.activation_hard import Hardshrink, ReLU6, Softshrink
from manual.layers.activation_sigmoid import LogSigmoid, Softplus
from manual.layers.conv import Conv2d
from manual.layers.norm import BatchNorm1d, BatchNorm2d
from manual.layers.reduce import Sum
from manual.layers.shape import Concatenate, Slice, Split, Unflatten
from manual.layers.softmax import Softmin
from manual.layers.sparse import Embedding
from manual.losses.cross_entropy import CrossEntropyLoss, NLLLoss
from manual.losses.divergence import PoissonNLLLoss
from tests.catalogue import bugs
from tests.planted import break_gradient, case_of, cause_of, normal

ONE = np.array([0.3])
CONV = case_of(Conv2d(), x=normal(1, 1, 1), weight=normal(1, 1, 1, 1))
GROUPS = case_of(Conv2d(groups=3), x=normal(3, 1, 1), weight=normal(6, 1, 1, 1))
CHANNELS = case_of(Conv2d(), x=normal(3, 1, 1), weight=normal(1, 3, 1, 1))
NORM = case_of(BatchNorm1d(), x=normal(4, 2), weight=normal(2), bias=normal(2))


def scattered(dx: Any) -> Any:
    """The gradient of x in Split(1), all pieces written to the start."""
    return dx * (np.arange(len(dx)) == 0)


GRADIENTS: dict[str, tuple[Any, str, Any]] = {
    "as if lambd were 0.5": (
        case_of(Softshrink(0.0), x=ONE),
        "x",
        lambda g, s, d: np.where(abs(g["x"]) * 0 + abs(s[0]) > 0.5, d, 0),
    ),
    "as if lambd were 0.0, where it should be zero": (
        case_of(Hardshrink(), x=ONE),
        "x",
        lambda g, s, d: d,
    ),
    "dy itself, where it should be zero": (
        case_of(ReLU6(), x=np.array([10.0])),
        "x",
        lambda g, s, d: np.where(g["x"] == 0, d, g["x"]),
    ),
    "as if a share of dy and 1 − that share were exchanged: both gradients add up to dy": (
        case_of(LogSigmoid(), x=ONE),
        "x",
        lambda g, s, d: d - g["x"],
    ),
    "transposed: as if dy were reshaped with its axes in the order (1, 0)": (
        case_of(Unflatten(0, (2, 3)), x=normal(6)),
        "x",
        lambda g, s, d: d.T.ravel(),
    ),
    "in another order: as if its halves were joined along axis 1, not 0": (
        case_of(GLU(0), x=normal(6, 3)),
        "x",
        lambda g, s, d: np.concatenate(np.split(g["x"], 2), axis=1).reshape(g["x"].shape),
    ),
    "in another order: the right numbers are shifted to the start": (
        case_of(Slice(0, 1, 9, 2), x=normal(9)),
        "x",
        lambda g, s, d: np.concatenate([d, np.zeros(len(g["x"]) - len(d))]),
    ),
    "as if dy were shifted along axis 0": (
        case_of(Concatenate(0), x0=ONE, x1=ONE),
        "x1",
        lambda g, s, d: d[: len(g["x1"])],
    ),
    "dy is spread along axis 0 instead of axis 1": (
        case_of(Sum((1,)), x=normal(2, 2)),
        "x",
        lambda g, s, d: np.resize(d, g["x"].shape),
    ),
    "as if only the first output's dy counted: the others are missing": (
        case_of(Split(1, 0), x=normal(2)),
        "x",
        lambda g, s, d: scattered(g["x"]),
    ),
    "only where the index along axis 0 is above 0: zero, and should not be": (
        CHANNELS,
        "x",
        lambda g, s, d: g["x"] * (np.arange(len(g["x"])) == 0)[:, None, None],
    ),
    "on a longer axis, only one entry, [0, 2, 0]: zero, and should not be": (
        CONV,
        "x",
        lambda g, s, d: g["x"] * (np.arange(g["x"].shape[-2]) < g["x"].shape[-2] - 1)[:, None],
    ),
    "the gradient of bias is added: a term too many": (
        NORM,
        "weight",
        lambda g, s, d: g["weight"] + g["bias"],
    ),
    "a mean over n − 1 entries instead of n, or the reverse: "
    "the term with Σ(saved array 1·dy) along axis 0": (
        NORM,
        "x",
        lambda g, s, d: (
            g["x"] - s[0] * s[1] * s[2] * (d * s[0]).sum(axis=0) * (1 / (len(d) - 1) - 1 / len(d))
        ),
    ),
}


@pytest.mark.parametrize("cause", GRADIENTS)
def test_a_gradient(monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
    case, name, change = GRADIENTS[cause]
    break_gradient(monkeypatch, type(case.layer), name, change)
    assert cause_of(case) == cause


def test_the_statistics_taken_as_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing depends on all axes of a channel together."""
    break_gradient(
        monkeypatch, BatchNorm2d, "x", lambda g, s, d: d * s[1] * (1 if s[2] is None else s[2])
    )
    said = "a mean or a sum and a term proportional to x along axes 0, 2 and 3 are missing"
    assert cause_of(case_of(BatchNorm2d(), x=normal(17, 1, 1, 1))) == said


def test_a_mean_for_a_sum_with_the_sign_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Softmin, "x", lambda g, s, d: -s[0] * (d - (s[0] * d).mean(axis=0)))
    assert "mean" in cause_of(case_of(Softmin(0), x=normal(7)))


RUNNING = {"running_mean": np.array([0.3, -0.8]), "running_var": np.array([0.6, 0.7])}
PLANTED: dict[str, tuple[str, Any]] = {
    "as if the variance of x along axes 0, 2 and 3 were a mean over n entries instead of n − 1": (
        "batchnorm-running-var-biased",
        case_of(BatchNorm2d(), x=normal(2, 2, 2, 2), **RUNNING),
    ),
    "as if the variance of x along axes 0, 2 and 3 were a mean over n − 1 entries instead of n": (
        "batchnorm-unbiased-forward",
        case_of(BatchNorm2d(), x=normal(17, 1, 1, 1)),
    ),
    "the output y1: swapped outputs": (
        "batchnorm-same-statistics",
        case_of(BatchNorm1d(training=False), x=normal(1, 2), **RUNNING),
    ),
    "off by a constant, -0.3466, wherever it is wrong": (
        "poisson-stirling-pi",
        case_of(PoissonNLLLoss(full=True, reduction="none"), x=np.array(0.3), target=np.array(1.9)),
    ),
    "factor 0.5 (the share of target that is not ignore_index: "
    "a mean that counts what is ignored?)": (
        "nll-mean-over-ignored",
        case_of(NLLLoss(), x=normal(4, 4), target=np.array([2, 3, -100, -100])),
    ),
    "only where target is -100: should be zero": (
        "crossentropy-smoothing-of-ignored",
        case_of(
            CrossEntropyLoss(reduction="none", label_smoothing=0.3),
            x=normal(4, 4),
            target=np.array([2, 3, -100, -100]),
        ),
    ),
    "as if the halves of x along axis 0 were exchanged": (
        "glu-gate-first",
        case_of(GLU(0), x=normal(2)),
    ),
    "as if threshold were inf": (
        "softplus-threshold-in-forward-only",
        case_of(Softplus(), x=np.array(27.2)),
    ),
    "as if only the first entry of x along axis 0 were chosen, for all (wrong mask or index?)": (
        "conv2d-groups-first-channels",
        case_of(Conv2d(groups=7), x=normal(7, 1, 1), weight=normal(7, 1, 1, 1)),
    ),
    "as if stride were 1, where it should be zero": (
        "conv2d-no-stride",
        case_of(
            Conv2d(stride=(1, 2), padding=(0, 1)), x=normal(1, 1, 1), weight=normal(1, 1, 1, 1)
        ),
    ),
    "as if weight were transposed": (
        "conv2d-square-only",
        case_of(Conv2d(stride=3, padding=(2, 1)), x=normal(1, 1, 1), weight=normal(1, 1, 3, 3)),
    ),
}


@pytest.mark.parametrize("cause", PLANTED)
def test_a_bug_of_the_catalogue(cause: str) -> None:
    name, case = PLANTED[cause]
    with next(bug for bug in bugs() if bug.name == name).planted():
        assert cause_of(case) == cause


def test_channels_read_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Conv2d.backward

    def backward(self: Any, saved: Any, dy: Any) -> Any:
        n = self.groups
        turned = dy.reshape(len(dy) // n, n, *dy.shape[1:]).swapaxes(0, 1).reshape(dy.shape)
        return right(self, saved, dy) | {"x": right(self, saved, turned)["x"]}

    monkeypatch.setattr(Conv2d, "backward", backward)
    assert cause_of(GROUPS) == "as if axis 0 of dy were read as 2 × 3 and transposed"


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("slice-uninitialised", case_of(Slice(0, 0, 1), x=normal(3))),
        (
            "embedding-never-cleared",
            case_of(Embedding(), x=np.array([0]), weight=normal(3, 2)),
        ),
    ],
)
def test_memory_that_is_never_filled(name: str, case: Any) -> None:
    with next(bug for bug in bugs() if bug.name == name).planted():
        said = cause_of(case)
    assert "memory that is never filled (np.empty?), which may be not a number" in said
