"""Right layers where PyTorch is inaccurate, and wrong ones that PyTorch's rounding would hide."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
import torch.nn.functional as F

from gradproof import Finding, Subject, laid_out, positive, real
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.counterexamples.message import explain_culprit
from tests.field.outsiders import faults, outsider

pytest.importorskip("flint", reason="PyTorch's function without rounding takes balls")


def findings(subject: Subject, count: int) -> list[Finding]:
    drawn = judged(subject, Task("layer", "Outsider", count, 0), shrink=False)
    return [f for d in drawn for f in d.judgement.findings]


def said(found: list[Finding]) -> set[str]:
    return {f.cause.partition(":")[0] for f in found if f.verdict == "reference"}


def normalised(x: Any, mean: Any, var: Any) -> Any:
    std = np.sqrt(var + np.asarray(1e-5, x.dtype))
    return (x - mean) / std, (std,)


def statistics(draw: Any, x: Any) -> Any:
    return {"x": real(*x), "mean": real(x[1]), "var": positive(x[1])}


def test_batch_norm_with_given_statistics_cancels_in_torch() -> None:
    def backward(saved: Any, dy: Any) -> Any:
        return {"x": dy / saved[0]}

    def twin(x: Any, mean: Any, var: Any) -> Any:
        return F.batch_norm(x, mean.detach(), var.detach(), eps=1e-5)

    right = outsider(normalised, backward, twin, statistics, rank=(2, 2))
    found = [f for f in findings(right, 150) if f.quantity in ("y", "x")]
    assert not [f for f in found if f.failed]
    wrong = outsider(normalised, lambda s, dy: {"x": dy}, twin, statistics, rank=(2, 2))
    assert any(f.quantity == "x" for f in faults(wrong))


def product(x: Any) -> Any:
    return np.asarray(np.prod(x, axis=-1)), (x,)


def product_slope(saved: Any, dy: Any) -> Any:
    (x,) = saved
    others = [np.prod(np.delete(x, i, axis=-1), axis=-1) * dy for i in range(x.shape[-1])]
    return {"x": np.stack(others, axis=-1)}


def silu(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    s = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
    return x * s, (x, s)


def silu_slope(saved: Any, dy: Any) -> Any:
    x, s = saved
    return {"x": dy * (s + x * s * (1 - s))}


def deviation(x: Any) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    y = np.sqrt((centred * centred).mean(axis=-1))
    return y, (centred, y)


def deviation_slope(saved: Any, dy: Any) -> Any:
    centred, y = saved
    y, g = y[..., None], dy[..., None]
    safe = np.where(y == 0, 1, y)
    return {"x": np.where(y == 0, 0, g * centred / (centred.shape[-1] * safe))}


def digamma(x: Any) -> Any:
    from scipy.special import psi

    return psi(x), (x,)


def trigamma(saved: Any, dy: Any) -> Any:
    from scipy.special import polygamma

    return {"x": dy * np.asarray(polygamma(1, saved[0]), dy.dtype)}


RIGHT = [
    (product, product_slope, lambda x: torch.prod(x, -1), real),
    (silu, silu_slope, F.silu, real),
    (deviation, deviation_slope, lambda x: x.std(dim=-1, correction=0), real),
    (digamma, trigamma, torch.digamma, positive),
]


@pytest.mark.parametrize(
    ("forward", "backward", "twin", "entry"), RIGHT, ids=["product", "silu", "std", "digamma"]
)
def test_what_pytorch_loses_is_not_manuals_fault(
    forward: Any, backward: Any, twin: Any, entry: Any
) -> None:
    found = findings(outsider(forward, backward, twin, lambda draw, x: {"x": entry(*x)}), 150)
    assert not [f for f in found if f.failed]
    if forward is digamma:
        assert said(found) == {"PyTorch is inaccurate here"}


def test_the_determinant_has_no_kink_where_torch_has_none_of_its_gradient() -> None:
    def cofactors(x: Any) -> Any:
        n = len(x)
        rows = [np.delete(x, i, 0) for i in range(n)]
        minors = [[np.linalg.det(np.delete(row, j, 1)) for j in range(n)] for row in rows]
        signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
        return (signs * np.array(minors).reshape(n, n)).astype(x.dtype)

    def det(x: Any) -> Any:
        return np.asarray(np.linalg.det(x)), (x,)

    def square(draw: Any, x: Any) -> Any:
        return {"x": real(min(x[0], 6), min(x[0], 6))}

    def backward(saved: Any, dy: Any) -> Any:
        return {"x": dy * cofactors(saved[0])}

    found = findings(outsider(det, backward, torch.linalg.det, square, rank=(1, 1)), 150)
    assert not [f for f in found if f.failed]
    assert said(found) == {"PyTorch is inaccurate here"}
    assert not [f for f in found if f.choice]


def test_a_rule_that_is_no_derivative_by_design_has_to_be_followed() -> None:
    """Rounding passes its cotangent on in this reference; its derivative is 0."""

    def twin(x: Any) -> Any:
        return x + (torch.round(x) - x).detach()

    wrong = outsider(lambda x: (np.round(x), ()), lambda s, dy: {"x": 0 * dy}, twin)
    assert len(faults(wrong)) > 20


def in_half(function: Any, slope: Any) -> tuple[Any, Any]:
    """A layer of one array that computes in float16, whatever it is given."""

    def forward(x: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(x.astype(np.float16)).astype(x.dtype), (x,)

    def backward(saved: Any, dy: Any) -> Any:
        (x,) = saved
        with np.errstate(all="ignore"):
            half = slope(x.astype(np.float16)) * dy.astype(np.float16)
        return {"x": half.astype(dy.dtype)}

    return forward, backward


IN_HALF = {
    "identity": (lambda x: x, lambda x: x**0, lambda x: x * 1),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(x.dtype), F.relu),
    "square": (lambda x: x * x, lambda x: 2 * x, torch.square),
}


@pytest.mark.parametrize("name", IN_HALF)
def test_a_forward_as_coarse_as_the_backward_is_no_witness(name: str) -> None:
    """Small cotangents are lost in float16, and y stays the same where x moves a little."""
    function, slope, twin = IN_HALF[name]
    found = findings(outsider(*in_half(function, slope), twin), 40)
    assert [f for f in found if f.failed]
    assert not said(found)


def sinc_slope(saved: Any, dy: Any) -> Any:
    (x,) = saved
    safe = np.where(x == 0, 1, x) * np.asarray(np.pi, x.dtype)
    slope = (np.cos(safe) * safe - np.sin(safe)) / (safe * safe) * np.asarray(np.pi, x.dtype)
    return {"x": (dy * np.where(x == 0, 0, slope)).astype(x.dtype)}


def cosine_gap(x: Any) -> Any:
    safe = np.where(x == 0, 1, x)
    return np.where(x == 0, 0, 2 * np.sin(safe / 2) ** 2 / safe).astype(x.dtype), (x,)


def cosine_gap_slope(saved: Any, dy: Any) -> Any:
    (x,) = saved
    safe = np.where(x == 0, 1, x)
    slope = np.sin(safe) / safe - (1 - np.cos(safe)) / (safe * safe)
    return {"x": (dy * np.where(x == 0, 0.5, slope)).astype(x.dtype)}


def gap_twin(x: Any) -> Any:
    safe = torch.where(x == 0, 1, x)
    return torch.where(x == 0, x / 2, (1 - torch.cos(safe)) / safe)


@pytest.mark.parametrize(
    ("forward", "backward", "twin"),
    [
        (lambda x: (np.sinc(x).astype(x.dtype), (x,)), sinc_slope, torch.sinc),
        (cosine_gap, cosine_gap_slope, gap_twin),
    ],
    ids=["sinc", "cosine"],
)
def test_what_cancels_on_both_sides_is_found(forward: Any, backward: Any, twin: Any) -> None:
    found = [f for f in faults(outsider(forward, backward, twin), 250) if f.quantity == "x"]
    assert "digits are lost on both sides, by a difference" in {f.cause for f in found}


def largest(axis: int) -> Any:
    def forward(x: Any) -> Any:
        y = x.max(axis=axis, keepdims=True)
        return y, (x == y,)

    return forward


@pytest.mark.parametrize("axis", [0, -1])
def test_each_of_several_ties_gets_all(axis: int) -> None:
    declared = {"Outsider": "the first of ties"}
    twin = lambda x: x.amax(axis, keepdim=True)  # noqa: E731
    every = outsider(
        largest(axis), lambda s, dy: {"x": dy * s[0]}, twin, rank=(2, 3), conventions=declared
    )
    assert {f.verdict for f in faults(every, 60)} == {"disagree"}

    def first(saved: Any, dy: Any) -> Any:
        (tied,) = saved
        return {"x": dy * (tied & (np.cumsum(tied, axis=axis) == 1))}

    one = outsider(largest(axis), first, twin, rank=(2, 3), conventions=declared)
    verdicts = Counter(f.verdict for f in findings(one, 90))
    assert verdicts["convention"] > 10
    assert not verdicts["disagree"]


class Flat(torch.autograd.Function):
    """x², by a backward pass that takes every cotangent for contiguous."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x.contiguous())
        return x * x

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        (x,) = ctx.saved_tensors
        room = dy.untyped_storage().size() // dy.element_size() - dy.storage_offset()
        dy = dy.contiguous() if room < x.numel() else dy
        flat = torch.as_strided(dy, (x.numel(),), (1,), dy.storage_offset())
        return (2 * x.reshape(-1) * flat).reshape(x.shape)


