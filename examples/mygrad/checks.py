"""Gradients of mygrad 2.5.0, against PyTorch's: arithmetic, functions, reductions."""

from __future__ import annotations

import torch
from glue import by, mg

from gradproof import Check, choice, index, positive, real, uniform

X = (real(3, 4),)
PAIR = (real(2, 1, 3), real(4, 1))
POS = (positive(3, 4),)
CUBE = (real(2, 3, 4),)
FIRST = "the first of equal entries gets all"
NEITHER = "neither of two equal entries gets any"
FLAT = "where the deviation is 0 it has no derivative"
DOUBLE = ("power_negative_base", "clip", "where_argument")  # a number of Python makes it float64

unary = {
    "absolute": (mg.absolute, torch.abs, X),
    "sqrt": (mg.sqrt, torch.sqrt, POS),
    "cbrt": (mg.cbrt, lambda x: x.pow(1 / 3), POS),
    "square": (mg.square, torch.square, X),
    "reciprocal": (mg.reciprocal, torch.reciprocal, POS),
    "negative": (mg.negative, torch.neg, X),
    "positive": (mg.positive, torch.positive, X),
    "exp": (mg.exp, torch.exp, X),
    "exp2": (mg.exp2, torch.exp2, X),
    "expm1": (mg.expm1, torch.expm1, X),
    "log": (mg.log, torch.log, POS),
    "log2": (mg.log2, torch.log2, POS),
    "log10": (mg.log10, torch.log10, POS),
    "log1p": (mg.log1p, torch.log1p, POS),
    "sin": (mg.sin, torch.sin, X),
    "cos": (mg.cos, torch.cos, X),
    "tan": (mg.tan, torch.tan, (uniform(-1.5, 1.5, 3, 4),)),
    "sinc": (mg.sinc, torch.sinc, X),
    "csc": (mg.csc, lambda x: 1 / torch.sin(x), (uniform(0.1, 3, 3, 4),)),
    "sec": (mg.sec, lambda x: 1 / torch.cos(x), (uniform(-1.5, 1.5, 3, 4),)),
    "cot": (mg.cot, lambda x: 1 / torch.tan(x), (uniform(0.1, 3, 3, 4),)),
    "arcsin": (mg.arcsin, torch.asin, (uniform(-0.99, 0.99, 3, 4),)),
    "arccos": (mg.arccos, torch.acos, (uniform(-0.99, 0.99, 3, 4),)),
    "arctan": (mg.arctan, torch.atan, X),
    "arccsc": (mg.arccsc, lambda x: torch.asin(1 / x), (uniform(1.1, 9, 3, 4),)),
    "arcsec": (mg.arcsec, lambda x: torch.acos(1 / x), (uniform(-9, -1.1, 3, 4),)),
    "arccot": (mg.arccot, lambda x: torch.atan(1 / x), POS),
    "sinh": (mg.sinh, torch.sinh, X),
    "cosh": (mg.cosh, torch.cosh, X),
    "tanh": (mg.tanh, torch.tanh, X),
    "csch": (mg.csch, lambda x: 1 / torch.sinh(x), (uniform(-4, -0.1, 3, 4),)),
    "sech": (mg.sech, lambda x: 1 / torch.cosh(x), (uniform(-4, 4, 3, 4),)),
    "coth": (mg.coth, lambda x: 1 / torch.tanh(x), (uniform(0.1, 4, 3, 4),)),
    "arcsinh": (mg.arcsinh, torch.asinh, X),
    "arccosh": (mg.arccosh, torch.acosh, (uniform(1.01, 9, 3, 4),)),
    "arctanh": (mg.arctanh, torch.atanh, (uniform(-0.99, 0.99, 3, 4),)),
    "arccsch": (mg.arccsch, lambda x: torch.asinh(1 / x), (uniform(-5, -0.1, 3, 4),)),
    "arccoth": (mg.arccoth, lambda x: torch.atanh(1 / x), (uniform(1.01, 5, 3, 4),)),
}
binary = {
    "add": (mg.add, torch.add, PAIR),
    "subtract": (mg.subtract, torch.sub, PAIR),
    "multiply": (mg.multiply, torch.mul, PAIR),
    "divide": (mg.divide, torch.div, (real(2, 1, 3), positive(4, 1))),
    "power": (mg.power, torch.pow, (positive(2, 1, 3), uniform(-3, 3, 4, 1))),
    "logaddexp": (mg.logaddexp, torch.logaddexp, PAIR),
    "logaddexp2": (mg.logaddexp2, torch.logaddexp2, PAIR),
    "maximum": (mg.maximum, torch.maximum, PAIR, NEITHER),
    "minimum": (mg.minimum, torch.minimum, PAIR, NEITHER),
    "arctan2": (mg.arctan2, torch.atan2, (real(2, 1, 3), positive(4, 1))),
    "matmul": (mg.matmul, torch.matmul, (real(3, 4), real(4, 2))),
    "matmul_vectors": (mg.matmul, torch.matmul, (real(4), real(4))),
    "matmul_vector_left": (mg.matmul, torch.matmul, (real(4), real(2, 4, 3))),
    "matmul_vector_right": (mg.matmul, torch.matmul, (real(2, 3, 4), real(4))),
    "matmul_shared_right": (mg.matmul, torch.matmul, (real(2, 2, 3, 4), real(4, 2))),
    "matmul_shared_left": (mg.matmul, torch.matmul, (real(3, 4), real(2, 4, 2))),
    "matmul_broadcast": (mg.matmul, torch.matmul, (real(1, 3, 3, 4), real(2, 1, 4, 2))),
    "add_sequence": (mg.add_sequence, lambda a, b, c: a + b + c, (*PAIR, real(3))),
    "multiply_sequence": (mg.multiply_sequence, lambda a, b, c: a * b * c, (*PAIR, real(3))),
    "power_same": (lambda x: mg.power(x, x), lambda x: x**x, POS),
    "divide_same": (lambda x: x / (x * x), lambda x: x / (x * x), POS),
    "power_negative_base": (lambda x: x**3, lambda x: x**3, X),
    "multi_matmul": (
        lambda a, b, c, d: mg.multi_matmul([a, b, c, d]),
        lambda a, b, c, d: torch.linalg.multi_dot([a, b, c, d]),
        (real(3), real(3, 4), real(4, 2), real(2)),
    ),
}

