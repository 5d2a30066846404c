"""The section's first chapters: one weight, many weights, and the names of a network's weights."""

from __future__ import annotations

from collections.abc import Iterator

from reports import textbook_figures as figures
from reports import textbook_network as net
from reports.textbook_descent import ONE_WEIGHT, POINT_A, POINT_B, START, TWO_WEIGHTS, Visit, walk
from reports.textbook_numbers import cell, tex
from reports.textbook_page import Block, Figure, Formula, Heading, Table, Text

_STEPS = 6


def one_weight() -> Iterator[Block]:
    """Steps 1 and 2 of the article: calculate the gradient, subtract it."""
    (x,), (d,) = ONE_WEIGHT.x[0], ONE_WEIGHT.d
    a, b = (walk(ONE_WEIGHT, start, _STEPS) for start in (POINT_A, POINT_B))
    yield Text(
        "This retells, with numbers, the article on back-propagation that the project began with. "
        "Its two steps are: *calculate the gradient* of the error, and *update each weight by "
        "subtracting it*. Every number below is computed when the page is made."
    )
    yield Heading("One weight: why the gradient is subtracted")
    yield Text(
        f"Take the smallest network there is: one input $x = {tex(x)}$, one weight $w$, the output "
        f"$y = w x$, and the desired output $d = {tex(d)}$. Its error depends on $w$ alone, so it "
        "is a curve, and by the chain rule its slope is"
    )
    yield Formula(
        r"E = \frac{1}{2} (d - y)^2, \quad "
        r"\frac{dE}{dw} = \frac{dE}{dy} \cdot \frac{dy}{dw} = -(d - y) \cdot x"
    )
    yield Figure(
        figures.curve(a, b),
        "The error of the one weight. Every dot is a weight that was tried, every arrow one "
        "update; the dashed lines are the slopes at A and B.",
    )
    yield Text(
        f"**Point A** ($w = {tex(a[0].w[0])}$) lies left of the minimum. The slope there is "
        f"${tex(a[0].gradient[0])}$, **negative**: the curve falls to the right. Subtracting a "
        f"negative number adds, so $w$ **grows**, to ${tex(a[1].w[0])}$, and the error falls from "
        f"${tex(a[0].error)}$ to ${tex(a[1].error)}$."
    )
    yield Text(
        f"**Point B** ($w = {tex(b[0].w[0])}$) lies right of it. The slope is "
        f"${tex(b[0].gradient[0])}$, **positive**, so subtracting it makes $w$ **shrink**, to "
        f"${tex(b[1].w[0])}$. One rule leads downhill from both sides:"
    )
    yield Formula(r"w \to w + \Delta w, \quad \Delta w = -\alpha \frac{dE}{dw}")
    yield Text(
        rf"The learning rate $\alpha = {tex(ONE_WEIGHT.rate)}$ says how much of the slope is "
        "subtracted. The steps shorten by themselves, because the slope goes to zero at the "
        f"minimum, $w = d / x = {tex(ONE_WEIGHT.minimum()[0])}$."
    )
    yield _walk_table("From A: the slope is negative, the weight grows", a)
    yield _walk_table("From B: the slope is positive, the weight shrinks", b)


def _walk_table(caption: str, visits: tuple[Visit, ...]) -> Table:
    return Table(
        caption,
        ("update", "$w$", "$dE/dw$", r"$\Delta w$", "$E$"),
        tuple(
            (str(k), *map(cell, (v.w[0], v.gradient[0], v.step[0], v.error)))
            for k, v in enumerate(visits)
        ),
    )


def many_weights() -> Iterator[Block]:
    """The gradient vector."""
    visits = walk(TWO_WEIGHTS, START, _STEPS + 2)
    first = visits[0]
    yield Heading("Many weights: the gradient is a vector")
    yield Text(
        "A real network has many weights, and the error is a function of all of them. Hold all but "
        "one still and the curve of one weight is back, with a slope of its own: the **partial "
        r"derivative** for that weight. All of them together are the gradient $\nabla E$. Here are "
        "two weights, $y = w_1 x_1 + w_2 x_2$, and two patterns whose errors are added."
    )
    yield Figure(
        figures.landscape(visits),
        "The error of two weights, as contours through the first places of the walk. At the start "
        "the gradient and its two partial derivatives, all times the learning rate; then the "
        "steps, each against the gradient of its own place.",
    )
    yield Text(
        f"At the start, $w = ({tex(first.w[0])}, {tex(first.w[1])})$, the gradient is "
        rf"$\nabla E = ({tex(first.gradient[0])}, {tex(first.gradient[1])})$. It points "
        "the way in which the error grows fastest, square to the contour. The update goes exactly "
        "the other way, and every weight needs only its own part:"
    )
    yield Formula(
        r"\Delta w_1 = -\alpha \frac{\partial E}{\partial w_1}, \quad "
        r"\Delta w_2 = -\alpha \frac{\partial E}{\partial w_2}"
    )
    slopes = (r"$\partial E / \partial w_1$", r"$\partial E / \partial w_2$")
    yield Table(
        rf"Two weights, downhill, with $\alpha = {tex(TWO_WEIGHTS.rate)}$",
        ("update", "$w_1$", "$w_2$", *slopes, "$E$"),
        tuple((str(k), *map(cell, (*v.w, *v.gradient, v.error))) for k, v in enumerate(visits)),
    )


def names() -> Iterator[Block]:
    """The notation, and how it maps to arrays."""
    yield Heading("Names: which weight is $W^k_{ij}$")
    yield Text(
        "$W^k_{ij}$ goes **from** neuron $i$ of layer $k$ **to** neuron $j$ of layer $k + 1$. "
        "Layer 1 holds the inputs $x_i$, layer 2 the hidden units $h_j$, layer 3 the output $y$. "
        "There is one output only, so its weights need one index: $w^2_i$. The article writes "
        r"$\nabla W$ for the amount by which a weight is updated; here that is $\Delta w$, and "
        r"$\partial E / \partial w$ is the gradient."
    )
    yield Figure(
        figures.network(),
        "The 2-3-1 network. A weight's name says where it comes from and where it leads.",
    )
    yield Text(
        "PyTorch, and the layers of `manual/`, keep the weights of one connection as a matrix with "
        "a row for each neuron that it leads **to**. The two indices therefore change places: "
        "$w^k_{ij}$ is `weight[j, i]`, counted from 1 on paper and from 0 in Python."
    )
    weights = net.start()
    rows = []
    for i in net.INPUTS:
        for j in net.HIDDEN:
            name, path = f"$w^1_{{{i + 1}{j + 1}}}$", f"$x_{i + 1}$ to $h_{j + 1}$"
            rows.append((name, path, f"`w1[{j}, {i}]`", cell(weights["w1"][j, i])))
    for i in net.HIDDEN:
        name, path = f"$w^2_{i + 1}$", f"$h_{i + 1}$ to $y$"
        rows.append((name, path, f"`w2[0, {i}]`", cell(weights["w2"][0, i])))
    yield Table("The nine weights", ("name", "from, to", "in the code", "value"), tuple(rows))