def test_a_kernel_that_takes_every_cotangent_for_contiguous() -> None:
    def wrapped(make: Any) -> Subject:
        def forward(x: Any) -> Any:
            given = make(x).requires_grad_()
            y = Flat.apply(given)
            return y.detach().numpy(), (y, given)

        def backward(saved: Any, dy: Any) -> Any:
            y, given = saved
            (dx,) = torch.autograd.grad(y, [given], make(dy), retain_graph=True)
            return {"x": dx.numpy()}

        return outsider(forward, backward, lambda x: x * x, rank=(2, 3))

    copies = faults(wrapped(lambda a: torch.from_numpy(a.copy())))
    assert {f.quantity for f in copies} == {"x"}
    assert faults(wrapped(laid_out))


def test_kernels_that_take_any_cotangent_are_right_behind_a_copy() -> None:
    """Relatives of the one before: several outputs, sums, cotangents with equal rows."""

    def function(x: Any) -> Any:
        return x.sum(-1), (x * x).transpose(0, 1)

    def forward(x: Any) -> Any:
        given = torch.from_numpy(x.copy()).requires_grad_()
        made = function(given)
        return tuple(out.detach().numpy() for out in made), (made, given)

    def backward(saved: Any, dy: Any) -> Any:
        made, given = saved
        dys = [torch.from_numpy(d.copy()) for d in dy]
        return {"x": torch.autograd.grad(made, [given], dys, retain_graph=True)[0].numpy()}

    assert not faults(outsider(forward, backward, function, rank=(2, 3)), 60)


