"""Gradients of numpy-ml 0.1.2, against PyTorch's: layers and modules."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from glue import layer, steps
from numpy_ml.neural_nets import layers as L
from numpy_ml.neural_nets import modules as M
from numpy_ml.neural_nets.activations import ReLU, Tanh
from numpy_ml.neural_nets.wrappers import Dropout
from references import (
    Wavenet,
    attention,
    backward_twice,
    batch_norm,
    both_ways,
    channels_last,
    conv1d,
    conv2d,
    deconv2d,
    embedding,
    looked_up,
    lstm,
    multi_head,
    residual,
    residual_conv,
    rnn,
    second,
    wavenet,
)

from gradproof import Check, choice, index, real, uniform

WB = ("W", "b")
SB = ("scaler", "intercept")
CONV = [("conv", WB), ("batchnorm", SB)]
TWICE = [f"{a}{i}.{n}" for i in (1, 2) for a, names in CONV for n in names]
FC = (real(4, 3), real(3, 2), real(1, 2))
MASK = torch.tensor(np.random.RandomState(7).rand(4, 3) >= 0.4)


IMAGE = real(2, 5, 5, 2)
KERNEL = (real(2, 3, 2, 3), real(1, 1, 1, 3))
LINE = (real(2, 6, 2), real(3, 2, 3), real(1, 1, 3))
LSTM_NAMES = ("Wf", "Wu", "Wc", "Wo", "bf", "bu", "bc", "bo")
LSTM = (*[real(4, 2)] * 4, *[real(1, 2)] * 4)
BOTH = [f"{cell}.{name}" for cell in ("cell_fwd", "cell_bwd") for name in LSTM_NAMES]
QKV = (real(2, 3, 4), real(2, 5, 4), real(2, 5, 3))
FIRST = "the first of equal entries gets all"

plain = {
    "DotProductAttention": (layer(L.DotProductAttention, count=3), attention(True), QKV),
    "DotProductAttention_unscaled": (
        layer(lambda: L.DotProductAttention(scale=False), count=3),
        attention(False),
        QKV,
    ),
    "Add": (
        layer(lambda: L.Add("Tanh"), count=3, joined=True),
        lambda a, b, c: torch.tanh(a + b + c),
        (real(3, 2),) * 3,
    ),
    "Multiply": (
        layer(lambda: L.Multiply("Sigmoid"), count=3, joined=True),
        lambda a, b, c: torch.sigmoid(a * b * c),
        (uniform(-3, 3, 3, 2),) * 3,
    ),
    "Flatten": (layer(L.Flatten), lambda x: x.flatten(1), (real(2, 3, 4),)),
    "Flatten_last": (
        layer(lambda: L.Flatten("last")),
        lambda x: x.flatten(0, 1),
        (real(2, 3, 4),),
    ),
    "Flatten_all": (layer(lambda: L.Flatten(-1)), lambda x: x.view(1, -1), (real(2, 3, 4),)),
    "BatchNorm2D": (
        layer(L.BatchNorm2D, *SB),
        channels_last(batch_norm),
        (real(3, 2, 2, 2), real(2), real(2)),
    ),
    "BatchNorm1D": (layer(L.BatchNorm1D, *SB), batch_norm, (real(4, 3), real(3), real(3))),
    "LayerNorm2D": (
        layer(L.LayerNorm2D, *SB),
        lambda x, w, b: F.layer_norm(x, w.shape, w, b),
        (real(2, 2, 3, 2), real(2, 3, 2), real(2, 3, 2)),
    ),
    "LayerNorm1D": (
        layer(L.LayerNorm1D, *SB),
        lambda x, w, b: F.layer_norm(x, w.shape, w, b),
        (real(4, 3), real(3), real(3)),
    ),
    "FullyConnected": (
        layer(lambda: L.FullyConnected(2, "Tanh"), *WB),
        lambda x, w, b: torch.tanh(x @ w + b),
        FC,
    ),
    "FullyConnected_leaky": (
        layer(lambda: L.FullyConnected(2, "Leaky ReLU(alpha=0.2)"), *WB),
        lambda x, w, b: F.leaky_relu(x @ w + b, 0.2),
        FC,
        "1 at 0",
    ),
    "FullyConnected_affine": (
        layer(lambda: L.FullyConnected(2, "Affine(slope=2.5, intercept=1)"), *WB),
        lambda x, w, b: 2.5 * (x @ w + b) + 1,
        FC,
    ),
    "Dropout": (
        layer(lambda: Dropout(L.FullyConnected(2), 0.4), *WB),
        lambda x, w, b: ((x * MASK) @ w + b) / 0.6,
        FC,
    ),
    "Softmax": (layer(L.Softmax), lambda x: x.softmax(-1), (real(3, 4),)),
    "Softmax_of_3": (layer(L.Softmax), lambda x: x.softmax(-1), (real(2, 3, 4),)),
    "Softmax_columns": (
        layer(lambda: L.Softmax(dim=0)),
        lambda x: x.softmax(0),
        (real(3, 4),),
    ),
    "Softmax_dim_1": (layer(lambda: L.Softmax(dim=1)), lambda x: x.softmax(1), (real(3, 4),)),
    "Conv1D": (layer(lambda: L.Conv1D(3, 3, act_fn="Tanh"), *WB), conv1d(), LINE),
    "Conv1D_stride": (
        layer(lambda: L.Conv1D(3, 3, pad=2, stride=2, dilation=1, act_fn="Tanh"), *WB),
        conv1d(pads=(2, 2), stride=2, dilation=2),
        LINE,
    ),
    "Conv1D_uneven": (
        layer(lambda: L.Conv1D(3, 3, pad=(1, 2), stride=3, act_fn="Tanh"), *WB),
        conv1d(pads=(1, 2), stride=3),
        LINE,
    ),
    "Conv1D_same": (
        layer(lambda: L.Conv1D(3, 3, pad="same", dilation=1, act_fn="Tanh"), *WB),
        conv1d(pads=(2, 2), dilation=2),
        LINE,
    ),
    "Conv1D_causal": (
        layer(lambda: L.Conv1D(3, 3, pad="causal", dilation=1, act_fn="Tanh"), *WB),
        conv1d(pads=(4, 0), dilation=2),
        LINE,
    ),
    "Conv2D": (
        layer(lambda: L.Conv2D(3, (2, 3), act_fn="Tanh"), *WB),
        conv2d(),
        (IMAGE, *KERNEL),
    ),
    "Conv2D_stride": (
        layer(lambda: L.Conv2D(3, (2, 3), pad=(1, 2), stride=2, act_fn="Tanh"), *WB),
        conv2d(pads=(1, 1, 2, 2), stride=2),
        (IMAGE, *KERNEL),
    ),
    "Conv2D_dilation": (
        layer(lambda: L.Conv2D(3, (2, 3), pad=1, dilation=1, act_fn="Tanh"), *WB),
        conv2d(pads=(1, 1, 1, 1), dilation=2),
        (IMAGE, *KERNEL),
    ),
    "Conv2D_uneven": (
        layer(lambda: L.Conv2D(3, (2, 3), pad=(0, 1, 2, 0), act_fn="Tanh"), *WB),
        conv2d(pads=(0, 1, 2, 0)),
        (IMAGE, *KERNEL),
    ),
    "Conv2D_same": (
        layer(lambda: L.Conv2D(3, (2, 3), pad="same", act_fn="Tanh"), *WB),
        conv2d(pads=(0, 1, 1, 1)),
        (IMAGE, *KERNEL),
    ),
    "Deconv2D": (
        layer(lambda: L.Deconv2D(3, (2, 3), act_fn="Tanh"), *WB),
        deconv2d(),
        (real(2, 3, 3, 2), *KERNEL),
    ),
    "Deconv2D_stride": (
        layer(lambda: L.Deconv2D(3, (2, 3), stride=2, act_fn="Tanh"), *WB),
        deconv2d(stride=2),
        (real(2, 3, 2, 2), *KERNEL),
    ),
    "Deconv2D_pad": (
        layer(lambda: L.Deconv2D(3, (3, 3), pad=1, act_fn="Tanh"), *WB),
        deconv2d(padding=1),
        (real(2, 3, 4, 2), real(3, 3, 2, 3), KERNEL[1]),
    ),
    "Pool2D": (
        layer(lambda: L.Pool2D((2, 3), 1)),
        channels_last(lambda x: F.max_pool2d(x, (2, 3), 1)),
        (real(2, 4, 4, 2),),
        FIRST,
    ),
    "Pool2D_stride": (
        layer(lambda: L.Pool2D((2, 2), 2)),
        channels_last(lambda x: F.max_pool2d(x, 2)),
        (real(2, 4, 4, 2),),
        FIRST,
    ),
    "Pool2D_pad": (
        layer(lambda: L.Pool2D((2, 2), 1, pad=1)),
        channels_last(lambda x: F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 2, 1)),
        (real(2, 3, 3, 1),),
        FIRST,
    ),
    "Pool2D_same": (
        layer(lambda: L.Pool2D((2, 2), 1, pad="same")),
        channels_last(lambda x: F.max_pool2d(F.pad(x, (0, 1, 0, 1)), 2, 1)),
        (real(2, 3, 3, 1),),
        FIRST,
    ),
    "Pool2D_average": (
        layer(lambda: L.Pool2D((2, 3), 1, pad=(1, 0), mode="average")),
        channels_last(lambda x: F.avg_pool2d(F.pad(x, (0, 0, 1, 1)), (2, 3), 1)),
        (real(2, 3, 4, 2),),
    ),
    "RNNCell": (
        steps(lambda: L.RNNCell(2), "Waa", "Wax", "ba", "bx"),
        rnn,
        (real(2, 2, 4), real(2, 2), real(2, 2), real(2, 1), real(2, 1)),
    ),
    "LSTMCell": (steps(lambda: L.LSTMCell(2), *LSTM_NAMES), lstm, (real(3, 2, 3), *LSTM)),
    "LSTMCell_relu": (
        steps(lambda: L.LSTMCell(2, act_fn="ReLU"), *LSTM_NAMES),
        lambda *p: lstm(*p, act=torch.relu),
        (real(3, 2, 3), *LSTM),
    ),
    "WavenetResidualModule": (
        layer(
            lambda: Wavenet(3, 2, 3, 2),
            "conv_dilation.W",
            "conv_dilation.b",
            "conv_1x1.W",
            "conv_1x1.b",
            count=2,
        ),
        wavenet,
        (real(2, 6, 3), real(2, 6, 3), real(2, 3, 2), real(1, 1, 2), real(1, 2, 3), real(1, 1, 3)),
    ),
    "SkipConnectionIdentityModule": (
        layer(
            lambda: M.SkipConnectionIdentityModule(3, (3, 3), (2, 2), act_fn=ReLU()),
            *TWICE,
        ),
        residual,
        (
            real(2, 3, 3, 2),
            *(real(3, 3, 2, 3), real(1, 1, 1, 3), real(3), real(3)),
            *(real(2, 2, 3, 2), real(1, 1, 1, 2), real(2), real(2)),
        ),
    ),
    "SkipConnectionConvModule": (
        layer(
            lambda: M.SkipConnectionConvModule(3, 2, (2, 2), (2, 2), (3, 3), act_fn=Tanh()),
            *TWICE,
            *(f"{a}_skip.{n}" for a, names in CONV for n in names),
        ),
        residual_conv,
        (
            real(2, 4, 4, 2),
            *(real(2, 2, 2, 3), real(1, 1, 1, 3), real(3), real(3)),
            *(real(2, 2, 3, 2), real(1, 1, 1, 2), real(2), real(2)),
            *(real(3, 3, 2, 2), real(1, 1, 1, 2), real(2), real(2)),
        ),
    ),
    "MultiHeadedAttentionModule": (
        layer(
            lambda: M.MultiHeadedAttentionModule(n_heads=2),
            *(f"{p}.{n}" for p in "QKVO" for n in WB),
            count=3,
        ),
        multi_head,
        (*[real(3, 4)] * 3, *[real(4, 4), real(1, 4)] * 4),
    ),
}
plain |= {
    f"Embedding_{pool}".removesuffix("_None"): (
        looked_up(pool),
        embedding(pool),
        (real(4, 3), index(4, 2, 5)),
    )
    for pool in (None, "sum", "mean")
}
plain |= {
    f"BidirectionalLSTM_{mode}": (
        layer(lambda mode=mode: M.BidirectionalLSTM(2, merge_mode=mode), *BOTH),
        both_ways(merge),
        (real(3, 2, 3), *LSTM, *LSTM),
    )
    for mode, merge in (
        ("concat", lambda a, b: torch.cat([a, b], 1)),
        ("sum", torch.add),
        ("average", lambda a, b: (a + b) / 2),
        ("multiply", torch.mul),
    )
}
plain |= {
    "FullyConnected_twice": (
        backward_twice,
        lambda x, dy, w, b: second(x.detach(), dy, w, b),
        (choice((-1.0, 0.5, 2.0), 4, 3), real(4, 2), real(3, 2), real(1, 2)),
    ),
}
checks = {
    name: Check(f, g, x, dtypes=("float64",), conventions=(why or [""])[0])
    for name, (f, g, x, *why) in plain.items()
}
