"""The section's later chapters: forward, backward by the chain rule, four ways, training."""

from __future__ import annotations

import math
from collections.abc import Iterator

from reports import textbook_figures as figures
from reports import textbook_network as net
from reports.textbook_numbers import cell, factor, minus, tex
from reports.textbook_page import Block, Figure, Formula, Heading, Items, Table, Text

_STEPS = 12


def forward() -> Iterator[Block]:
    """Every number of the forward pass."""
    f = net.forward()
    yield Heading("Forward, number by number")
    yield Text(
        f"The pattern is $x = ({tex(net.X[0])}, {tex(net.X[1])})$ and the desired output "
        f"$d = {tex(net.D)}$. A hidden unit adds up its weighted inputs and passes the sum through "
        r"the activation $\varphi$, here the sigmoid $\varphi(a) = 1 / (1 + e^{-a})$; the output "
        "only adds up."
    )
    yield Formula(
        r"h_j = \varphi(a_j), \quad a_j = \sum_{i=1}^2 x_i \, w^1_{ij}, \quad "
        r"y = \sum_{i=1}^3 h_i \, w^2_i"
    )
    for j in net.HIDDEN:
        terms = [rf"{factor(net.X[i])} \cdot {factor(net.W1[i][j])}" for i in net.INPUTS]
        total = rf"\varphi({' + '.join(terms)}) = \varphi({tex(f.a[j])})"
        yield Formula(rf"h_{j + 1} = {total} = {tex(f.h[j])}")
    terms = [rf"{tex(f.h[i])} \cdot {factor(net.W2[i])}" for i in net.HIDDEN]
    yield Formula(f"y = {' + '.join(terms)} = {tex(f.y)}")
    yield Formula(
        r"E = \frac{1}{2} (d - y)^2 = \frac{1}{2} "
        rf"({tex(net.D)} - {factor(f.y)})^2 = {tex(f.error)}"
    )


def backward() -> Iterator[Block]:
    """The article's two steps of back-propagation, for every weight."""
    f = net.forward()
    miss = net.D - f.y
    yield Heading("Backward, by the chain rule")
    yield Text(
        "A network is a function of a function of its weights, and the chain rule takes it apart "
        "one link at a time. The link next to the error is the same for every weight, and half the "
        "square was chosen so that its 2 cancels:"
    )
    yield Formula(
        r"-\frac{\partial E}{\partial w} = (d - y) \frac{\partial y}{\partial w}, \quad "
        rf"d - y = {tex(net.D)} - {factor(f.y)} = {tex(miss)}"
    )
    yield Text(
        "**Step 1, the weights into the output.** In $y = h_1 w^2_1 + h_2 w^2_2 + h_3 w^2_3$ every "
        "weight stands beside one hidden activation, and that is its derivative:"
    )
    yield Formula(
        r"\frac{\partial y}{\partial w^2_i} = h_i, \quad \Delta w^2_i = \alpha \, (d - y) \, h_i"
    )
    rows = []
    for i in net.HIDDEN:
        step = net.RATE * miss * f.h[i]
        rows.append((f"$w^2_{i + 1}$", *map(cell, (f.h[i], step, net.W2[i] + step))))
    yield Table(
        rf"The weights into the output, with $\alpha = {tex(net.RATE)}$",
        ("weight", r"$\partial y / \partial w^2_i = h_i$", r"$\Delta w^2_i$", "new weight"),
        tuple(rows),
    )
    yield Text(
        "**Step 2, the weights into the hidden units.** $w^1_{ij}$ acts on $y$ only through $h_j$, "
        r"so there are two more links. $\partial y / \partial h_j$ is the weight that $h_j$ meets "
        r"next. And $h_j = \varphi(a_j)$, where $w^1_{ij}$ stands beside $x_i$ in $a_j$ (the "
        "article's last formula prints $h_i$ for this $h_j$):"
    )
    yield Formula(
        r"\frac{\partial y}{\partial w^1_{ij}} = "
        r"\frac{\partial y}{\partial h_j} \cdot \frac{\partial h_j}{\partial w^1_{ij}}, \quad "
        r"\frac{\partial y}{\partial h_j} = w^2_j, \quad "
        r"\frac{\partial h_j}{\partial w^1_{ij}} = \varphi'(a_j) \, x_i"
    )
    yield Text(r"For the sigmoid $\varphi'(a_j) = h_j (1 - h_j)$. Put together:")
    yield Formula(r"\Delta w^1_{ij} = \alpha \, (d - y) \, w^2_j \, \varphi'(a_j) \, x_i")
    rows = []
    for i in net.INPUTS:
        for j in net.HIDDEN:
            slope = f.h[j] * (1 - f.h[j])
            step = net.RATE * miss * net.W2[j] * slope * net.X[i]
            numbers = (net.W2[j], slope, slope * net.X[i], step, net.W1[i][j] + step)
            rows.append((f"$w^1_{{{i + 1}{j + 1}}}$", *map(cell, numbers)))
    yield Table(
        rf"The weights into the hidden units, with $\alpha = {tex(net.RATE)}$",
        (
            "weight",
            r"$\partial y / \partial h_j = w^2_j$",
            r"$\varphi'(a_j)$",
            r"$\partial h_j / \partial w^1_{ij}$",
            r"$\Delta w^1_{ij}$",
            "new weight",
        ),
        tuple(rows),
    )


