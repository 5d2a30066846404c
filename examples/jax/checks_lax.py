"""Gradients of JAX 0.10.2, against PyTorch's: jax.lax, jax.ops and jax.image."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import torch
import torch.nn.functional as F
from glue import of
from jax import lax

from gradproof import Check, choice, index, permutation, real, uniform

X = (real(3, 4),)
TIES = "equal values share the gradient in another way"
KINK = "another subgradient at a kink"
IMAGE = (real(2, 5, 6, 3),)  # batch, height, width, channels


def nchw(f):
    """A function of images with channels first, for images with channels last."""
    return lambda x, *more: f(x.permute(0, 3, 1, 2), *more).permute(0, 2, 3, 1)


def conv(x, w, **options):
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, dimension_numbers=layout, **options)


def torch_conv(x, w, **options):
    return F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), **options).permute(0, 2, 3, 1)


def pool(x, f, start, **options):
    return lax.reduce_window(x, start, f, **options)


def stretched(made, x, k):
    """Zeros between the pixels of x."""
    made[:, ::k, ::k] = x
    return made


def spread(x):
    made = x.new_zeros(7, 7)
    made[::3, ::2] = x
    return made


def dilated_sum(x):
    c = x.shape[1]
    return F.conv2d(x, x.new_ones(c, 1, 3, 2), stride=(2, 1), dilation=(2, 1), groups=c)


def steps(x, h):
    made = []
    for v in x:
        h = torch.tanh(h * v)
        made.append(h)
    return made


def sort_two(k, v):
    keys, order = torch.sort(k, dim=1, stable=True)
    return keys, v.gather(1, order)


def rev(f):
    return lambda x: f(x.flip(0)).flip(0)


def put(mode):
    def f(x, i, v):
        return getattr(x.at[i], mode)(v)

    return f


WINDOW = {"window_dimensions": (1, 3, 2, 1), "window_strides": (1, 2, 1, 1)}
NEG, POS = -jnp.inf, jnp.inf

checks = {
    # cumulative operations
    "cumsum": Check(of(lax.cumsum, axis=1), lambda x: x.cumsum(1), X),
    "cumsum_reverse": Check(of(lax.cumsum, reverse=True), rev(lambda x: x.cumsum(0)), X),
    "cumprod": Check(of(lax.cumprod, axis=1), lambda x: x.cumprod(1), X),
    "cumprod_reverse": Check(of(lax.cumprod, reverse=True), rev(lambda x: x.cumprod(0)), X),
    "cummax": Check(of(lax.cummax, axis=1), lambda x: x.cummax(1).values, X, conventions=TIES),
    "cummin_reverse": Check(
        of(lax.cummin, reverse=True), rev(lambda x: x.cummin(0).values), X, conventions=TIES
    ),
    "cumlogsumexp": Check(of(lax.cumlogsumexp, axis=1), lambda x: x.logcumsumexp(1), X),
    "cumlogsumexp_reverse": Check(
        of(lax.cumlogsumexp, reverse=True), rev(lambda x: x.logcumsumexp(0)), X
    ),
    "associative_scan": Check(
        of(lambda x: lax.associative_scan(jnp.multiply, x, axis=1)), lambda x: x.cumprod(1), X
    ),
    "scan": Check(
        of(lambda x, c: lax.scan(lambda h, v: (jnp.tanh(h * v),) * 2, c, x)[1]),
        lambda x, c: torch.stack(steps(x, c)),
        (real(4, 3), real(3)),
    ),
    # windows
    "max_pool": Check(
        of(lambda x: pool(x, lax.max, NEG, padding="VALID", **WINDOW)),
        nchw(lambda x: F.max_pool2d(x, (3, 2), (2, 1))),
        IMAGE,
        conventions=TIES,
    ),
    "min_pool_padded": Check(
        of(lambda x: pool(x, lax.min, POS, padding=((0, 0), (1, 1), (1, 1), (0, 0)), **WINDOW)),
        nchw(lambda x: -F.max_pool2d(-x, (3, 2), (2, 1), (1, 1))),
        IMAGE,
        conventions=TIES,
    ),
    "sum_pool": Check(
        of(lambda x: pool(x, lax.add, 0.0, padding=((0, 0), (1, 1), (1, 1), (0, 0)), **WINDOW)),
        nchw(lambda x: F.avg_pool2d(x, (3, 2), (2, 1), (1, 1)) * 6),
        IMAGE,
    ),
    "sum_pool_stretched": Check(
        of(
            lambda x: pool(
                x,
                lax.add,
                0.0,
                padding="VALID",
                base_dilation=(1, 2, 2, 1),
                window_dilation=(1, 2, 1, 1),
                **WINDOW,
            )
        ),
        lambda x: nchw(dilated_sum)(stretched(x.new_zeros(2, 9, 11, 3), x, 2)),
        IMAGE,
    ),
    # convolutions
    "conv": Check(
        of(conv, window_strides=(2, 1), padding=((1, 1), (0, 0))),
        lambda x, w: torch_conv(x, w, stride=(2, 1), padding=(1, 0)),
        (*IMAGE, real(3, 2, 3, 4)),
    ),
    "conv_dilated": Check(
        of(conv, window_strides=(1, 2), padding="VALID", rhs_dilation=(2, 3)),
        lambda x, w: torch_conv(x, w, stride=(1, 2), dilation=(2, 3)),
        (*IMAGE, real(2, 2, 3, 4)),
    ),
    "conv_stretched": Check(
        of(conv, window_strides=(1, 1), padding=((1, 2), (0, 1)), lhs_dilation=(2, 2)),
        lambda x, w: torch_conv(
            F.pad(stretched(x.new_zeros(2, 9, 11, 3), x, 2), (0, 0, 0, 1, 1, 2)), w
        ),
        (*IMAGE, real(3, 2, 3, 4)),
    ),
    "conv_cropped": Check(
        of(conv, window_strides=(1, 2), padding=((-1, 0), (2, -1))),
        lambda x, w: torch_conv(F.pad(x, (0, 0, 2, -1, -1, 0)), w, stride=(1, 2)),
        (*IMAGE, real(3, 2, 3, 4)),
    ),
    "conv_groups": Check(
        of(conv, window_strides=(1, 1), padding="VALID", feature_group_count=3),
        lambda x, w: torch_conv(x, w, groups=3),
        (*IMAGE, real(3, 2, 1, 6)),
    ),
    "conv_batch_groups": Check(
        of(conv, window_strides=(1, 1), padding="VALID", batch_group_count=2),
        lambda x, w: torch.cat(
            [torch_conv(p, v) for p, v in zip(x.chunk(2), w.chunk(2, 3), strict=True)], 3
        ),
        (*IMAGE, real(3, 2, 3, 4)),
    ),
    "conv_transpose": Check(
        of(lambda x, w: lax.conv_transpose(x, w, (2, 2), "VALID", transpose_kernel=True)),
        nchw(lambda x, w: F.conv_transpose2d(x, w.permute(3, 2, 0, 1), stride=2)),
        (*IMAGE, real(3, 2, 4, 3)),
    ),
    # products
    "dot_general": Check(
        of(lambda a, b: lax.dot_general(a, b, (((1, 3), (2, 0)), ((2,), (1,))))),
        lambda a, b: torch.einsum("ikbl,lbkj->bij", a, b),
        (real(3, 4, 2, 5), real(5, 2, 4, 3)),
    ),
    "einsum": Check(
        of(lambda a, b, c: jnp.einsum("ij,jk,ikl->l", a, b, c)),
        lambda a, b, c: torch.einsum("ij,jk,ikl->l", a, b, c),
        (real(3, 4), real(4, 2), real(3, 2, 5)),
    ),
    # reductions
    "max": Check(of(jnp.max, axis=(0, 2)), lambda x: x.amax((0, 2)), (real(2, 3, 2),)),
    "min": Check(of(jnp.min, axis=-1, keepdims=True), lambda x: x.amin(-1, True), X),
    "prod": Check(of(jnp.prod, axis=0), lambda x: x.prod(0), X),
    "prod_axes": Check(of(jnp.prod, axis=(0, 2)), lambda x: x.prod(0).prod(1), (real(2, 3, 3),)),
    "prod_where": Check(
        of(lambda x, m: jnp.prod(x, axis=1, where=m != 0)),
        lambda x, m: torch.where(m != 0, x, 1).prod(1),
        (real(3, 4), choice((0.0, 1.0), 3, 4)),
    ),
    # order
    "sort": Check(
        of(lax.sort, dimension=0),
        lambda x: torch.sort(x, dim=0, stable=True).values,
        X,
        conventions=TIES,
    ),
    "sort_two": Check(
        of(lambda k, v: lax.sort((k, v), dimension=1, num_keys=1)),
        lambda k, v: (
            torch.sort(k, dim=1, stable=True).values,
            v.gather(1, torch.sort(k, dim=1, stable=True).indices),
        ),
        (real(3, 4), real(3, 4)),
        conventions=TIES,
    ),
    "top_k": Check(
        of(lambda x: lax.top_k(x, 2)[0]), lambda x: x.topk(2).values, X, conventions=TIES
    ),
    "top_k_axis": Check(
        of(lambda x: lax.top_k(x, 2, axis=0)[0]), lambda x: x.topk(2, 0).values, X, conventions=TIES
    ),
    # shapes
    "pad": Check(
        of(lambda x, v: lax.pad(x, v, ((1, -1, 0), (-1, 2, 0)))),
        lambda x, v: F.pad(x - v, (-1, 2, 1, -1)) + v,
        (real(3, 4), real()),
    ),
    "pad_inside": Check(
        of(lambda x: lax.pad(x, x.dtype.type(0), ((1, 0, 2), (0, -1, 1)))),
        lambda x: F.pad(spread(x), (0, -1, 1, 0)),
        X,
    ),
    "rev": Check(of(lax.rev, dimensions=(0, 1)), lambda x: x.flip(0, 1), X),
    "dynamic_slice": Check(
        of(lambda x, i: lax.dynamic_slice(x, (i, 1), (2, 2))),
        lambda x, i: x[torch.clamp(i, 0, 2) + torch.arange(2)][:, 1:3],
        (real(4, 3), index(6)),
    ),
    "dynamic_update_slice": Check(
        of(lambda x, u, i: lax.dynamic_update_slice(x, u, (i, 0))),
        lambda x, u, i: x.index_copy(0, torch.clamp(i, 0, 2) + torch.arange(2), u),
        (real(4, 3), real(2, 3), index(6)),
    ),
    "slice_strided": Check(
        of(lambda x: lax.slice(x, (0, 1), (3, 4), (2, 2))), lambda x: x[0:3:2, 1:4:2], X
    ),
    "roll": Check(of(jnp.roll, shift=(1, 2), axis=(0, 1)), lambda x: x.roll((1, 2), (0, 1)), X),
    "clamp": Check(
        of(lax.clamp),
        lambda a, x, b: torch.minimum(torch.maximum(a, x), b),
        (uniform(-2, 0, 3, 4), real(3, 4), uniform(1, 2, 3, 4)),
        conventions=KINK,
    ),
    # gather and scatter
    "take_clip": Check(
        of(lambda x, i: jnp.take(x, i, axis=0, mode="clip")),
        lambda x, i: x[torch.clamp(i, 0, 3)],
        (real(4, 3), index(8, 5)),
    ),
    "take_fill": Check(
        of(lambda x, i: jnp.take(x, i, axis=0, mode="fill", fill_value=2.0)),
        lambda x, i: torch.where((i < 4)[:, None], x[torch.clamp(i, 0, 3)], 2.0),
        (real(4, 3), index(8, 5)),
    ),
    "take_wrap": Check(
        of(lambda x, i: jnp.take(x, i, axis=1, mode="wrap")),
        lambda x, i: x[:, i % 3],
        (real(4, 3), index(8, 5)),
    ),
    "take_negative": Check(
        of(lambda x, i: x[i]), lambda x, i: x[i], (real(4, 3), index(4, 5, low=-4))
    ),
    "take_along_axis": Check(
        of(lambda x, i: jnp.take_along_axis(x, i, 1)),
        lambda x, i: x.gather(1, i),
        (real(4, 3), index(3, 4, 5)),
    ),
    "at_add": Check(
        of(put("add")), lambda x, i, v: x.index_add(0, i, v), (real(4, 3), index(4, 5), real(5, 3))
    ),
    "at_set": Check(
        of(put("set")),
        lambda x, i, v: x.index_copy(0, i, v),
        (real(4, 3), permutation(4), real(4, 3)),
    ),
    "at_set_dropped": Check(
        of(lambda x, v: x.at[jnp.array([1, 9])].set(v, mode="drop")),
        lambda x, v: torch.cat([x[:1], v[:1], x[2:]]),
        (real(4, 3), real(2, 3)),
    ),
    "at_max": Check(
        of(put("max")),
        lambda x, i, v: x.scatter_reduce(0, i[:, None].expand(-1, 3), v, "amax"),
        (real(4, 3), index(4, 5), real(5, 3)),
    ),
    "at_min": Check(
        of(put("min")),
        lambda x, i, v: x.scatter_reduce(0, i[:, None].expand(-1, 3), v, "amin"),
        (real(4, 3), index(4, 5), real(5, 3)),
    ),
    "at_multiply": Check(
        of(lambda x, i, v: x.at[i].multiply(v, unique_indices=True)),
        lambda x, i, v: x.scatter_reduce(0, i[:, None].expand(-1, 3), v, "prod"),
        (real(4, 3), permutation(4), real(4, 3)),
    ),
    "at_power": Check(
        of(lambda x: x.at[jnp.array([0, 2])].power(3.0)),
        lambda x: torch.stack([x[0] ** 3, x[1], x[2] ** 3]),
        (uniform(0.5, 2, 3, 4),),
    ),
    "segment_sum": Check(
        of(lambda x, i: jax.ops.segment_sum(x, i, 4)),
        lambda x, i: x.new_zeros(4, 3).index_add(0, i, x),
        (real(5, 3), index(4, 5)),
    ),
    "segment_max": Check(
        of(lambda x: jax.ops.segment_max(x, jnp.array([0, 0, 1, 1, 1]), 2)),
        lambda x: torch.stack([x[:2].amax(0), x[2:].amax(0)]),
        (real(5, 3),),
    ),
    "resize": Check(
        of(lambda x: jax.image.resize(x, (2, 7, 9, 3), "bilinear", antialias=False)),
        nchw(lambda x: F.interpolate(x, (7, 9), mode="bilinear")),
        IMAGE,
    ),
    "resize_down": Check(
        of(lambda x: jax.image.resize(x, (2, 3, 4, 3), "bilinear")),
        nchw(lambda x: F.interpolate(x, (3, 4), mode="bilinear", antialias=True)),
        IMAGE,
    ),
}
