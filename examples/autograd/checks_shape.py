"""Gradients of autograd 1.9.1 (HIPS), against PyTorch's: shapes, indices, order."""

from __future__ import annotations

import autograd.numpy as np
import torch
from rule import AXIS, axes, rule

from gradproof import Check, mask, real

one, two, three = axes(1), axes(2), axes(3)


def long(draw):
    """An axis that is long enough for every branch of a stencil."""
    return real(5 + draw(AXIS), draw(AXIS) + 5)


def long_triple(draw):
    """The same, of three axes."""
    return real(2, 5 + draw(AXIS), 6)


def single(draw):
    """Two axes of length 1."""
    return real(1, draw(AXIS), 1)


def square(draw):
    """As wide as high."""
    n = draw(AXIS)
    return real(n, n)


def cube(draw):
    """Three axes of one length."""
    n = draw(AXIS)
    return real(n, n, n)


def rows(draw):
    """Two and one more row."""
    n = draw(AXIS)
    return real(2, n), real(3, n), real(1, n)


def chosen(draw):
    """A condition and two arrays of its shape."""
    n, m = draw(AXIS), draw(AXIS)
    return mask(n, m), real(n, m), real(n, m)


def vectors(*axes_of_3: int):
    """Two arrays with an axis of length 3 each."""

    def inputs(draw):
        n = draw(AXIS)
        return tuple(real(*(3 if i == a else n for i in range(2))) for a in axes_of_3)

    return inputs


def pad2(x, left, right, top, bottom):
    """x with zeros around it."""
    return torch.nn.functional.pad(x, (left, right, top, bottom))


