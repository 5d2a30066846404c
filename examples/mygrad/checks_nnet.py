"""Gradients of mygrad 2.5.0, against PyTorch's: norms, einsum, layers, activations, losses."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from glue import by, mg
from mygrad.nnet import activations as act
from mygrad.nnet import layers, losses
from mygrad.nnet.layers.gru import gru as gru_layer  # needs numba

from gradproof import Check, choice, index, real, uniform

X = (real(3, 4),)
CUBE = (real(2, 3, 4),)
AT_ZERO = "0 at 0, or 1"
TIES = "the first of equal entries gets all"
SMALL = (uniform(-20, 20, 3, 4),)
ROWS = (real(3, 4), index(4, 3))
PROBS = (uniform(0.05, 0.95, 3, 4), index(4, 3))


def mean_hinge(x, t, hinge=1.0):
    margin = x - x.gather(1, t[:, None]) + hinge
    return F.relu(margin).scatter(1, t[:, None], 0.0).sum() / len(x)


def focal(p, t, alpha, gamma):
    p = p.gather(1, t[:, None])[:, 0]
    return -alpha * (1 - p) ** gamma * p.log()


def gru(x, uz, wz, bz, ur, wr, br, uh, wh, bh, s0):
    s, all_s = s0, [s0]
    for row in x:
        z = torch.sigmoid(row @ uz + s @ wz + bz)
        r = torch.sigmoid(row @ ur + s @ wr + br)
        h = torch.tanh(row @ uh + (r * s) @ wh + bh)
        s = (1 - z) * h + z * s
        all_s.append(s)
    return torch.stack(all_s)


def batch_norm(x, gamma=None, beta=None):
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3)


def norm_like(p, axis=None, keepdims=False):
    return lambda x: mg.linalg.norm(x, p, axis, keepdims)


def torch_norm(p, dim=None, keepdim=False):
    return lambda x: torch.linalg.vector_norm(x, p, dim, keepdim)


norms = {
    "norm": (norm_like(None), torch_norm(2), CUBE),
    "norm_2_axis": (norm_like(2, -1), torch_norm(2, -1), CUBE),
    "norm_1_keepdims": (norm_like(1, 0, True), torch_norm(1, 0, True), CUBE),
    "norm_3": (norm_like(3, (1,)), torch_norm(3, 1), CUBE),
    "norm_half": (norm_like(0.5, 1), torch_norm(0.5, 1), CUBE),
    "norm_minus_1": (norm_like(-1.0, 1, True), torch_norm(-1.0, 1, True), (uniform(0.2, 3, 3, 4),)),
    "norm_inf": (norm_like(np.inf, 1), torch_norm(torch.inf, 1), X, TIES),
    "norm_minus_inf": (norm_like(-np.inf, 0), torch_norm(-torch.inf, 0), X, TIES),
}
products = {
    "trace": ("ii", (3, 3)),
    "diagonal": ("ii->i", (3, 3)),
    "diagonal_of_three": ("iji->ji", (3, 2, 3)),
    "sum_of_one": ("ijk->j", (2, 3, 4)),
    "sum_of_all": ("ij->", (2, 3)),
    "permuted": ("ijk->kij", (2, 3, 4)),
    "product": ("ij,jk", (2, 3), (3, 4)),
    "product_transposed": ("ij,jk->ki", (2, 3), (3, 4)),
    "batched": ("bij,bjk->bik", (2, 2, 3), (2, 3, 4)),
    "summed_alone": ("ijk,k->i", (2, 3, 4), (4,)),
    "summed_both": ("ij,kl->jl", (2, 3), (2, 4)),
    "outer": ("i,j->ij", (2,), (3,)),
    "diagonal_times": ("ii,i->i", (3, 3), (3,)),
    "diagonal_summed_alone": ("iij,k->k", (2, 2, 3), (3,)),
    "diagonal_twice": ("iijj->ij", (2, 2, 3, 3)),
    "trace_of_four": ("ijij,k->k", (2, 3, 2, 3), (2,)),
    "three": ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
    "three_shared": ("i,i,i->i", (3,), (3,), (3,)),
    "bilinear": ("bi,ijk,bk->bj", (2, 3), (3, 2, 4), (2, 4)),
    "large": ("ij,jk->ik", (30, 40), (40, 30)),
    "large_batched": ("bij,bkj->bki", (3, 20, 30), (3, 25, 30)),
    "ellipsis": ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)),
    "broadcast_ones": ("ij,ij->ij", (2, 1), (2, 3)),
}
einsum = {
    f"einsum_{name}": (
        lambda *xs, s=s: mg.einsum(s, *xs),
        lambda *xs, s=s: torch.einsum(s, *xs),
        tuple(real(*shape) for shape in shapes),
    )
    for name, (s, *shapes) in products.items()
}
einsum |= {
    "einsum_square": (
        lambda x: mg.einsum("ij,ij->i", x, x),
        lambda x: torch.einsum("ij,ij->i", x, x),
        X,
    ),
    "einsum_matrix_square": (
        lambda x: mg.einsum("ij,jk->ik", x, x),
        lambda x: x @ x,
        (real(3, 3),),
    ),
    "einsum_cube": (lambda x: mg.einsum("i,i,i->i", x, x, x), lambda x: x * x * x, (real(4),)),
    "einsum_diagonal_square": (
        lambda x: mg.einsum("ii,ii->i", x, x),
        lambda x: x.diagonal() ** 2,
        (real(3, 3),),
    ),
    "einsum_optimized": (
        lambda a, b, c: mg.einsum("ij,jk,kl->il", a, b, c, optimize=True),
        lambda a, b, c: a @ b @ c,
        (real(2, 3), real(3, 2), real(2, 4)),
    ),
}


def conv(**options):
    return (
        lambda x, w: layers.conv_nd(x, w, **options),
        lambda x, w: (F.conv1d, F.conv2d, F.conv3d)[x.ndim - 3](x, w, **options),
    )


def pooled(pool, stride):
    kernel = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(pool) - 1]
    return lambda x: layers.max_pool(x, pool, stride), lambda x: kernel(x, pool, stride)


H = 3
GRU = (real(4, 2, 2), *[e for _ in range(3) for e in (real(2, H), real(H, H), real(H))])
layer = {
    "conv1d": (*conv(stride=1), (real(2, 3, 6), real(2, 3, 3))),
    "conv1d_all": (
        *conv(stride=2, padding=2, dilation=2),
        (real(2, 3, 7), real(2, 3, 3)),
    ),
    "conv2d": (*conv(stride=1), (real(2, 2, 4, 5), real(3, 2, 2, 3))),
    "conv2d_padding": (*conv(stride=(2, 1), padding=(1, 0)), (real(2, 2, 5, 4), real(3, 2, 3, 2))),
    "conv2d_dilation": (
        *conv(stride=(1, 2), dilation=(2, 1), padding=(0, 1)),
        (real(2, 2, 5, 5), real(3, 2, 2, 3)),
    ),
    "conv2d_gap": (*conv(stride=3), (real(1, 2, 5, 8), real(2, 2, 2, 2))),
    "conv3d": (*conv(stride=1, padding=(1, 0, 0)), (real(1, 2, 2, 3, 3), real(2, 2, 2, 2, 2))),
    "max_pool1d": (*pooled((2,), 1), (real(2, 2, 5),), "the first of equals"),
    "max_pool2d": (*pooled((2, 3), (1, 2)), (real(2, 2, 4, 5),), "the first of equals"),
    "max_pool2d_stride": (*pooled((2, 2), 2), (real(2, 1, 4, 6),), "the first of equals"),
    "max_pool3d": (*pooled((2, 1, 2), (1, 2, 1)), (real(1, 2, 3, 3, 3),), "the first of equals"),
    "batchnorm": (
        lambda x, g, b: layers.batchnorm(x, gamma=g, beta=b, eps=1e-3),
        batch_norm,
        (real(3, 2, 4), real(2), real(2)),
    ),
    "batchnorm_plain": (
        lambda x: layers.batchnorm(x, eps=1e-3),
        batch_norm,
        (real(4, 3),),
    ),
    "batchnorm_gamma": (
        lambda x, g: layers.batchnorm(x, gamma=g, eps=1e-3),
        batch_norm,
        (real(3, 2, 2, 2), real(2)),
    ),
    "batchnorm_beta": (
        lambda x, b: layers.batchnorm(x, beta=b, eps=1e-3),
        lambda x, b: batch_norm(x, torch.ones_like(b), b),
        (real(5, 2), real(2)),
    ),
    "gru": (
        gru_layer,
        lambda *p: gru(*p, p[0].new_zeros(2, H)),
        GRU,
    ),
    "gru_one_step": (
        gru_layer,
        lambda *p: gru(*p, p[0].new_zeros(2, H)),
        (real(1, 2, 2), *GRU[1:]),
    ),
    "gru_state": (
        lambda *p: gru_layer(*p[:-1], s0=p[-1].data),
        gru,
        (*GRU, choice((-1.0, 0.5, 2.0), 2, H)),
    ),
}
activation = {
    "relu": (act.relu, F.relu, X),
    "leaky_relu": (
        lambda x: act.leaky_relu(x, 0.1),
        lambda x: F.leaky_relu(x, 0.1),
        X,
        AT_ZERO,
    ),
    "elu": (lambda x: act.elu(x, 0.7), lambda x: F.elu(x, 0.7), X, AT_ZERO),
    "selu": (act.selu, F.selu, X, AT_ZERO),
    "glu": (lambda x: act.glu(x, 1), lambda x: F.glu(x, 1), (real(2, 4, 3),)),
    "hard_tanh": (act.hard_tanh, F.hardtanh, X, AT_ZERO),
    "sigmoid": (act.sigmoid, torch.sigmoid, SMALL),
    "soft_sign": (act.soft_sign, F.softsign, X),
    "softmax": (act.softmax, lambda x: x.softmax(-1), X),
    "softmax_axis": (lambda x: act.softmax(x, axis=0), lambda x: x.softmax(0), CUBE),
    "softmax_axes": (
        lambda x: act.softmax(x, axis=(0, -1)),
        lambda x: x.transpose(0, 1).flatten(1).softmax(1).view(3, 2, 4).transpose(0, 1),
        CUBE,
    ),
    "softmax_all": (
        lambda x: act.softmax(x, axis=None),
        lambda x: x.ravel().softmax(0).view_as(x),
        X,
    ),
    "logsoftmax": (lambda x: act.logsoftmax(x, axis=1), lambda x: x.log_softmax(1), CUBE),
    "logsoftmax_all": (
        lambda x: act.logsoftmax(x, axis=None),
        lambda x: x.ravel().log_softmax(0).view_as(x),
        X,
    ),
}
loss = {
    "softmax_crossentropy": (losses.softmax_crossentropy, F.cross_entropy, ROWS),
    "negative_log_likelihood": (losses.negative_log_likelihood, F.nll_loss, ROWS),
    "nll_weights": (
        lambda x, t, w: losses.negative_log_likelihood(x, t, weights=w.data),
        lambda x, t, w: -(x.gather(1, t[:, None])[:, 0] * w[t]).mean(),
        (*ROWS, choice((0.5, 2.0, 3.0), 4)),
    ),
    "multiclass_hinge": (losses.multiclass_hinge, mean_hinge, ROWS, AT_ZERO),
    "multiclass_hinge_wide": (
        lambda x, t: losses.multiclass_hinge(x, t, 2.5),
        lambda x, t: mean_hinge(x, t, 2.5),
        ROWS,
        AT_ZERO,
    ),
    "margin_ranking": (
        lambda a, b, s: losses.margin_ranking_loss(a, b, s.data, 0.3),
        lambda a, b, s: F.relu(0.3 - s[:, None] * (a - b)).mean(),
        (real(3, 2), real(3, 2), choice((-1, 1), 3)),
    ),
    "margin_ranking_sign": (
        lambda a, b: losses.margin_ranking_loss(a, b, -1, 0.3),
        lambda a, b: F.relu(0.3 + a - b).mean(),
        (real(3), real(3)),
    ),
    "focal": (
        lambda p, t: losses.focal_loss(p, t, alpha=0.25, gamma=2),
        lambda p, t: focal(p, t, 0.25, 2),
        PROBS,
    ),
    "focal_gamma_0": (losses.focal_loss, lambda p, t: focal(p, t, 1, 0), PROBS),
    "focal_gamma_1": (
        lambda p, t: losses.focal_loss(p, t, alpha=2, gamma=1),
        lambda p, t: focal(p, t, 2, 1),
        PROBS,
    ),
    "focal_gamma_half": (
        lambda p, t: losses.focal_loss(p, t, gamma=0.5),
        lambda p, t: focal(p, t, 1, 0.5),
        PROBS,
    ),
    "softmax_focal": (
        lambda x, t: losses.softmax_focal_loss(x, t, alpha=0.5, gamma=2),
        lambda x, t: focal(x.softmax(1), t, 0.5, 2),
        (uniform(-5, 5, 3, 4), index(4, 3)),
    ),
}
DOUBLE = (  # a number of Python makes float32 float64 there
    *("leaky_relu", "hard_tanh", "soft_sign", "negative_log_likelihood", "nll_weights"),
    *("margin_ranking", "margin_ranking_sign"),
)
checks = {
    name: Check(
        by(f),
        g,
        x,
        conventions=(why or [""])[0],
        dtypes=("float64",) if name in DOUBLE else ("float64", "float32"),
    )
    for table in (norms, einsum, layer, activation, loss)
    for name, (f, g, x, *why) in table.items()
}
