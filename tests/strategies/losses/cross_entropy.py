"""Valid cases of the losses of a choice between classes."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Entry, Shape, Spec, index, real, spec, uniform
from manual.losses.cross_entropy import CrossEntropyLoss, NLLLoss, SoftCrossEntropyLoss
from tests.strategies.rules import cases_for, reductions

smoothings = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@cases_for(CrossEntropyLoss)
def cross_entropy_loss(draw: Draw, x: Shape) -> Spec:
    layer = CrossEntropyLoss(draw(ignored(x)), draw(reductions), draw(smoothings))
    return spec(layer, **labelled(draw, x, layer.ignore_index))


@cases_for(NLLLoss)
def nll_loss(draw: Draw, x: Shape) -> Spec:
    layer = NLLLoss(draw(ignored(x)), draw(reductions))
    return spec(layer, **labelled(draw, x, layer.ignore_index))


@cases_for(SoftCrossEntropyLoss)
def soft_cross_entropy_loss(draw: Draw, x: Shape) -> Spec:
    x = with_a_class(x)
    layer = SoftCrossEntropyLoss(draw(reductions), draw(smoothings))
    probabilities = draw(st.booleans())  # of which nothing says that they sum to one
    target = uniform(0.0, 1.0, *x) if probabilities else real(*x)
    entries = {"x": real(*x), "target": target}
    return spec(layer, **entries, **class_weights(draw, x))


def class_axis(x: Shape) -> int:
    return 0 if len(x) == 1 else 1


def with_a_class(x: Shape) -> Shape:
    """x, with one class where it has none: without a class there is no target."""
    axis = class_axis(x)
    return (*x[:axis], max(1, x[axis]), *x[axis + 1 :])


def ignored(x: Shape) -> st.SearchStrategy[int]:
    """torch's default, another number that is no class, or one of the classes."""
    return st.sampled_from([-100, -1]) | st.integers(0, max(1, x[class_axis(x)]) - 1)


def labelled(draw: Draw, x: Shape, ignore_index: int) -> dict[str, Entry]:
    x = with_a_class(x)
    axis = class_axis(x)
    also = ignore_index if draw(st.booleans()) else None
    target = index(x[axis], *x[:axis], *x[axis + 1 :], also=also)
    return {"x": real(*x), "target": target, **class_weights(draw, x)}


def class_weights(draw: Draw, x: Shape) -> dict[str, Entry]:
    """Class weights, zero among them, or none; a mean over zero weight alone is NaN."""
    return {"weight": uniform(0.0, 2.0, x[class_axis(x)])} if draw(st.booleans()) else {}
