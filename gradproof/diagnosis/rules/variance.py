"""A variance over n entries where it should be over n − 1, or the reverse, in an output."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradproof.diagnosis.evidence import Evidence, in_words, subsets
from gradproof.diagnosis.resample import larger
from gradproof.diagnosis.rules.missing_along_axis import Axes
from gradproof.subject.layer_options import options_of


def variance(e: Evidence) -> str:
    """The output is right but for the number of entries over which a variance is a mean."""
    if e.is_gradient or not e.is_layer:
        return ""
    cases = (*e.others, *e.judge_again(larger))
    for name, axes in _ways(e):
        for wrong, right in (("n", "n − 1"), ("n − 1", "n")):
            if all(_explains(c, name, axes, wrong == "n") for c in (e, *cases)):
                return (
                    f"as if the variance of {name} along {in_words(axes)} were a mean over "
                    f"{wrong} entries instead of {right}"
                )
    return ""


def _ways(e: Evidence) -> Iterator[tuple[str, Axes]]:
    for name, a in e.arrays.items():
        if name in e.case.arrays:
            yield from ((name, axes) for axes in subsets(a.ndim))


def _explains(e: Evidence, name: str, axes: Axes, biased: bool) -> bool:
    """Whether that is what is wrong: of a variance itself, or of what is divided by its root."""
    a = e.arrays[name]
    if not a.size or np.prod([a.shape[i] for i in axes]) < 2:
        return False
    over_n, over_less = a.var(axis=axes), a.var(axis=axes, ddof=1)
    wrong, right = (over_n, over_less) if biased else (over_less, over_n)
    if wrong.shape == e.reference.shape:
        return any(e.fits(e.reference + by * (wrong - right)) for by in _weights(e))
    if a.shape != e.reference.shape:
        return False
    wrong, right = (np.expand_dims(v, axes) for v in (wrong, right))
    mean = e.reference.mean(axis=axes, keepdims=True)
    return any(
        e.fits(mean + (e.reference - mean) * np.sqrt((right + eps) / (wrong + eps)))
        for eps in (0.0, *_options(e))
    )


def _weights(e: Evidence) -> Iterator[float]:
    yield 1.0
    for option in _options(e):
        yield option
        yield 1 - option


def _options(e: Evidence) -> list[float]:
    return [v for v in options_of(e.case.target).values() if isinstance(v, float)]