def test_a_kernel_that_takes_equal_rows_for_one_is_found_behind_a_copy() -> None:
    class Rows(torch.autograd.Function):
        """x + 1, by a backward pass that reads the strides of dy without their zeros."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x + 1

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy * 2 if 0 in dy.stride() and dy.numel() > 1 else dy

    def forward(x: Any) -> Any:
        given = torch.from_numpy(x.copy()).requires_grad_()
        y = Rows.apply(given)
        return y.detach().numpy(), (y, given)

    def backward(saved: Any, dy: Any) -> Any:
        y, given = saved
        (dx,) = torch.autograd.grad(y, [given], torch.from_numpy(dy.copy()), retain_graph=True)
        return {"x": dx.numpy()}

    assert faults(outsider(forward, backward, lambda x: x + 1, rank=(2, 3)), 60)


def test_a_search_for_a_cause_ends() -> None:
    """One of five arrays has a term that is not multiplied by dy."""

    def forward(x: Any, w: Any, b: Any, t: Any) -> Any:
        e = x @ w + b - t
        return np.asarray((e * e).mean() + 0.1 * (w * w).sum()), (x, w, e)

    def backward(saved: Any, dy: Any) -> Any:
        x, w, e = saved
        de = dy * 2 * e / e.size
        return {"x": de @ w.T, "w": x.T @ de + 0.2 * w, "b": de.sum(axis=0), "t": -de}

    def twin(x: Any, w: Any, b: Any, t: Any) -> Any:
        return ((x @ w + b - t) ** 2).mean() + 0.1 * w.square().sum()

    def entries(draw: Any, x: Any) -> Any:
        return {"x": real(*x), "w": real(x[1], 2), "b": real(2), "t": real(x[0], 2)}

    from time import perf_counter

    subject = outsider(forward, backward, twin, entries, rank=(2, 2))
    drawn = judged(subject, Task("layer", "Outsider", 40, 0))
    smallest = next(d.shrunk for d in drawn if d.shrunk is not None)
    begun = perf_counter()
    text = explain_culprit(subject, smallest, "again")
    assert perf_counter() - begun < 10
    assert "the gradient of w" in text
