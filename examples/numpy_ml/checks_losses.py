"""Gradients of numpy-ml 0.1.2, against PyTorch's: activations and losses."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from glue import elementwise, same_random, scalar
from numpy_ml.neural_nets import activations as A
from numpy_ml.neural_nets import losses

from gradproof import Check, choice, index, real, uniform, vjp

X = (real(3, 4),)
SMALL = (uniform(-20, 20, 3, 4),)
AT_ZERO = "another slope at 0"
EDGES = "0.2 at both edges"


smooth = {
    "Sigmoid": (A.Sigmoid(), torch.sigmoid, SMALL),
    "Tanh": (A.Tanh(), torch.tanh, SMALL),
    "Affine": (A.Affine(2.5, 1), lambda x: 2.5 * x + 1, X),
    "Exponential": (A.Exponential(), torch.exp, SMALL),
    "SoftPlus": (A.SoftPlus(), lambda x: F.softplus(x, threshold=100), SMALL),
}
kinked = {
    "ReLU": (A.ReLU(), F.relu, X),
    "LeakyReLU": (A.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2), X, AT_ZERO),
    "ELU": (A.ELU(0.7), lambda x: F.elu(x, 0.7), X, AT_ZERO),
    "SELU": (A.SELU(), F.selu, X, AT_ZERO),
    "HardSigmoid": (A.HardSigmoid(), lambda x: (0.2 * x + 0.5).clamp(0, 1), X, EDGES),
}
twice = {
    "Sigmoid_twice": (smooth["Sigmoid"][0], lambda x: x.sigmoid() * (1 - x.sigmoid()), SMALL),
    "Tanh_twice": (smooth["Tanh"][0], lambda x: 1 - x.tanh() ** 2, SMALL),
    "Exponential_twice": (smooth["Exponential"][0], torch.exp, SMALL),
    "SoftPlus_twice": (smooth["SoftPlus"][0], torch.sigmoid, SMALL),
    "ELU_twice": (
        A.ELU(0.7),
        lambda x: torch.where(x > 0, 0 * x + 1, 0.7 * x.exp()),
        (uniform(-9, -0.1, 3, 4),),
    ),
    "SELU_twice": (
        A.SELU(),
        lambda x: 1.6732632423543772 * 1.0507009873554805 * x.exp(),
        (uniform(-9, -0.1, 3, 4),),
    ),
}


def one_hot(t, n):
    return np.eye(n)[t]


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def vae(p, log_var, mean, y):
    rows = -(y * p.log() + (1 - y) * (1 - p).log()).sum(1)
    return (rows - 0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1)).mean()


def vae_grads(p, log_var, mean, y):
    return [*losses.VAELoss.grad(y, p, mean, log_var), None]


def critic(fake, true, grad):
    return fake.mean() - true.mean() + 10 * ((grad.norm(dim=1) - 1) ** 2).mean()


PROBS = np.array([0.1, 0.2, 0.3, 0.25, 0.15])


def nce(subtract):
    @vjp
    def run(x, w, b, target, noise):
        def made():
            with same_random():
                loss = losses.NCELoss(
                    5, SimpleNamespace(probs=PROBS), 3, subtract_log_label_prob=subtract
                )
                loss.n_in = x.shape[-1]
                loss._init_params()
            loss.parameters.update(W=w, b=b)
            return loss, loss(x, target, noise)[0]

        def pull(dy):
            loss, _ = made()
            dx = loss.grad(update_params=False)
            return [dy * g for g in (dx, loss.gradients["W"], loss.gradients["b"])]

        return np.asarray(made()[1]), pull

    def reference(x, w, b, target, noise):
        log_p = torch.tensor(PROBS).log() * (1.0 if subtract else 0.0)
        own = (x * w[target][:, None]).sum(-1) + (b[0] - log_p)[target][:, None]
        other = x @ w[noise].mT + (b[0] - log_p)[noise]
        return F.softplus(-own).sum() + F.softplus(other).sum()

    return run, reference


NCE = (uniform(-2, 2, 2, 1, 3), uniform(-2, 2, 5, 3), uniform(-1, 1, 1, 5))
WGAN = losses.WGAN_GPLoss()
tanh = A.Tanh()
loss = {
    "SquaredError": (
        scalar(
            lambda z, y: losses.SquaredError.loss(y, tanh.fn(z)),
            lambda z, y: [losses.SquaredError.grad(y, tanh.fn(z), z, tanh), None],
        ),
        lambda z, y: 0.5 * ((z.tanh() - y) ** 2).sum(),
        (uniform(-9, 9, 3, 4), choice((-1.0, 0.5, 2.0), 3, 4)),
    ),
    "CrossEntropy": (
        scalar(
            lambda z, t: losses.CrossEntropy.loss(one_hot(t, 4), softmax(z)),
            lambda z, t: [losses.CrossEntropy.grad(one_hot(t, 4), softmax(z)), None],
        ),
        lambda z, t: F.cross_entropy(z, t, reduction="sum"),
        (uniform(-5, 5, 3, 4), index(4, 3)),
    ),
    "VAELoss": (
        scalar(lambda p, v, m, y: losses.VAELoss.loss(y, p, m, v), vae_grads),
        vae,
        (uniform(0.05, 0.95, 3, 4), uniform(-3, 3, 3, 2), real(3, 2), choice((0, 0.3, 1), 3, 4)),
    ),
    "WGAN_GPLoss_generator": (
        scalar(lambda x: WGAN.loss(x, "G"), lambda x: [WGAN.grad(x, "G")]),
        lambda x: -x.mean(),
        (real(4),),
    ),
    "WGAN_GPLoss_critic": (
        scalar(
            lambda fake, true, grad: WGAN.loss(fake, "C", true, grad),
            lambda fake, true, grad: WGAN.grad(fake, "C", true, grad),
        ),
        critic,
        (real(4), real(4), uniform(0.2, 2, 4, 3)),
    ),
    "NCELoss": (*nce(True), (*NCE, index(2, 2), index(5, 3, low=2))),
    "NCELoss_unsubtracted": (*nce(False), (*NCE, index(2, 2), index(5, 3, low=2))),
    "NCELoss_target_among_noise": (*nce(True), (*NCE, index(3, 2), index(3, 3))),
}
checks = {
    name: Check(elementwise(a.fn, a.grad), g, x, dtypes=("float64",), conventions=(why or [""])[0])
    for name, (a, g, x, *why) in (smooth | kinked).items()
}
checks |= {
    name: Check(elementwise(a.grad, a.grad2), g, x, dtypes=("float64",))
    for name, (a, g, x) in twice.items()
}
checks |= {name: Check(f, g, x, dtypes=("float64",)) for name, (f, g, x) in loss.items()}
