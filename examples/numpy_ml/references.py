"""The functions of numpy-ml's layers, in PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from glue import same_random
from numpy_ml.neural_nets import layers as L
from numpy_ml.neural_nets import modules as M

from gradproof import vjp


def attention(scale):
    return lambda q, k, v: (q @ k.mT * (q.shape[-1] ** -0.5 if scale else 1)).softmax(-1) @ v


def channels_last(f):
    """A function of images with channels last, as one with channels first."""
    return lambda x, *more: f(x.movedim(-1, 1), *more).movedim(1, -1)


def conv2d(act=torch.tanh, pads=(0, 0, 0, 0), **options):
    def run(x, w, b):
        top, bottom, left, right = pads
        x = F.pad(x, (left, right, top, bottom))
        return act(F.conv2d(x, w.permute(3, 2, 0, 1), b.ravel(), **options))

    return channels_last(run)


def conv1d(act=torch.tanh, pads=(0, 0), **options):
    return channels_last(
        lambda x, w, b: act(F.conv1d(F.pad(x, pads), w.permute(2, 1, 0), b.ravel(), **options))
    )


def deconv2d(**options):
    return channels_last(
        lambda x, w, b: torch.tanh(
            F.conv_transpose2d(x, w.permute(2, 3, 0, 1), b.ravel(), **options)
        )
    )


def batch_norm(x, w, b):
    return F.batch_norm(x, None, None, w, b, training=True)


def embedding(pool):
    return lambda w, i: w[i] if pool is None else getattr(w[i], pool)(1, keepdim=True)


def looked_up(pool):
    def run(w, i):
        def made():
            e = L.Embedding(w.shape[1], len(w), pool)
            e.parameters["W"] = w
            return e, e.forward(i)

        def pull(dy):
            e, _ = made()
            e.backward(dy.copy())
            return [e.gradients["W"], None]

        with same_random():
            return made()[1], same_random()(pull)

    return vjp(run)


class Wavenet(M.WavenetResidualModule):
    """Its gradients in the order of its outputs."""

    def backward(self, d_main, d_skip):
        return super().backward(d_skip, d_main)


def rnn(x, waa, wax, ba, bx):
    a, out = x.new_zeros(len(x), waa.shape[0]), []
    for t in range(x.shape[2]):
        a = torch.tanh(a @ waa + ba.mT + x[:, :, t] @ wax + bx.mT)
        out.append(a)
    return torch.stack(out, -1)


def lstm(x, wf, wu, wc, wo, bf, bu, bc, bo, act=torch.tanh):
    a = c = x.new_zeros(len(x), wf.shape[1])
    out = []
    for t in range(x.shape[2]):
        z = torch.cat([a, x[:, :, t]], 1)
        f, u, o = ((z @ w + b).sigmoid() for w, b in ((wf, bf), (wu, bu), (wo, bo)))
        c = f * c + u * act(z @ wc + bc)
        a = o * act(c)
        out.append(a)
    return torch.stack(out, -1)


def both_ways(merge):
    def run(x, *weights):
        half = len(weights) // 2
        back = lstm(x.flip(-1), *weights[half:]).flip(-1)
        return merge(lstm(x, *weights[:half]), back)

    return run


def wavenet(x, skip, w, b, w1, b1):
    z = conv1d(lambda v: v, pads=(4, 0), dilation=4)(x, w, b)
    made = conv1d(lambda v: v)(torch.tanh(z) * z.sigmoid(), w1, b1)
    return x + made, skip + made


def residual(x, w1, b1, s1, i1, w2, b2, s2, i2):
    y = conv2d(torch.relu, (1, 1, 1, 1))(x, w1, b1)
    y = channels_last(batch_norm)(y, s1, i1)
    y = conv2d(lambda v: v, (0, 1, 0, 1))(y, w2, b2)
    return torch.relu(x + channels_last(batch_norm)(y, s2, i2))


def residual_conv(x, *p):
    (w1, b1, s1, i1), (w2, b2, s2, i2), (w3, b3, s3, i3) = p[:4], p[4:8], p[8:]
    y = channels_last(batch_norm)(conv2d(torch.tanh)(x, w1, b1), s1, i1)
    y = channels_last(batch_norm)(conv2d(lambda v: v)(y, w2, b2), s2, i2)
    skip = channels_last(batch_norm)(conv2d(lambda v: v)(x, w3, b3), s3, i3)
    return torch.tanh(skip + y)


def multi_head(q, k, v, *p):
    (wq, bq), (wk, bk), (wv, bv), (wo, bo) = p[:2], p[2:4], p[4:6], p[6:]
    n = len(q)
    q, k, v = (
        (x @ w + b).view(n, 1, 2, 2).transpose(1, 2)
        for x, w, b in ((q, wq, bq), (k, wk, bk), (v, wv, bv))
    )
    made = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, 4)
    return (made @ wo + bo)[:, None]


def second(x, dy, w, b):
    """The gradient of FullyConnected's x, as a function of what it depends on."""
    return (dy * (1 - torch.tanh(x @ w + b) ** 2)) @ w.mT


@vjp
def backward_twice(x, dy, w, b):
    with same_random():
        made = L.FullyConnected(w.shape[1], "Tanh")
        made.forward(x, retain_derived=False)
    made.parameters.update(W=w, b=b)
    dx, _, _ = made._bwd(dy, x)
    return dx, lambda g: [None, *made._bwd2(g, x, dy)]