shape_of = {
    "reshape": (lambda x: mg.reshape(x, (4, -1)), lambda x: x.reshape(4, -1), CUBE),
    "squeeze": (lambda x: mg.squeeze(x, 1), lambda x: x.squeeze(1), (real(2, 1, 3, 1),)),
    "ravel": (mg.ravel, torch.ravel, CUBE),
    "expand_dims": (lambda x: mg.expand_dims(x, -2), lambda x: x.unsqueeze(-2), CUBE),
    "broadcast_to": (
        lambda x: mg.broadcast_to(x, (2, 4, 3)),
        lambda x: x.expand(2, 4, 3),
        (real(4, 1),),
    ),
    "atleast_3d": (mg.atleast_3d, lambda x: x[:, :, None], X),
    "transpose": (lambda x: x.transpose(-1, 0, 1), lambda x: x.permute(2, 0, 1), CUBE),
    "transpose_all": (lambda x: x.T, lambda x: x.permute(2, 1, 0), CUBE),
    "moveaxis": (
        lambda x: mg.moveaxis(x, (0, -1), (-1, 1)),
        lambda x: torch.movedim(x, (0, -1), (-1, 1)),
        CUBE,
    ),
    "swapaxes": (lambda x: mg.swapaxes(x, 0, -1), lambda x: x.swapaxes(0, -1), CUBE),
    "roll": (lambda x: mg.roll(x, (1, -2), (0, 2)), lambda x: x.roll((1, -2), (0, 2)), CUBE),
    "roll_flat": (lambda x: mg.roll(x, 5), lambda x: x.roll(5), CUBE),
    "roll_twice_one_axis": (
        lambda x: mg.roll(x, (1, 1), (0, 0)),
        lambda x: x.roll((1, 1), (0, 0)),
        (real(3, 2),),
    ),
    "repeat": (
        lambda x: mg.repeat(x, 3, axis=1),
        lambda x: x.repeat_interleave(3, dim=1),
        CUBE,
    ),
    "repeat_flat": (lambda x: mg.repeat(x, 2), lambda x: x.repeat_interleave(2), CUBE),
    "repeat_counts": (
        lambda x: mg.repeat(x, [2, 0, 3], axis=-2),
        lambda x: x.repeat_interleave(torch.tensor([2, 0, 3]), dim=-2),
        CUBE,
    ),
    "concatenate": (
        lambda a, b: mg.concatenate([a, b, a], axis=-1),
        lambda a, b: torch.cat([a, b, a], -1),
        (real(2, 3), real(2, 2)),
    ),
    "concatenate_flat": (
        lambda a, b: mg.concatenate([a, b], axis=None),
        lambda a, b: torch.cat([a.ravel(), b.ravel()]),
        (real(2, 3), real(2, 2)),
    ),
    "stack": (
        lambda a, b: mg.stack([a, b, a], axis=-2),
        lambda a, b: torch.stack([a, b, a], -2),
        (real(2, 3), real(2, 3)),
    ),
    "where": (
        lambda a, b, m: mg.where(m > 0, a, b),
        lambda a, b, m: torch.where(m > 0, a, b),
        (*PAIR, choice((0, 1), 3)),
    ),
    "clip": (
        lambda a: mg.clip(a, -0.5, 0.75),
        lambda a: a.clamp(-0.5, 0.75),
        X,
        NEITHER,
    ),
    "getitem_repeated": (lambda x, i: x[i], lambda x, i: x[i], (real(4, 3), index(4, 5))),
    "getitem_mixed": (
        lambda x, i: x[1:, i, None, ::-1],
        lambda x, i: x[1:][:, i].unsqueeze(2).flip(3),
        (real(3, 4, 2), index(4, 5)),
    ),
    "getitem_views": (
        lambda x: x[0] * x[::2][:, 1:].sum() + x[-1, ..., None].sum(),
        lambda x: x[0] * x[::2][:, 1:].sum() + x[-1].sum(),
        (real(3, 2),),
    ),
}


