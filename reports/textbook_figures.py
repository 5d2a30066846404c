"""The section's four figures, drawn from the numbers that its tables show."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from reports import textbook_network as net
from reports.drawing import macros
from reports.textbook_descent import ONE_WEIGHT, TWO_WEIGHTS, Visit
from reports.textbook_numbers import minus
from reports.textbook_plot import Frame, Point, arrow, polyline

_MACROS = macros("textbook_figures.svg.jinja")
_SUPER, _SUB = "⁰¹²³", "₀₁₂₃"


def _draw(macro: str, **values: object) -> str:
    return str(getattr(_MACROS, macro)(**values))


def curve(a: tuple[Visit, ...], b: tuple[Visit, ...]) -> str:
    """E over one weight, with the walks from A and from B drawn on the curve."""
    frame = Frame(x=(-1.0, 4.0), y=(0.0, 10.0), width=620, height=380)
    low = float(ONE_WEIGHT.minimum()[0])
    foot, top = frame.at(low, 0), frame.at(low, 3.2)
    walks = []
    for name, kind, visits, anchor in (("A", "down", a, "start"), ("B", "up", b, "end")):
        places = [frame.at(float(v.w[0]), v.error) for v in visits]
        first = visits[0]
        away = 16 if anchor == "start" else -16
        walks.append(
            {
                "name": name,
                "kind": kind,
                "anchor": anchor,
                "dots": places,
                "arrows": [arrow(p, q, 5) for p, q in pairwise(places)],
                "tangent": _tangent(frame, first),
                "at": (places[0][0] + away, places[0][1] - 24),
                "notes": [
                    minus(f"slope {first.gradient[0]:.3g}"),
                    minus(f"so w moves by {first.step[0]:+.3g}"),
                ],
            }
        )
    return _draw(
        "curve",
        frame=frame,
        title="The error of one weight: from A the weight grows, from B it shrinks, towards the "
        "minimum between them",
        line=_parabola(frame),
        minimum={"line": polyline((foot, top)), "at": (top[0], top[1] - 6)},
        walks=walks,
    )


def _parabola(frame: Frame) -> str:
    """E, a quadratic, as a Bézier curve: its control point is where the end's tangents meet."""
    first, last = (np.array([w]) for w in frame.x)
    middle = float(first[0] + last[0]) / 2
    meet = ONE_WEIGHT.error(first) + ONE_WEIGHT.gradient(first)[0] * (middle - first[0])
    ends = [frame.at(float(w[0]), ONE_WEIGHT.error(w)) for w in (first, last)]
    (x0, y0), (x1, y1), (x2, y2) = ends[0], frame.at(middle, float(meet)), ends[1]
    return f"M{x0:g} {y0:g}Q{x1:g} {y1:g} {x2:g} {y2:g}"


def _tangent(frame: Frame, visit: Visit, reach: float = 0.7) -> str:
    w, slope = float(visit.w[0]), float(visit.gradient[0])
    return frame.line((w + dw, visit.error + slope * dw) for dw in (-reach, reach))


def landscape(visits: tuple[Visit, ...]) -> str:
    """Contours of E over two weights, the gradient with its two parts, and the walk downhill."""
    # One unit is as long on either axis, so that the gradient stands square on its contour.
    frame = Frame(x=(-1.9, 2.3), y=(-1.2, 1.4), width=620, height=409)
    places = [frame.at(*v.w) for v in visits]
    first = visits[0]
    uphill = -first.step
    tip = frame.at(*(first.w + uphill))
    along = [frame.at(*(first.w + uphill * axis)) for axis in np.eye(2)]
    middle = frame.at(*((first.w + visits[1].w) / 2))
    centre = frame.at(*TWO_WEIGHTS.minimum())
    return _draw(
        "landscape",
        frame=frame,
        title="Contours of the error over two weights; the gradient points uphill, square to its "
        "contour, and each step goes the other way, to a lower contour",
        contours=[frame.line(TWO_WEIGHTS.contour(v.error, 48)) for v in visits[:5]],
        gradient=arrow(places[0], tip),
        parts=[arrow(places[0], corner) for corner in along],
        arrows=[arrow(p, q, 4) for p, q in pairwise(places)],
        dots=places,
        minimum=centre,
        labels=[
            _label(tip, "α∇E", "up", (0, 18)),
            _label(along[0], "α ∂E/∂w₁", "up", (4, -8)),
            _label(along[1], "α ∂E/∂w₂", "up", (8, 4), "start"),
            _label(middle, "first step, −α∇E", "down", (-6, -8), "end"),
            _label(centre, "minimum", "", (0, -10)),
        ],
    )


def _label(
    at: Point, words: str, kind: str, offset: Point, anchor: str = "middle"
) -> dict[str, object]:
    place = (at[0] + offset[0], at[1] + offset[1])
    return {"at": place, "words": words, "kind": kind, "anchor": anchor}


def network() -> str:
    """The 2-3-1 network with the name of every weight on its edge."""
    left, middle, right = 70.0, 310.0, 550.0
    inputs = [(left, 120.0), (left, 240.0)]
    hidden = [(middle, 70.0), (middle, 180.0), (middle, 290.0)]
    output = (right, 180.0)
    edges = [
        _edge(inputs[i], hidden[j], f"w{_SUPER[1]}{_SUB[i + 1]}{_SUB[j + 1]}", i, 0.66)
        for i in net.INPUTS
        for j in net.HIDDEN
    ]
    edges += [_edge(hidden[i], output, f"w{_SUPER[2]}{_SUB[i + 1]}", 0, 0.45) for i in net.HIDDEN]
    nodes = [{"at": at, "name": f"x{_SUB[i + 1]}"} for i, at in enumerate(inputs)]
    nodes += [{"at": at, "name": f"h{_SUB[j + 1]}"} for j, at in enumerate(hidden)]
    return _draw(
        "network",
        title="Two inputs, three hidden units and one output; every connection carries the name of "
        "its weight",
        width=620,
        height=330,
        columns=[
            {"at": (left, 22), "words": "layer 1: inputs"},
            {"at": (middle, 22), "words": "layer 2: hidden, φ"},
            {"at": (right, 22), "words": "layer 3: output"},
        ],
        edges=edges,
        nodes=[*nodes, {"at": output, "name": "y"}],
    )


def _edge(start: Point, end: Point, name: str, shade: int, along: float) -> dict[str, object]:
    """The edge, its name `along` the way, and one of two colours, so that crossings read well."""
    at = (start[0] + along * (end[0] - start[0]), start[1] + along * (end[1] - start[1]) + 5)
    return {"d": polyline((start, end)), "at": at, "name": name, "kind": ("down", "up")[shade]}


def fall(errors: tuple[float, ...]) -> str:
    """E after each update on the one pattern."""
    frame = Frame(x=(0.0, len(errors) - 1.0), y=(0.0, 1.05 * max(errors)), width=620, height=260)
    return _draw(
        "fall",
        frame=frame,
        title="The error after each update on one pattern: it falls every time",
        line=frame.line(enumerate(errors)),
        dots=[frame.at(k, e) for k, e in enumerate(errors)],
    )
