"""A counterexample as a stand-alone test file, with the numbers in it."""

from __future__ import annotations

import base64
import textwrap
from string import Template
from types import FunctionType
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case, smooth_names
from gradproof.counterexamples.twin_source import NotAlone, source_of
from gradproof.judge.verdict import Finding
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import Comparison, settle
from gradproof.subject.layer_options import as_text, has_options, options_of
from gradproof.subject.subject import Subject

_FILE = Template('''\
"""$title

Run it from the project's root, by python or by pytest. It needs NumPy$torch, and the layer itself.

$message
"""

import base64
import sys

import numpy as np
$imports
sys.path.insert(0, ".")

# The layer under test. Change these lines if it lives elsewhere.
$layer_imports

layer = $layer


def array(dtype, shape, text):
    """A read-only array from the base64 of its bytes."""
    made = np.ndarray(shape, dtype, base64.b64decode(text))
$layout    made.flags.writeable = False
    return made


ARGUMENTS = {
$arguments
}
DY = (
$dy
)
EXPECTED = $expected
BOUND = $bound


def manual():
    """$quantity, by the layer under test."""
    y, saved = layer.forward(*ARGUMENTS.values())
$manual


def check(made):
    """Every entry within what rounding may do to it."""
    assert isinstance(made, np.ndarray), f"{type(made).__name__} is no array"
    assert made.shape == EXPECTED.shape, f"shape {made.shape}; it should be {EXPECTED.shape}"
    assert made.dtype == EXPECTED.dtype, f"dtype {made.dtype}; it should be {EXPECTED.dtype}"
    with np.errstate(all="ignore"):
        error = np.abs(made - EXPECTED)
        same = (made == EXPECTED) | ((made != made) & (EXPECTED != EXPECTED))
        over = ~same & ~(error <= BOUND)
    places = [tuple(map(int, i)) for i in np.argwhere(over)[:9]]
    numbers = "".join(
        f"\\n  at {i}  manual {made[i]}  expected {EXPECTED[i]}  bound {BOUND[i]:.2g}"
        for i in places
    )
    assert not over.any(), f"{over.sum()} of {over.size} entries are over their bound:{numbers}"


def test_manual():
    check(manual())

$more
if __name__ == "__main__":
    test_manual()
    print("agrees")
''')
_BY_TORCH = Template('''

$definitions


def twin(layer, *args):
    return {$twins}[type(layer).__name__](layer, *args)


def by_torch():
    """The same by PyTorch."""
    tensors = {n: None if a is None else torch.tensor(a.copy()) for n, a in ARGUMENTS.items()}
    for name in ($smooth):
        tensors[name].requires_grad_()
    y = twin(layer, *tensors.values())
    outputs = y if isinstance(y, (tuple, list)) else (y,)
$torch


def test_expected_is_what_torch_says():
    check(by_torch())

''')
_CONDUCT = '''

def test_conduct():
    """No memory shared with what came in; the same bits twice; linear in dy."""
    y, saved = layer.forward(*ARGUMENTS.values())
    double = tuple(None if d is None else -2 * d for d in DY)
    once, twice, scaled = (
        layer.backward(saved, d if isinstance(y, tuple) else d[0]) for d in (DY, DY, double)
    )
    for name, g in once.items():
        for given in filter(lambda a: a is not None, ARGUMENTS.values()):
            assert not np.may_share_memory(g, given), f"{name}: shares memory with an argument"
        assert np.array_equal(g, twice[name], equal_nan=True), f"{name}: a second call differs"
        assert np.array_equal(-2 * g, scaled[name], equal_nan=True), f"{name}: not linear in dy"
    gradients = [g for g in once.values() if g.flags.writeable]
    for i, g in enumerate(gradients):
        for other in (*gradients[:i], *(d for d in DY if d is not None)):
            assert not np.may_share_memory(g, other), "a writable gradient shares its memory"

'''
_LAYOUTS = {
    "F": 'made = np.array(made, order="F")',
    "strided": "made = np.repeat(made, 2, axis=-1)[..., ::2] if made.ndim else made.copy()",
    "reversed": "made = made[::-1].copy()[::-1] if made.ndim else made.copy()",
    "C": "made = made.copy()",
}


def source(subject: Subject, finding: Finding, message: str) -> str:
    """The text of a file that passes once the layer is right, and fails as it is.

    It holds the case, PyTorch's values and their bounds, bit for bit. Where the twin's source can
    be written down too, the file also asks PyTorch again.
    """
    case = finding.layer_case
    expected, bound = _expected(subject, finding)
    title = message.splitlines()[0]
    types = dict.fromkeys(_types(case.layer))
    quantity, index = _which(finding)
    is_output = quantity not in case.arrays
    call = "grads = layer.backward(saved, DY if isinstance(y, tuple) else DY[0])"
    fields = {
        "title": " ".join(title.split()),
        "message": message.rstrip().replace("\\", "/"),
        "layer_imports": "\n".join(f"from {t.__module__} import {t.__qualname__}" for t in types),
        "layer": _constructor(case.layer),
        "layout": f"    {_LAYOUTS[case.layout]}\n",
        "arguments": "\n".join(f"    {n!r}: {_literal(a)}," for n, a in case.arrays.items()),
        "dy": "\n".join(f"    {_literal(d)}," for d in case.dy),
        "expected": _literal(expected),
        "bound": _literal(bound),
        "quantity": quantity if is_output else f"The gradient of {quantity}",
        "manual": _indent(
            f"outputs = y if isinstance(y, tuple) else (y,)\nreturn outputs[{index}]"
            if is_output
            else f"{call}\nreturn grads[{quantity!r}]"
        ),
    }
    conduct = _CONDUCT if finding.comparison is None and not is_output else "\n"
    plain = _FILE.substitute(fields, torch="", imports="", more=conduct)
    try:
        imports, more = _ask_torch(subject, case, types, quantity, index)
        fields |= {"torch": " and PyTorch", "imports": imports, "more": more + conduct}
        full = _FILE.substitute(fields)
        _try_out(full)
    except NotAlone:
        return plain
    return full