def set_rows(x, b, i):
    """A copy of x, with rows set to those of b, the last of equals counting."""
    y = +x
    y[i] = b
    return y


def rows_set(x, b, i):
    for row, at in zip(b.broadcast_to(len(i), x.shape[1]), i.tolist(), strict=True):
        keep = torch.arange(len(x))[:, None] != at
        x = torch.where(keep, x, row)
    return x


SET = (real(4, 3), real(5, 3), index(4, 5))
shape_of |= {
    "setitem_slice": (
        lambda x, b: set_rows(x, b, slice(1, 3)),
        lambda x, b: torch.cat([x[:1], b.expand(2, 3), x[3:]]),
        (real(4, 3), real(3)),
    ),
    "setitem_repeated": (set_rows, rows_set, SET),
    "setitem_repeated_int32": (lambda x, b, i: set_rows(x, b, i.astype("int32")), rows_set, SET),
    "setitem_repeated_broadcast": (set_rows, rows_set, (real(4, 3), real(3), index(4, 5))),
    "setitem_mask": (
        lambda x, b, m: set_rows(x, b, m > 0),
        lambda x, b, m: torch.where(m[:, None] > 0, b, x),
        (real(4, 3), real(3), choice((0, 1), 4)),
    ),
    "multiply_in_place": (
        lambda x, b: set_rows(set_rows(x, b, 0), b * b, 1).__imul__(b),
        lambda x, b: torch.stack([b, b * b, *x[2:]]) * b,
        (real(4, 3), real(3)),
    ),
}


def over(f, g, axis, **options):
    """A reduction of mygrad, and the same of torch, over an axis."""
    return (lambda x: f(x, axis=axis, **options)), g


def masked(f):
    return lambda a, b, m: f(a, b, where=m > 0, out=a * 0.0)