checks = {
    "reshape": Check(rule(lambda x: np.reshape(x, (-1,))), lambda x: x.reshape(-1), three),
    "reshape_method": Check(rule(lambda x: x.reshape(-1, 1)), lambda x: x.reshape(-1, 1), three),
    "reshape_F": Check(
        rule(lambda x: np.reshape(x, (-1,), order="F")), lambda x: x.mT.reshape(-1), two
    ),
    "ravel": Check(rule(np.ravel), torch.ravel, three),
    "ravel_F": Check(rule(lambda x: np.ravel(x, order="F")), lambda x: x.mT.reshape(-1), two),
    "ravel_A": Check(
        rule(lambda x: np.ravel(np.transpose(x + 0.0 * x), order="A")),
        lambda x: x.reshape(-1),
        (real(2, 3),),
    ),
    "expand_dims": Check(rule(lambda x: np.expand_dims(x, -2)), lambda x: x.unsqueeze(-2), two),
    "squeeze": Check(rule(np.squeeze), torch.squeeze, single),
    "squeeze_axis": Check(rule(lambda x: np.squeeze(x, -1)), lambda x: x.squeeze(-1), single),
    "roll": Check(rule(lambda x: np.roll(x, 2)), lambda x: torch.roll(x, 2), two),
    "roll_axis": Check(rule(lambda x: np.roll(x, -3, -1)), lambda x: torch.roll(x, -3, -1), two),
    "roll_axes": Check(
        rule(lambda x: np.roll(x, 1, (0, 1))), lambda x: torch.roll(x, (1, 1), (0, 1)), two
    ),
    "array_split": Check(
        rule(lambda x: np.array_split(x, 3, axis=1)), lambda x: torch.tensor_split(x, 3, 1), two
    ),
    "array_split_negative": Check(
        rule(lambda x: np.array_split(x, [1, 2], axis=-1)),
        lambda x: torch.tensor_split(x, (1, 2), -1),
        axes(3),
    ),
    "split": Check(rule(lambda x: np.split(x, [1])), lambda x: torch.tensor_split(x, (1,)), two),
    "vsplit": Check(rule(lambda x: np.vsplit(x, [1])), lambda x: torch.vsplit(x, [1]), two),
    "hsplit": Check(rule(lambda x: np.hsplit(x, [1])), lambda x: torch.hsplit(x, [1]), two),
    "hsplit_vector": Check(rule(lambda x: np.hsplit(x, [1])), lambda x: torch.hsplit(x, [1]), one),
    "dsplit": Check(rule(lambda x: np.dsplit(x, [1])), lambda x: torch.dsplit(x, [1]), three),
    "diag_matrix": Check(rule(np.diag), torch.diag, square),
    "diag_oblong": Check(rule(np.diag), torch.diag, (real(2, 3),)),
    "diag_vector": Check(rule(np.diag), torch.diag, one),
    "diag_vector_k": Check(rule(lambda x: np.diag(x, -2)), lambda x: torch.diag(x, -2), one),
    "diag_matrix_k": Check(
        rule(lambda x: np.diag(x, 1)), lambda x: torch.diag(x, 1), (real(3, 3),)
    ),
    "diagonal": Check(
        rule(lambda x: np.diagonal(x, 0, -1, -2)), lambda x: torch.diagonal(x, 0, -1, -2), cube
    ),
    "make_diagonal": Check(
        rule(lambda x: np.make_diagonal(x, 0, -1, -2)), torch.diag_embed, two, dtypes=["float64"]
    ),
    "flipud": Check(rule(np.flipud), torch.flipud, two),
    "fliplr": Check(rule(np.fliplr), torch.fliplr, three),
    "rot90": Check(rule(np.rot90), torch.rot90, three),
    "rot90_k": Check(rule(lambda x: np.rot90(x, -3)), lambda x: torch.rot90(x, -3), two),
    "trace": Check(rule(np.trace), torch.trace, two),
    "trace_offset": Check(rule(lambda x: np.trace(x, 1)), lambda x: x.diagonal(1).sum(-1), two),
    "trace_batch": Check(rule(lambda x: np.trace(x, -1)), lambda x: x.diagonal(-1).sum(-1), three),
    "full": Check(rule(lambda x: np.full((2, 3), x)), lambda x: x.expand(2, 3), axes(0)),
    "full_rows": Check(rule(lambda x: np.full((2, 3), x)), lambda x: x.expand(2, 3), (real(3),)),
    "triu": Check(rule(lambda x: np.triu(x, 1)), lambda x: torch.triu(x, 1), three),
    "tril": Check(rule(lambda x: np.tril(x, -1)), lambda x: torch.tril(x, -1), three),
    "swapaxes": Check(rule(lambda x: np.swapaxes(x, 0, -1)), lambda x: x.swapaxes(0, -1), three),
    "moveaxis": Check(rule(lambda x: np.moveaxis(x, 0, -1)), lambda x: x.movedim(0, -1), three),
    "moveaxis_several": Check(
        rule(lambda x: np.moveaxis(x, (0, -1), (-1, 1))),
        lambda x: x.movedim((0, -1), (-1, 1)),
        three,
    ),
    "rollaxis": Check(rule(lambda x: np.rollaxis(x, 2)), lambda x: x.movedim(2, 0), three),
    "rollaxis_right": Check(rule(lambda x: np.rollaxis(x, 0, 3)), lambda x: x.movedim(0, 2), three),
    "transpose": Check(rule(np.transpose), lambda x: x.permute(2, 1, 0), three),
    "transpose_axes": Check(
        rule(lambda x: np.transpose(x, (2, 0, 1))), lambda x: x.permute(2, 0, 1), three
    ),
    "transpose_negative": Check(
        rule(lambda x: np.transpose(x, (-1, 0, 1))), lambda x: x.permute(-1, 0, 1), cube
    ),
    "broadcast_to": Check(
        rule(lambda x: np.broadcast_to(x, (3, 4, 1))),
        lambda x: x.expand(3, 4, 1),
        (real(3, 1, 1),),
    ),
    "repeat": Check(rule(lambda x: np.repeat(x, 3)), lambda x: x.repeat_interleave(3), two),
    "repeat_axis": Check(
        rule(lambda x: np.repeat(x, 2, axis=1)), lambda x: x.repeat_interleave(2, 1), three
    ),
    "repeat_negative": Check(
        rule(lambda x: np.repeat(x, 2, axis=-1)), lambda x: x.repeat_interleave(2, -1), two
    ),
    "tile": Check(rule(lambda x: np.tile(x, (2, 3))), lambda x: x.tile(2, 3), two),
    "tile_vector": Check(rule(lambda x: np.tile(x, (3, 2))), lambda x: x.tile(3, 2), one),
    "tile_last": Check(rule(lambda x: np.tile(x, 2)), lambda x: x.tile(2), real(2, 3)),
    "pad": Check(
        rule(lambda x: np.pad(x, ((1, 0), (2, 3)), "constant")),
        lambda x: pad2(x, 2, 3, 1, 0),
        two,
    ),
    "pad_one": Check(rule(lambda x: np.pad(x, 2, "constant")), lambda x: pad2(x, 2, 2, 2, 2), two),
    "pad_pair": Check(
        rule(lambda x: np.pad(x, (1, 2), "constant")), lambda x: pad2(x, 1, 2, 1, 2), two
    ),
    "pad_value": Check(
        rule(lambda x: np.pad(x, ((0, 2), (1, 0)), "constant", constant_values=3.0)),
        lambda x: torch.nn.functional.pad(x, (1, 0, 0, 2), value=3.0),
        two,
    ),
    "concatenate": Check(
        rule(lambda *xs: np.concatenate(xs)), lambda a, b, c: torch.cat((a, b, c)), rows
    ),
    "concatenate_negative": Check(
        rule(lambda *xs: np.concatenate(xs, axis=-2)),
        lambda a, b, c: torch.cat((a, b, c), -2),
        rows,
    ),
    "vstack": Check(rule(lambda *xs: np.vstack(xs)), lambda a, b, c: torch.vstack((a, b, c)), rows),
    "hstack": Check(
        rule(lambda x, y: np.hstack((x, y))), lambda x, y: torch.hstack((x, y)), axes(1, 1)
    ),
    "column_stack": Check(
        rule(lambda x: np.column_stack((x, 2 * x))), lambda x: torch.column_stack((x, 2 * x)), one
    ),
    "stack": Check(
        rule(lambda x: np.stack((x, x * x), -1)), lambda x: torch.stack((x, x * x), -1), two
    ),
    "append": Check(rule(np.append), lambda x, y: torch.cat((x.ravel(), y.ravel())), axes(2, 1)),
    "array_of_entries": Check(
        rule(lambda x, y: np.array([[x, y], [y, x * y]])),
        lambda x, y: torch.stack((x, y, y, x * y)).reshape(2, 2),
        axes(0, 0),
    ),
    "array_ndmin": Check(rule(lambda x: np.array(x, ndmin=3)), lambda x: x[None, None], one),
    "atleast_2d": Check(rule(np.atleast_2d), torch.atleast_2d, one),
    "atleast_3d": Check(rule(np.atleast_3d), torch.atleast_3d, two),
    "astype": Check(rule(lambda x: x.astype(np.float64)), lambda x: x.double(), two),
    "where": Check(
        rule(lambda c, x, y: np.where(c > 0, x, y)),
        lambda c, x, y: torch.where(c > 0, x, y),
        chosen,
    ),
    "where_scalar": Check(
        rule(lambda x, y: np.where(getattr(y, "_value", y) > 0, x, y)),
        lambda x, y: torch.where(y > 0, x, y),
        (real(), real(2, 3)),
    ),
    "linspace_stops": Check(
        rule(lambda a: np.linspace(a, np.array([1.0, 2.0]), 4)),
        lambda a: (
            a + (torch.tensor([1, 2], dtype=a.dtype) - a) * torch.tensor([[0], [1], [2], [3]]) / 3
        ),
        axes(0),
    ),
    "where_rows": Check(
        rule(lambda x: np.where(np.array([[True, False, True]] * 2), x, 2 * x)),
        lambda x: x * torch.tensor([[1, 2, 1]] * 2),
        real(3),
    ),
    "select": Check(
        rule(lambda x: np.select([x > 1, x < -1], [x, -x], 0.0)),
        lambda x: torch.where(x > 1, x, torch.where(x < -1, -x, 0 * x)),
        one,
        dtypes=["float64"],
    ),
    "linspace": Check(
        rule(lambda a, b: np.linspace(a, b, 7)),
        lambda a, b: a + (b - a) * torch.arange(7, dtype=a.dtype) / 6,
        axes(0, 0),
    ),
    "diff": Check(rule(np.diff), torch.diff, two),
    "diff_n": Check(rule(lambda x: np.diff(x, 2, 0)), lambda x: torch.diff(x, 2, 0), long),
    "diff_empty": Check(
        rule(lambda x: np.concatenate((x, np.diff(x, 2)))),
        lambda x: torch.cat((x, torch.diff(x, n=2))),
        one,
    ),
    "gradient": Check(rule(np.gradient), torch.gradient, long),
    "gradient_axis": Check(
        rule(lambda x: np.gradient(x, axis=-1)), lambda x: torch.gradient(x, dim=-1)[0], long
    ),
    "gradient_axes": Check(
        rule(lambda x: np.gradient(x, axis=(2, 1))),
        lambda x: torch.gradient(x, dim=(2, 1)),
        long_triple,
    ),
    "gradient_4": Check(rule(np.gradient), lambda x: torch.gradient(x)[0], (real(4),)),
    "gradient_3": Check(rule(np.gradient), lambda x: torch.gradient(x)[0], real(3)),
    "cross": Check(rule(np.cross), torch.linalg.cross, vectors(1, 1)),
    "cross_axes": Check(
        rule(lambda x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0)),
        lambda x, y: torch.linalg.cross(x.mT, y).mT,
        vectors(0, 1),
    ),
    "cross_axis": Check(
        rule(lambda x, y: np.cross(x, y, axis=0)),
        lambda x, y: torch.linalg.cross(x, y, dim=0),
        vectors(0, 0),
    ),
    "cross_broadcast": Check(
        rule(np.cross),
        lambda x, y: torch.linalg.cross(x.expand_as(y), y),
        (real(3), real(2, 3)),
    ),
    "sort": Check(rule(np.sort), lambda x: torch.sort(x)[0], one),
    "partition": Check(
        rule(lambda x: np.sort(np.partition(x, 3)[:3])),
        lambda x: torch.sort(x)[0][:3],
        lambda draw: real(6 + draw(AXIS)),
        conventions="another order of equal numbers",
    ),
    "take_slices": Check(rule(lambda x: x[::-2, 1:]), lambda x: x.flip(0)[::2, 1:], two),
    "take_repeated": Check(
        rule(lambda x: x[[0, -1, 0], ..., None]), lambda x: x[[0, -1, 0], ..., None], three
    ),
    "take_mask": Check(
        rule(lambda x: x[np.array([True, False, True])]),
        lambda x: x[torch.tensor([True, False, True])],
        lambda draw: real(3, draw(AXIS)),
    ),
    "take_pairs": Check(
        rule(lambda x: x[np.array([0, 0, 1]), :, np.array([1, 1, 0])]),
        lambda x: x[torch.tensor([0, 0, 1]), :, torch.tensor([1, 1, 0])],
        lambda draw: (real(2, draw(AXIS), 2),),
    ),
}
