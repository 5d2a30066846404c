"""Gradients of liger-kernel 0.8.5, against PyTorch's: losses."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import torch
import torch.nn.functional as F
from interpreted import judged
from liger_kernel import ops
from torch import Tensor

from gradproof import Check, choice, index, real, uniform

SINGLE: dict[str, Any] = {"dtypes": ("float32",)}
SKIP = -100
WEIGHTS = (0.5, 1.0, 2.0)


def tokens(*, weight: bool = False, skip: bool = False) -> Any:
    """Logits, a target for each row, and a weight for each class."""

    def inputs(draw: Any) -> dict[str, Any]:
        n, m = draw(st.integers(1, 4)), draw(st.integers(2, 9))
        also = SKIP if skip else None
        return {"x": real(n, m), "target": index(m, n, also=also)} | (
            {"weight": choice(WEIGHTS, m)} if weight else {}
        )

    return inputs


def projected(*others: str, skip: bool = False) -> Any:
    """Tokens, a matrix that makes logits of them, and targets."""

    def inputs(draw: Any) -> dict[str, Any]:
        n, m, k = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(2, 7))
        shapes = {"bias": real(k), "ce_weight": choice(WEIGHTS, k)}
        target = index(k, n, also=SKIP if skip else None)
        return {"x": real(n, m), "matrix": real(k, m), "target": target} | {
            name: shapes[name] for name in others
        }

    return inputs


def cross_entropy(
    x: Tensor, target: Tensor, weight: Any = None, *, cap: Any = None, z: float = 0.0, **more: Any
) -> Tensor:
    """PyTorch's cross entropy of capped logits, with PaLM's z-loss."""
    x = x if cap is None else cap * torch.tanh(x / cap)
    loss = F.cross_entropy(x, target, weight, **more)
    squares = z * x.logsumexp(-1).square() * (target != SKIP)
    kept = (target != SKIP).sum()
    reduced = {"none": squares, "sum": squares.sum()}.get(
        more.get("reduction"), squares.sum() / kept
    )
    return loss + reduced if z else loss


def ce(
    weighted: bool = False,
    z: float = 0.0,
    smooth: float = 0.0,
    how: str = "mean",
    cap: float | None = None,
    strided: bool = False,
) -> Check:
    """A check of the cross entropy; targets may be ignored unless their mean is taken."""
    apply, laid = ops.LigerCrossEntropyFunction.apply, torch.Tensor.contiguous
    more = {"reduction": how, "label_smoothing": smooth, "cap": cap, "z": z}

    def func(x: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        x = x if strided else laid(x)
        return apply(x, target, weight, SKIP, z, smooth, how, cap)[0]

    return Check(
        judged(func, 2),
        lambda x, target, weight=None: cross_entropy(x, target, weight, **more),
        tokens(weight=weighted, skip=how != "mean"),
        **SINGLE,
    )


def linear_ce(
    *others: str,
    z: float = 0.0,
    smooth: float = 0.0,
    how: str = "mean",
    cap: Any = None,
    scale: bool = False,
) -> Any:
    """A check of the cross entropy that makes its logits itself."""
    apply = ops.LigerFusedLinearCrossEntropyFunction.apply
    more = {"reduction": how, "label_smoothing": smooth, "cap": cap, "z": z}

    def given(*tensors: Tensor) -> tuple[Any, ...]:
        named = dict(zip(others, tensors, strict=True))
        return named.get("bias"), named.get("ce_weight")

    def func(x: Tensor, matrix: Tensor, target: Tensor, *rest: Tensor) -> Tensor:
        options = (SKIP, z, smooth, how, cap, False, None, scale)
        return apply(x, matrix, target, *given(*rest), *options)[0]

    def reference(x: Tensor, matrix: Tensor, target: Tensor, *rest: Tensor) -> Tensor:
        bias, weight = given(*rest)
        logits = F.linear(x, matrix, bias)
        if not scale:
            return cross_entropy(logits, target, weight, **more)
        loss = cross_entropy(logits, target, weight, **(more | {"reduction": "none"}))
        share = torch.softmax(logits, -1).gather(1, target.clamp(min=0).unsqueeze(1)).squeeze(1)
        return (loss * share.detach()).sum() / (len(target) if how == "mean" else 1)

    return Check(
        judged(func, *(i + 3 for i, name in enumerate(others) if name == "ce_weight")),
        reference,
        projected(*others, skip=how != "mean"),
        names=("x", "matrix", "target", *others),
        **SINGLE,
    )


PROBABILITIES = (0.0, 0.25, 0.5, 1.0)
LOGARITHMS = (-3.0, -1.0, -0.5, 0.0)


def pairs(values: tuple[float, ...], *, label: bool = True) -> Any:
    """Predictions, a target without gradient, and a label for each row, which may be ignored."""

    def inputs(draw: Any) -> dict[str, Any]:
        n, m = draw(st.integers(1, 4)), draw(st.integers(1, 7))
        given = {"x": uniform(-5, 0, n, m), "target": choice(values, n, m)}
        return given | ({"label": index(3, n, also=SKIP)} if label else {})

    return inputs


def kl(how: str, log_target: bool) -> Check:
    """A check of the Kullback-Leibler divergence."""
    apply = ops.LigerKLDivLossFunction.apply
    return Check(
        judged(lambda x, t: apply(x, t, how, log_target), 1),
        lambda x, target: F.kl_div(x, target, reduction=how, log_target=log_target),
        pairs(LOGARITHMS if log_target else PROBABILITIES, label=False),
        **SINGLE,
    )


def divergence(x: Tensor, target: Tensor, beta: float) -> Tensor:
    """The generalised Jensen-Shannon divergence of log-probabilities, entry by entry."""
    p, q = target.exp(), x.exp()
    if beta == 0:
        return p * (target - x)
    if beta == 1:
        return q * (x - target)
    mean = torch.log(beta * p + (1 - beta) * q)
    return beta * p * (target - mean) + (1 - beta) * q * (x - mean)


def kept(loss: Tensor, label: Tensor) -> Tensor:
    """The mean over rows whose label is not ignored; 0 where all are."""
    keep = label != SKIP
    return (loss.sum(-1) * keep).sum() / keep.sum().clamp(min=1)


def jsd(beta: float) -> Check:
    """A check of the Jensen-Shannon divergence, with ignored rows."""
    return Check(
        judged(lambda x, t, label: ops.LigerJSDFunction.apply(x, t, label, beta), 1),
        lambda x, target, label: kept(divergence(x, target, beta), label),
        pairs(LOGARITHMS),
        **SINGLE,
    )


def tvd(how: str) -> Check:
    """A check of the total variation distance."""
    apply = ops.LigerTVDLossFunction.apply

    def reference(x: Tensor, target: Tensor, label: Tensor) -> Tensor:
        keep = (label != SKIP).unsqueeze(1)
        loss, count = (x - target).abs() / 2 * keep, keep.sum().clamp(min=1)
        return {
            "none": loss,
            "sum": loss.sum(),
            "mean": loss.sum() / (count * x.shape[1]),
            "batchmean": loss.sum() / count,
        }[how]

    return Check(
        judged(lambda x, t, label: apply(x, t, label, how), 1),
        reference,
        pairs(LOGARITHMS),
        **SINGLE,
    )


def distilled(draw: Any) -> dict[str, Any]:
    """A student's input and matrix, a teacher's logits or input, and labels."""
    n, m, k = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(2, 5))
    values = {"target": choice(PROBABILITIES, n, k), "label": index(3, n, also=SKIP)}
    return {"x": real(n, m), "matrix": real(k, m)} | values


def linear_jsd(beta: float, heat: float, strided: bool = False) -> Check:
    """A check of the Jensen-Shannon divergence that makes its logits itself."""
    apply = ops.LigerFusedLinearJSDFunction.apply

    def func(x: Tensor, matrix: Tensor, target: Tensor, label: Tensor) -> Tensor:
        one = torch.eye(target.shape[1])
        if not strided:
            x, matrix = x.contiguous(), matrix.contiguous()
        return apply(x, matrix, target, one, label, beta, SKIP, heat)

    def reference(x: Tensor, matrix: Tensor, target: Tensor, label: Tensor) -> Tensor:
        student = torch.log_softmax(F.linear(x, matrix) / heat, -1)
        return kept(divergence(student, torch.log_softmax(target / heat, -1), beta), label)

    return Check(judged(func, 2), reference, distilled, **SINGLE)


def linear_kl(how: str, heat: float, strided: bool = False) -> Check:
    """A check of the Kullback-Leibler divergence that makes its logits itself."""
    apply = ops.LigerFusedLinearKLDivFunction.apply

    def reference(x: Tensor, matrix: Tensor, target: Tensor, label: Tensor) -> Tensor:
        student = torch.log_softmax(F.linear(x, matrix) / heat, -1)
        loss = F.kl_div(student, target, reduction="none")
        if how == "sum":
            return (loss * (label != SKIP).unsqueeze(1)).sum()
        return kept(loss, label) / (target.shape[1] if how == "mean" else 1)

    def func(x: Tensor, matrix: Tensor, target: Tensor, label: Tensor) -> Tensor:
        if not strided:
            x, matrix = x.contiguous(), matrix.contiguous()
        return apply(x, matrix, target, label, how, SKIP, heat)

    return Check(judged(func, 2), reference, distilled, **SINGLE)


def ce_and_tvd(x: Tensor, teacher: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy and total variation distance of each row; 0 where it is ignored."""
    distance = (torch.softmax(x, -1) - torch.softmax(teacher, -1)).abs().sum(-1) / 2
    return F.cross_entropy(x, target, reduction="none"), distance * (target != SKIP)