def _which(finding: Finding) -> tuple[str, int]:
    """The array compared, and its index among the outputs; any gradient where backward fails."""
    name = finding.quantity
    if name == "backward":
        name = next(iter(smooth_names(finding.layer_case)), "y")
    return name, int(name[1:]) if name[1:].isdigit() and name not in finding.case.arrays else 0


def _expected(subject: Subject, finding: Finding) -> tuple[Array, Array]:
    """PyTorch's values and their bounds; measured now if the finding has none."""
    if finding.comparison is not None:
        return finding.comparison.reference, _bound_of(finding.comparison)
    oracle = Oracle.of(subject.twin, finding.layer_case)
    gradients = oracle.pull(finding.case.dy)
    name, index = _which(finding)
    reference = gradients[name] if name in gradients else oracle.y[index]
    if reference is None:
        reference = np.zeros_like(finding.layer_case.arrays[name])
    if reference.dtype.kind != "f":
        return reference, np.zeros(reference.shape)
    # Nothing is within a bound of NaN, so every sample is taken.
    comparison = Comparison(np.full_like(reference, np.nan), reference)
    key = name if name in gradients else oracle.quantities[index]
    settle({key: comparison}, oracle.thorough_samples())
    return reference, _bound_of(comparison)


def _bound_of(comparison: Comparison) -> Array:
    return np.zeros(comparison.reference.shape) if comparison.exact else comparison.bound


def _literal(a: Array | None) -> str:
    if a is None:
        return "None"
    text = base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()
    chunks = textwrap.wrap(text, 84) or [""]
    if len(chunks) == 1:
        return f'array("{a.dtype.str}", {a.shape}, "{text}")'
    lines = "\n".join(f'    "{chunk}"' for chunk in chunks)
    return f'array("{a.dtype.str}", {a.shape}, (\n{lines}\n))'


def _types(value: Any) -> list[type]:
    """The types of a layer and of the layers in it, as `as_text` names them."""
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in _types(v)]
    if not has_options(value):
        return [] if value is None or isinstance(value, (bool, int, float, str)) else [type(value)]
    inner = [t for option in options_of(value).values() for t in _types(option)]
    return [type(value), *inner]


def _constructor(layer: Any) -> str:
    text = as_text(layer)
    try:
        compile(text, "layer", "eval")
    except SyntaxError:
        return f"None  # make the layer here: {text}"
    return text


def _ask_torch(
    subject: Subject, case: Case, types: dict[type, None], quantity: str, index: int
) -> tuple[str, str]:
    """Import lines and functions by which the file asks PyTorch itself.

    Raises    NotAlone when the twin cannot be written down
    """
    registry = getattr(subject.twin, "registry", {})
    twins = {t.__name__: registry[t] for t in types if t in registry}
    if type(case.layer).__name__ not in twins:
        raise NotAlone("no twin by the layer's type")
    functions = [f for f in twins.values() if isinstance(f, FunctionType)]
    imports, definitions = source_of(functions, {"twin": subject.twin})
    smooth = smooth_names(case)
    torch_lines = f"return outputs[{index}].detach().numpy()"
    if quantity in case.arrays:
        torch_lines = textwrap.dedent(f"""\
            pairs = [(o, torch.tensor(d.copy())) for o, d in zip(outputs, DY) if d is not None]
            pairs = [(o, d) for o, d in pairs if o.requires_grad]
            wanted = tensors[{quantity!r}]
            (g,) = torch.autograd.grad(
                [o for o, _ in pairs], [wanted], [d for _, d in pairs], allow_unused=True
            )
            return (torch.zeros_like(wanted) if g is None else g).numpy()""")
    more = _BY_TORCH.substitute(
        definitions="\n\n\n".join(definitions),
        twins=", ".join(f"{n!r}: {f.__name__}" for n, f in twins.items()),
        smooth="".join(f"{n!r}, " for n in smooth),
        torch=_indent(torch_lines),
    )
    return "\n".join(dict.fromkeys(["import torch", *imports])), more


def _try_out(text: str) -> None:
    """Run the file's own call of PyTorch.

    Raises    NotAlone when it does not give what the file expects
    """
    module: dict[str, Any] = {"__name__": "counterexample"}
    try:
        exec(compile(text, "counterexample", "exec"), module)  # noqa: S102  the text made above
        module["check"](module["by_torch"]())
    except Exception as error:
        raise NotAlone("it does not run by itself") from error


def _indent(text: str) -> str:
    return textwrap.indent(text, "    ")
