"""Sums of products: how much another order of adding can change them.

A sum of n terms is off by at most (n − 1) u Σ |term|, in whatever order they are added. Run on the
magnitudes of its arguments and cotangents, a twin that only multiplies and adds up gives Σ |term|
of each output and gradient: one plain run in place of several disturbed ones. With C terms or
fewer, C floors of u Σ |term| are that bound; for more terms `summation` allows more than this.

Source    Higham, Accuracy and Stability of Numerical Algorithms (2002), §4.2
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

_PRODUCTS = frozenset("Addmm Mm Bmm Baddbmm Addmv Mv Dot Trilinear Convolution Mul Sum".split())
_VIEWS = frozenset(
    "View UnsafeView ReshapeAlias T Transpose Permute Expand Squeeze Unsqueeze Clone".split()
)
_ALLOWED = _PRODUCTS | _VIEWS
_LEAF = "torch::autograd::AccumulateGrad"


def sums_of_products(outputs: Iterable[Tensor]) -> bool:
    """Whether autograd's graph of the outputs has only products, sums and views.

    A sum of two tensors does not count: where they cancel, it is as exact as its operands are.
    """
    nodes = [y.grad_fn for y in outputs]
    seen = set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = node.name()
        if name == _LEAF:
            continue
        if name.rstrip("0123456789").removesuffix("Backward") not in _ALLOWED:
            return False
        nodes += [source for source, _ in node.next_functions]
    return bool(seen)


def magnitude(t: Tensor) -> Tensor:
    """|t| as a leaf; an index unchanged."""
    return t.detach().abs().requires_grad_(t.requires_grad) if t.is_floating_point() else t
