"""Gradients of pydynet 1.1, against PyTorch's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from glue import by, module, pdn
from pydynet import nn
from pydynet.nn import functional as pf

from gradproof import Check, choice, index, positive, real, uniform

X = (real(3, 4),)
PAIR = (real(2, 1, 3), real(4, 3))
COLUMN = (real(3, 2, 1), real(2, 1))
POS = (positive(3, 4),)
SMALL = (uniform(-9, 9, 3, 4),)
CUBE = (real(2, 3, 4),)
SQUARE = (real(3, 3),)
ALL = "each of equal entries gets all"

operator = {
    "add": (pdn.add, torch.add, PAIR),
    "sub": (pdn.sub, torch.sub, PAIR),
    "mul": (pdn.mul, torch.mul, PAIR),
    "div": (pdn.div, torch.div, (real(2, 1, 3), positive(4, 3))),
    "pow": (pdn.pow, torch.pow, (positive(2, 1, 3), uniform(-2, 2, 4, 3))),
    "mul_column": (pdn.mul, torch.mul, COLUMN),
    "add_ones": (pdn.add, torch.add, (real(1, 1), real(3, 2))),
    "sub_same": (lambda x: x - x * 1.0 + (x - x), lambda x: x - x * 1.0 + (x - x), X),
    "div_same": (lambda x: x / x, lambda x: x / x, POS),
    "pow_same": (lambda x: x**x, lambda x: x**x, POS),
    "mul_same": (lambda x: x * x, lambda x: x * x, X),
    "matmul_same": (lambda x: x @ x, lambda x: x @ x, SQUARE),
    "pow_2": (lambda x: x**2, lambda x: x**2, X),
    "pow_3": (lambda x: x**3, lambda x: x**3, (uniform(-3, -0.1, 3, 4),)),
    "pow_of_number": (lambda x: 2**x, lambda x: 2**x, SMALL),
    "negated": (lambda x: 3 - (-x) * 2, lambda x: 3 - (-x) * 2, X),
    "matmul": (pdn.matmul, torch.matmul, (real(2, 3), real(3, 4))),
    "matmul_vectors": (pdn.matmul, torch.matmul, (real(3), real(3))),
    "matmul_vector_left": (pdn.matmul, torch.matmul, (real(3), real(3, 4))),
    "matmul_vector_right": (pdn.matmul, torch.matmul, (real(2, 3), real(3))),
    "matmul_batched": (pdn.matmul, torch.matmul, (real(2, 2, 3), real(2, 3, 4))),
    "matmul_shared": (pdn.matmul, torch.matmul, (real(2, 2, 3), real(3, 4))),
    "matmul_vector_batch": (pdn.matmul, torch.matmul, (real(2, 2, 3), real(3))),
    "abs": (pdn.abs, torch.abs, X),
    "exp": (pdn.exp, torch.exp, SMALL),
    "log": (pdn.log, torch.log, POS),
    "sqrt": (pdn.sqrt, torch.sqrt, POS),
    "square": (pdn.square, torch.square, X),
    "sigmoid": (pdn.sigmoid, torch.sigmoid, SMALL),
    "tanh": (pdn.tanh, torch.tanh, SMALL),
    "maximum": (pdn.maximum, torch.maximum, PAIR, ALL),
    "minimum": (pdn.minimum, torch.minimum, PAIR, ALL),
}
reduction = {
    "sum": (pdn.sum, torch.sum, CUBE),
    "sum_axis": (lambda x: x.sum(-1), lambda x: x.sum(-1), CUBE),
    "sum_axes": (lambda x: x.sum((0, -1)), lambda x: x.sum((0, -1)), CUBE),
    "sum_keepdims": (lambda x: x.sum((0, 1), True), lambda x: x.sum((0, 1), True), CUBE),
    "mean": (pdn.mean, torch.mean, CUBE),
    "mean_axes": (lambda x: x.mean((0, 2)), lambda x: x.mean((0, 2)), CUBE),
    "mean_keepdims": (lambda x: x.mean(-2, True), lambda x: x.mean(-2, True), CUBE),
    "max": (lambda x: x.max(), lambda x: x.max(), CUBE, ALL),
    "max_axis": (lambda x: x.max(-1), lambda x: x.amax(-1), CUBE, ALL),
    "max_axes": (lambda x: x.max((0, 2), True), lambda x: x.amax((0, 2), True), CUBE, ALL),
    "min_axis": (lambda x: x.min(1), lambda x: x.amin(1), CUBE, ALL),
}
shape = {
    "reshape": (lambda x: x.reshape(4, -1), lambda x: x.reshape(4, -1), CUBE),
    "transpose": (lambda x: x.transpose(2, 0, 1), lambda x: x.permute(2, 0, 1), CUBE),
    "transpose_negative": (
        lambda x: x.transpose(-1, 0, 1),
        lambda x: x.permute(-1, 0, 1),
        (real(2, 2, 2),),
    ),
    "transpose_all": (lambda x: x.T, lambda x: x.permute(2, 1, 0), CUBE),
    "swapaxes": (lambda x: x.swapaxes(0, -1), lambda x: x.swapaxes(0, -1), CUBE),
    "getitem": (lambda x: x[1, :, ::-2], lambda x: x[1].flip(-1)[:, ::2], CUBE),
    "getitem_repeated": (lambda x, i: x[i], lambda x, i: x[i], (real(4, 3), index(4, 5))),
    "concat": (
        lambda a, b: pdn.concat([a, b], axis=-1),
        lambda a, b: torch.cat([a, b], -1),
        (real(2, 3), real(2, 2)),
    ),
    "concat_same": (
        lambda a, b: pdn.concat([a, b, a]),
        lambda a, b: torch.cat([a, b, a]),
        (real(2, 3), real(1, 3)),
    ),
    "split": (
        lambda x: pdn.split(x, 2, axis=-1)[1] * pdn.split(x, [2], axis=2)[0],
        lambda x: x.split(2, -1)[1] * x.split(2, -1)[0],
        CUBE,
    ),
    "split_fourth_axis": (
        lambda x: pdn.split(x, 2, axis=3)[1],
        lambda x: x.split(2, 3)[1],
        (real(1, 2, 3, 4),),
    ),
    "unsqueeze": (lambda x: pdn.unsqueeze(x, (0, -1)), lambda x: x[None, ..., None], X),
    "squeeze": (lambda x: pdn.squeeze(x, 1), lambda x: x.squeeze(1), (real(2, 1, 1),)),
    "squeeze_negative": (
        lambda x: pdn.squeeze(x, -1),
        lambda x: x.squeeze(-1),
        (real(2, 1, 1),),
    ),
}


def columns(x, size, stride, padding):
    """Windows of x, which is padded by zeros, in the last axis."""
    x = F.pad(x, (padding, padding) * (x.ndim - 2))
    for axis in range(2, x.ndim):
        x = x.unfold(axis, size, stride)
    return x.flatten(x.ndim - (x.ndim - 2) // 2)


def one_hot_loss(x, t):
    return -(x.log_softmax(1) * t).sum()


function = {
    "linear": (pf.linear, lambda x, w, b: x @ w + b, (real(5, 3), real(3, 2), real(2))),
    "embedding": (
        lambda w, i: pf.embedding(pdn.Tensor(i), w, None),
        lambda w, i: w[i],
        (real(4, 3), index(4, 2, 3)),
    ),
    "embedding_padding": (
        lambda w: pf.embedding(pdn.Tensor([3, 1, 0]), w, 1),
        lambda w: w[[3, 1, 0]] * torch.tensor([[1], [0], [1]]),
        (real(4, 3),),
    ),
    "relu": (pf.relu, F.relu, X, "1 at 0"),
    "leaky_relu": (
        lambda x: pf.leaky_relu(x, 0.25),
        lambda x: F.leaky_relu(x, 0.25),
        X,
        "1.25 at 0",
    ),
    "silu": (pf.silu, F.silu, SMALL),
    "softmax": (pf.softmax, lambda x: x.ravel().softmax(0).view_as(x), X),
    "softmax_axis": (lambda x: pf.softmax(x, 1), lambda x: x.softmax(1), CUBE),
    "log_softmax": (pf.log_softmax, lambda x: x.ravel().log_softmax(0).view_as(x), X),
    "log_softmax_axis": (lambda x: pf.log_softmax(x, 1), lambda x: x.log_softmax(1), SQUARE),
    "log_softmax_keepdims": (
        lambda x: pf.log_softmax(x, 1, True),
        lambda x: x.log_softmax(1),
        CUBE,
    ),
    "conv1d": (pf.conv1d, F.conv1d, (real(2, 2, 5), real(3, 2, 3))),
    "conv1d_stride": (
        lambda x, w: pf.conv1d(x, w, 0, 2),
        lambda x, w: F.conv1d(x, w, stride=2),
        (real(2, 2, 5), real(3, 2, 2)),
    ),
    "conv2d": (pf.conv2d, F.conv2d, (real(2, 2, 4, 5), real(3, 2, 2, 2))),
    "conv2d_options": (
        lambda x, w: pf.conv2d(x, w, 1, 2),
        lambda x, w: F.conv2d(x, w, padding=1, stride=2),
        (real(2, 2, 5, 4), real(3, 2, 3, 3)),
    ),
    "max_pool1d": (
        lambda x: pf.max_pool1d(x, 2, 2),
        lambda x: F.max_pool1d(x, 2, 2),
        (real(2, 2, 4),),
        ALL,
    ),
    "avg_pool1d": (
        lambda x: pf.avg_pool1d(x, 2, 2),
        lambda x: F.avg_pool1d(x, 2, 2),
        (real(2, 2, 4),),
    ),
    "max_pool2d": (
        lambda x: pf.max_pool2d(x, 2, 1),
        lambda x: F.max_pool2d(x, 2, 1),
        (real(2, 1, 3, 4),),
        ALL,
    ),
    "max_pool2d_channels": (
        lambda x: pf.max_pool2d(x, 2, 2),
        lambda x: F.max_pool2d(x, 2, 2),
        (real(1, 2, 4, 4),),
        ALL,
    ),
    "avg_pool2d": (
        lambda x: pf.avg_pool2d(x, 2, 1, 1),
        lambda x: F.avg_pool2d(x, 2, 1, 1),
        (real(2, 1, 3, 4),),
    ),
    "mse_mean": (pf.mse_loss, F.mse_loss, (real(3, 2), real(3, 2))),
    "mse_sum": (
        lambda x, t: pf.mse_loss(x, t, "sum"),
        lambda x, t: F.mse_loss(x, t, reduction="sum"),
        (real(3, 2), real(3, 2)),
    ),
    "nll_sum": (
        lambda x, t: pf.nll_loss(x, t, "sum"),
        lambda x, t: -(x * t).sum(),
        (real(3, 2), choice((0, 1), 3, 2)),
    ),
    "cross_entropy": (
        pf.cross_entropy_loss,
        F.cross_entropy,
        (uniform(-9, 9, 3, 4), index(4, 3)),
    ),
    "cross_entropy_sum": (
        lambda x, t: pf.cross_entropy_loss(x, t, "sum"),
        one_hot_loss,
        (uniform(-9, 9, 3, 4), choice((0, 1), 3, 4)),
    ),
}


def rnn(cell):
    """A recurrent network with the weights of a cell of pydynet."""

    def run(x, *weights):
        h = x.new_zeros(x.shape[1], weights[1].shape[0])
        state, outs = (h, h), []
        for row in x:
            state = cell(row, state, *weights)
            outs.append(state[0])
        return torch.stack(outs)

    return run


def tanh_cell(x, state, wx, wh, b):
    return (torch.tanh(x @ wx + state[0] @ wh + b),)


def lstm_cell(x, state, wx, wh, b):
    f, i, o, g = (x @ wx + state[0] @ wh + b).chunk(4, 1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_cell(x, state, wx1, wh1, wx2, wh2, b1, b2):
    h = state[0]
    z, r = (x @ wx1 + h @ wh1 + b1).sigmoid().chunk(2, 1)
    return ((1 - z) * h + z * torch.tanh(x @ wx2 + (r * h) @ wh2 + b2),)


def both_ways(x, wx, wh, b, wx2, wh2, b2):
    there, back = rnn(tanh_cell)(x, wx, wh, b), rnn(tanh_cell)(x.flip(0), wx2, wh2, b2)
    return torch.cat([there, back.flip(0)], -1)


def batch_norm(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=1e-6)


SEQUENCE = real(3, 2, 2)
CELL = (real(2, 3), real(3, 3), real(3))
LSTM = (real(2, 12), real(3, 12), real(12))
GRU = (real(2, 6), real(3, 6), real(2, 3), real(3, 3), real(6), real(3))
GRU_NAMES = ("Wx1", "Wh1", "Wx2", "Wh2", "bias1", "bias2")
layer = {
    "BatchNorm1d": (
        module(lambda: nn.BatchNorm1d(3), "scale", "shift"),
        batch_norm,
        (real(4, 3), real(3), real(3)),
    ),
    "BatchNorm1d_evaluated": (
        module(lambda: evaluated(nn.BatchNorm1d(3)), "scale", "shift"),
        lambda x, w, b: x / (1 + 1e-6) ** 0.5 * w + b,
        (real(4, 3), real(3), real(3)),
    ),
    "LayerNorm": (
        module(lambda: nn.LayerNorm(3), "scale", "shift"),
        lambda x, w, b: F.layer_norm(x, (3,), w, b, 1e-6),
        (real(2, 4, 3), real(3), real(3)),
    ),
    "RMSNorm": (
        module(lambda: nn.RMSNorm((2, 3)), "weight"),
        lambda x, w: F.rms_norm(x, (2, 3), w, 1e-6),
        (real(4, 2, 3), real(2, 3)),
    ),
    "Conv2d": (
        module(lambda: nn.Conv2d(2, 3, 2), "weight", "bias"),
        lambda x, w, b: F.conv2d(x, w, b.ravel()),
        (real(2, 2, 3, 4), real(3, 2, 2, 2), real(1, 3, 1, 1)),
    ),
    "RNN": (
        module(lambda: nn.RNN(2, 3), *(f"rnn_0.{n}" for n in ("Wx", "Wh", "bias"))),
        rnn(tanh_cell),
        (SEQUENCE, *CELL),
    ),
    "RNN_both_ways": (
        module(
            lambda: nn.RNN(2, 3, bidirectional=True),
            *(f"{r}_0.{n}" for r in ("rnn", "rrnn") for n in ("Wx", "Wh", "bias")),
        ),
        both_ways,
        (SEQUENCE, *CELL, *CELL),
    ),
    "LSTM": (
        module(lambda: nn.LSTM(2, 3), *(f"lstm_0.{n}" for n in ("Wx", "Wh", "bias"))),
        rnn(lstm_cell),
        (SEQUENCE, *LSTM),
    ),
    "GRU": (
        module(lambda: nn.GRU(2, 3), *(f"gru_0.{n}" for n in GRU_NAMES)),
        rnn(gru_cell),
        (SEQUENCE, *GRU),
    ),
}


def evaluated(layer):
    """A layer as in evaluation; its own `eval` also switches gradients off, for everybody."""
    layer.set_module_state(False)
    return layer


checks = {
    name: Check(
        f if table is layer else by(f),
        g,
        x,
        conventions=(why or [""])[0],
        dtypes=("float64",) if table is layer else ("float64", "float32"),
    )
    for table in (operator, reduction, shape, function, layer)
    for name, (f, g, x, *why) in table.items()
}