def parallel(smooth: float, formula: str) -> Check:
    """A check of the vocabulary-parallel cross entropy, on one process."""
    apply = ops.LigerVocabParallelCEFunction.apply

    def reference(x: Tensor, target: Tensor) -> Tensor:
        n = x.shape[-1]
        share = smooth * n / (n - 1) if formula == "megatron" else smooth
        shares = {"reduction": "none", "label_smoothing": share}
        return F.cross_entropy(x.flatten(0, 1), target.flatten(), **shares).view(target.shape)

    return Check(
        judged(lambda x, t: apply(x, t, None, SKIP, smooth, formula, "global")),
        reference,
        {"x": uniform(-9, 9, 2, 3, 5), "target": index(5, 2, 3, also=SKIP)},
        **SINGLE,
    )


checks = {
    "ce_mean": ce(),
    "ce_strided": ce(strided=True),
    "ce_sum": ce(how="sum"),
    "ce_none": ce(how="none"),
    "ce_smooth": ce(smooth=0.1),
    "ce_weight": ce(True),
    "ce_weight_smooth_none": ce(True, smooth=0.2, how="none"),
    "ce_weight_smooth_z": ce(True, z=0.1, smooth=0.2),
    "ce_softcap": ce(cap=3.0),
    "ce_softcap_weight_smooth_z": ce(True, z=0.1, smooth=0.2, how="sum", cap=3.0),
    "ce_z": ce(z=0.3, how="sum"),
    "linear_ce_mean": linear_ce(),
    "linear_ce_none": linear_ce("bias", how="none"),
    "linear_ce_weight": linear_ce("bias", "ce_weight", smooth=0.1, how="sum"),
    "linear_ce_softcap_z": linear_ce("bias", z=0.1, cap=3.0),
    "linear_ce_scaled": linear_ce(scale=True),
    "linear_ce_scaled_sum": linear_ce("bias", scale=True, how="sum"),
    "kl_batchmean": kl("batchmean", log_target=False),
    "kl_mean_log": kl("mean", log_target=True),
    "kl_sum": kl("sum", log_target=False),
    "kl_none_log": kl("none", log_target=True),
    "jsd_half": jsd(0.5),
    "jsd_forward": jsd(0.0),
    "jsd_reverse": jsd(1.0),
    "jsd_tenth": jsd(0.1),
    "tvd_batchmean": tvd("batchmean"),
    "tvd_mean": tvd("mean"),
    "tvd_sum": tvd("sum"),
    "tvd_none": tvd("none"),
    "linear_jsd": linear_jsd(0.5, 1.0),
    "linear_jsd_heat": linear_jsd(0.1, 2.0),
    "linear_jsd_reverse": linear_jsd(1.0, 0.5),
    "linear_jsd_strided": linear_jsd(0.5, 1.0, strided=True),
    "linear_kl": linear_kl("batchmean", 1.0),
    "linear_kl_heat": linear_kl("mean", 2.0),
    "linear_kl_sum": linear_kl("sum", 0.5),
    "linear_kl_strided": linear_kl("batchmean", 1.0, strided=True),
    "ce_and_tvd": Check(
        judged(ops.LigerFusedCETVDFunction.apply, 1),
        ce_and_tvd,
        {
            "x": real(3, 5),
            "teacher": choice((-1.0, 0.0, 0.3, 2.0), 3, 5),
            "target": index(5, 3, also=SKIP),
        },
        **SINGLE,
    ),
    "parallel_ce": parallel(0.0, "pytorch"),
    "parallel_ce_smooth": parallel(0.1, "pytorch"),
    "parallel_ce_megatron": parallel(0.1, "megatron"),
}