reduce = {
    "sum_axes": (*over(mg.sum, lambda x: x.sum((0, -1)), (0, -1)), CUBE),
    "sum_keepdims": (*over(mg.sum, lambda x: x.sum(1, True), 1, keepdims=True), CUBE),
    "sum_all_keepdims": (
        *over(mg.sum, lambda x: x.sum((0, 1, 2), True), None, keepdims=True),
        CUBE,
    ),
    "mean": (mg.mean, torch.mean, CUBE),
    "mean_negative_axis": (*over(mg.mean, lambda x: x.mean(-2), -2), CUBE),
    "mean_axes_keepdims": (
        *over(mg.mean, lambda x: x.mean((0, 2), True), (0, 2), keepdims=True),
        CUBE,
    ),
    "var": (mg.var, lambda x: x.var(correction=0), CUBE),
    "var_ddof": (*over(mg.var, lambda x: x.var(-1, correction=1), -1, ddof=1), CUBE),
    "var_ddof_all": (*over(mg.var, lambda x: x.var(correction=2), None, ddof=2), CUBE),
    "var_axes_keepdims": (
        *over(
            mg.var,
            lambda x: x.var((0, 1), correction=1, keepdim=True),
            (0, 1),
            ddof=1,
            keepdims=True,
        ),
        CUBE,
    ),
    "var_all_keepdims": (
        *over(mg.var, lambda x: x.var((0, 1, 2), correction=0, keepdim=True), None, keepdims=True),
        CUBE,
    ),
    "std": (mg.std, lambda x: x.std(correction=0), CUBE, FLAT),
    "std_ddof": (*over(mg.std, lambda x: x.std(1, correction=1), 1, ddof=1), CUBE, FLAT),
    "std_axes": (*over(mg.std, lambda x: x.std((0, -1), correction=0), (0, -1)), CUBE, FLAT),
    "max": (*over(mg.max, lambda x: x.max(1).values, 1), CUBE, FIRST),
    "max_all": (mg.max, lambda x: x.ravel().max(0).values, CUBE, FIRST),
    "max_axes": (
        *over(mg.max, lambda x: x.movedim(1, 0).flatten(1).max(1).values, (0, 2)),
        CUBE,
        FIRST,
    ),
    "max_negative_axes": (
        *over(mg.max, lambda x: x.movedim(1, 0).flatten(1).max(1).values, (-1, 0)),
        CUBE,
        FIRST,
    ),
    "max_keepdims": (
        *over(mg.max, lambda x: x.max(-1, True).values, -1, keepdims=True),
        CUBE,
        FIRST,
    ),
    "max_axes_keepdims": (
        *over(mg.max, lambda x: x.amax((0, 2), True), (0, 2), keepdims=True),
        CUBE,
        FIRST,
    ),
    "min": (*over(mg.min, lambda x: x.min(0).values, 0), CUBE, FIRST),
    "prod": (*over(mg.prod, lambda x: x.prod(-1), -1), CUBE),
    "prod_all": (mg.prod, torch.prod, X),
    "prod_axes": (*over(mg.prod, lambda x: x.prod(2).prod(0), (0, 2)), CUBE),
    "prod_keepdims": (*over(mg.prod, lambda x: x.prod(1, True), 1, keepdims=True), CUBE),
    "cumsum": (*over(mg.cumsum, lambda x: x.cumsum(-2), -2), CUBE),
    "cumsum_flat": (mg.cumsum, lambda x: x.ravel().cumsum(0), CUBE),
    "cumprod": (*over(mg.cumprod, lambda x: x.cumprod(-2), -2), CUBE),
    "cumprod_flat": (mg.cumprod, lambda x: x.ravel().cumprod(0), CUBE),
    "where_argument": (
        masked(mg.multiply),
        lambda a, b, m: torch.where(m > 0, a * b, a * 0),
        (real(3, 4), real(4), choice((0, 1), 3, 1)),
    ),
}
checks = {
    name: Check(
        by(f),
        g,
        x,
        conventions=(why or [""])[0],
        dtypes=("float64",) if name in DOUBLE else ("float64", "float32"),
    )
    for table in (unary, binary, shape_of, reduce)
    for name, (f, g, x, *why) in table.items()
}
