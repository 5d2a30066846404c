"""How numbers are written for a reader."""

from __future__ import annotations

import math
import re

import numpy as np

NONE = "–"


def count(value: float) -> str:
    """12,345; above ten million 12.3 million."""
    if not math.isfinite(value):
        return ratio(value)
    if value >= 1e7:
        return f"{value / 1e6:,.1f} million"
    return f"{int(value):,}"


def ratio(value: float) -> str:
    """Two digits: 0.31, 2.3e-5, ∞, or – where there is none."""
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if 0.001 <= abs(value) < 1000:
        return f"{value:.2g}" if abs(value) < 99.5 else f"{value:.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def value(number: float) -> str:
    """A computed number, to the digit that tells two apart."""
    return NONE if math.isnan(number) else f"{number:.6g}"


def share(part: float, whole: float) -> str:
    """A percentage that never rounds something to nothing, nor nearly all to all."""
    if not whole:
        return NONE
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.0f} %" if percent in {0, 100} else f"{percent:.1f} %"


def seconds(value: float) -> str:
    """0.4 s, 12 s, 3 min 20 s."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{int(value) // 60} min {int(value) % 60} s"


def plural(number: float, noun: str) -> str:
    """1 network, 2 networks; boxes and entries too."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{count(number)} {noun[:-1]}ies"
    return f"{count(number)} {noun}{'es' if noun.endswith(('s', 'x')) else 's'}"


def exact(number: float, dtype: str) -> str:
    """The shortest digits that read back as the same number of that dtype."""
    if dtype in {"float16", "float32"}:
        return str(np.dtype(dtype).type(number))
    return repr(float(number))


def anchor(text: str) -> str:
    """`text` as a fragment identifier."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", text).strip("-")
