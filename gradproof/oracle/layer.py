"""PyTorch's side of a case: outputs, gradients, and samples of their rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import compress
from typing import Any

from torch import Tensor
from torch.autograd.function import BackwardCFunction

from gradproof.arrays import Array, equal, numbered
from gradproof.cases.case import Case
from gradproof.oracle import tensors
from gradproof.oracle.kernel import kernel_errors
from gradproof.oracle.tensors import Sample, array_or_none, as_array, as_tensors, pull_back, tensor
from gradproof.rounding.bound import Comparison
from gradproof.rounding.disturb import Disturbance, disturb
from gradproof.rounding.sums_of_products import magnitude, sums_of_products


class Oracle:
    """A twin evaluated on arrays; every gradient is that of Σ ⟨dy, y⟩.

    function   of tensors, returning a tensor or a tuple of them
    arrays     its arguments by name, in order; an absent one is None
    smooth     which of them have a gradient; `names` are theirs, `quantities` the outputs' as well
    laid       whether its tensors lie in memory as the arrays do
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arrays: Mapping[str, Array | None],
        smooth: Sequence[bool],
        laid: bool = False,
    ) -> None:
        self._function = function
        self._inputs = as_tensors(arrays, smooth, laid)
        self.names = [name for name, s in zip(arrays, smooth, strict=True) if s]
        self._smooth = [t for t, s in zip(self._inputs, smooth, strict=True) if s and t is not None]
        self._outputs = self._run(self._inputs)
        self.y = [as_array(out) for out in self._outputs]
        self.quantities = [*numbered("y", self.y), *self.names]
        self._dy: list[Tensor | None] = []

    @classmethod
    def of(cls, twin: Callable[..., Any], case: Case) -> Oracle:
        """The layer's twin on the arrays of a case."""
        return cls(partial(twin, case.layer), case.arrays, case.smooth)

    def _run(self, inputs: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
        return tensors.call(self._function, inputs)

    def differentiable(self) -> bool:
        """Whether an output depends on an input that has a gradient."""
        return any(self.carries())

    def carries(self) -> tuple[bool, ...]:
        """Of each output whether it does."""
        return tuple(out.requires_grad for out in self._outputs)

    def repeats(self) -> bool:
        """Whether a second run gives the same outputs, bit for bit: then it is a function."""
        again = map(as_array, self._run(self._inputs))
        pairs = zip(self.y, again, strict=True)
        return all(equal(a, b) for a, b in pairs)

    def own_backward(self) -> str:
        """The name of a backward pass in the graph that is not PyTorch's own; "" without one."""
        nodes: list[Any] = [out.grad_fn for out in self._outputs]
        seen = set(nodes)
        while nodes:
            node = nodes.pop()
            if isinstance(node, BackwardCFunction):
                return type(node).__name__
            new = {n for n, _ in node.next_functions if n not in seen} if node is not None else ()
            seen.update(new)
            nodes += new
        return ""

    def pull(self, dy: Sequence[Array | None]) -> dict[str, Array | None]:
        """The gradient for each smooth argument, by name; None where torch has none.

        Raises    ReferenceFault when the backward pass of the reference fails
        """
        self._dy = [None if d is None else tensor(d) for d in dy]
        with tensors.blamed("the backward pass of the reference"):
            self._gradients = pull_back(self._outputs, self._dy, self._smooth)
        return dict(zip(self.names, map(array_or_none, self._gradients), strict=True))

    def results(self, dy: Sequence[Array | None]) -> dict[str, Array]:
        """Outputs and gradients by name, less those that torch has not."""
        made = numbered("y", self.y) | self.pull(dy)
        return {name: a for name, a in made.items() if a is not None}

    def compared(
        self,
        quantity: str,  # noqa: ARG002  (in low precision it is needed)
        manual: Array,
        reference: Array,
        scale: float,
    ) -> Comparison:
        """What manual returned beside what the reference has."""
        return Comparison(manual, reference, scale)

    def alike(self, quantity: str, manual: Array, other: Array, scale: float) -> Comparison:
        """Two gradients that should be equal within rounding."""
        return self.compared(quantity, manual, other, scale)

    def magnitudes(self, backward: bool = True) -> list[Array | None]:
        """Σ |term| of each output, then each gradient, if all are sums of products; else [].

        backward   whether gradients are needed; if not, they are None
        """
        if not sums_of_products(self._outputs):
            return []
        inputs = [None if t is None else magnitude(t) for t in self._inputs]
        smooth = [t for t in inputs if t is not None and t.requires_grad]
        outputs = self._run(inputs)
        dy = [None if d is None else d.abs() for d in self._dy]
        terms = pull_back(outputs, dy, smooth) if backward else [None] * len(smooth)
        return [*map(array_or_none, (*outputs, *terms))]

    def kernel_errors(self, wanted: Callable[[str], bool] = bool) -> Iterator[dict[str, Array]]:
        """Yield how far outputs and gradients are off by the rounding of torch's own kernels.

        wanted     whether the next sample needs this one; if not, it is left out
        """
        made = [*self._outputs, *self._gradients]
        given = self._inputs, self._dy, self.quantities, made
        return kernel_errors(self._function, *given, wanted)

    def cheap_samples(self, wanted: Callable[[str], bool] = bool) -> Iterator[Sample]:
        """Yield samples of the gradients, with the incoming cotangent disturbed.

        The gradient is linear in it, so no kink is crossed and the forward is not repeated.

        wanted     as in `kernel_errors`
        """
        for seed in range(tensors.CHEAP):
            dy = [None if d is None else disturb(d, seed) for d in self._dy]
            asked = [wanted(name) for name in self.names]
            moved = pull_back(self._outputs, dy, [*compress(self._smooth, asked)])
            exact = [*compress(self._gradients, asked)]
            yield tensors.sample([*compress(self.names, asked)], moved, exact)

    def thorough_samples(self, backward: Callable[[], bool] = lambda: True) -> Iterator[Sample]:
        """The same of outputs and gradients, with all arithmetic disturbed.

        backward   whether the next sample needs gradients; if not, it has none
        """

        def run() -> list[Tensor | None]:
            outputs = self._run(self._inputs)
            if not backward():
                return [*outputs, *[None] * len(self._smooth)]
            return [*outputs, *pull_back(outputs, self._dy, self._smooth)]

        return tensors.disturbed_runs(0, self.quantities, run)

    def crossing_gradients(self, count: int) -> Iterator[dict[str, Array | None]]:
        """Yield gradients with all arithmetic disturbed, whichever side of a kink that leads to."""
        mode = Disturbance(0, crossing=True)
        for k in range(count + 1):
            if k:
                mode.again()
            with mode:
                outputs = self._run(self._inputs)
                made = pull_back(outputs, self._dy, self._smooth)
            yield dict(zip(self.names, map(array_or_none, made), strict=True))