def four_ways() -> Iterator[Block]:
    """Scalar form, matrix form, autograd and complex step, side by side."""
    yield Heading("The same gradient in four ways")
    yield Text(
        "Nobody should believe a gradient because its derivation looks right. So here are four "
        "ways to the same numbers:"
    )
    yield Items(
        (
            "**Scalar form**: the formulas above, one weight at a time, in plain Python.",
            (
                "**Matrix form**: the layers `Linear`, `Sigmoid` and `SquaredError` of `manual/`, "
                "chained by `Net` and updated by `SGD`. It is the same calculus for all weights at "
                "once, and it is what this project judges."
            ),
            (
                "**Autograd**: PyTorch's own functions, differentiated by PyTorch and updated by "
                "`torch.optim.SGD`."
            ),
            (
                "**Complex step**: no derivation at all. Move one weight by a tiny *imaginary* "
                r"amount and run only the forward pass: $\partial E / \partial w \approx "
                r"\text{Im} \, E(w + \text{i} s) / s$. Nothing is subtracted, so nothing cancels, "
                rf"and $s = 2^{{{round(math.log2(net.STEP))}}}$ leaves no error that a float "
                "could show."
            ),
        )
    )
    yield Text("What the matrix form computes, with $x$, $a$ and $h$ as columns:")
    yield Formula(
        r"\frac{\partial E}{\partial W^2} = -(d - y) \, h^\top, \quad "
        r"\frac{\partial E}{\partial W^1} = "
        r"-(d - y) \, ({W^2}^\top \odot \varphi'(a)) \, x^\top"
    )
    yield Table(
        "Forward, gradient and update to 12 digits; last, the greatest difference of any two in "
        "ulp, at full precision",
        ("quantity", *net.WAYS, "ulp"),
        tuple(
            (f"${name}$", *(minus(f"{v:.12g}") for v in row), str(net.ulps(row)))
            for name, row in zip(net.quantities(), net.compare(), strict=True)
        ),
        measured=True,
    )
    yield Text(
        "An **ulp** is the distance from a float to the next. The four ways round at different "
        "places, so a few ulp between them are honest; a wrong formula would be off in the first "
        "digits. `make verify` asks the same of every layer, on networks that nobody chose, with a "
        "bound that is measured instead of guessed."
    )


def training() -> Iterator[Block]:
    """Several updates on one pattern."""
    seen = net.train(_STEPS)
    (_, before), (y, after) = seen[0], seen[-1]
    yield Heading("Training on the one pattern")
    yield Text(
        f"One update changes all nine weights a little. Forward, backward and update, {_STEPS} "
        f"times over: the output moves towards $d = {tex(net.D)}$, to ${tex(y)}$, and the error "
        f"falls from ${tex(before)}$ to ${tex(after)}$."
    )
    yield Figure(
        figures.fall(tuple(error for _, error in seen)),
        "The error on the pattern, before the first update and after each.",
    )
    yield Table(
        "Each update makes the error smaller",
        ("update", "$y$", "$d - y$", "$E$"),
        tuple((str(k), *map(cell, (y, net.D - y, error))) for k, (y, error) in enumerate(seen)),
    )
