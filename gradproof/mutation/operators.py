"""Mutation operators: what a person may write by mistake in place of a node of the syntax tree.

Each rule takes nodes of one type. A slip's origin is its class of mistakes; it has a cause if it
can show in one way only.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

_SYMBOLS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_OTHER = {"+": "-", "-": "+", "*": "/", "/": "*", "&": "|", "|": "&"}
_MOVED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_NEGATED = {"==": "!=", "!=": "==", "is": "is not", "is not": "is", "in": "not in", "not in": "in"}
_FUNCTIONS = {
    "add": "subtract",
    "subtract": "add",
    "multiply": "divide",
    "divide": "multiply",
    "maximum": "minimum",
    "minimum": "maximum",
    "less": "less_equal",
    "less_equal": "less",
    "greater": "greater_equal",
    "greater_equal": "greater",
}
_TURNS = ("swapaxes", "transpose", "moveaxis", "permute")
_UNARY = ("exp", "log", "sqrt", "square", "abs", "absolute", "sign", "tanh", "cos", "sin")
_OPERATORS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda)
_TIGHT = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Attribute, ast.Subscript, ast.Call)
_SCALED = (ast.Mult, ast.Div, ast.MatMult)


@dataclass(frozen=True)
class Slip:
    """`new` in place of a node; origin: the class of mistakes; cause: one word, or ""."""

    node: ast.AST
    new: str
    origin: str
    cause: str = ""


class Source:
    """A function's source and its tree."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.function: Any = ast.parse(text).body[0]
        self._parents = {c: n for n in ast.walk(self.function) for c in ast.iter_child_nodes(n)}
        lengths = [len(line.encode()) for line in text.splitlines(keepends=True)]
        self._starts = [0, *itertools.accumulate(lengths)]

    def slips(self) -> Iterator[Slip]:
        """Yield every slip in the function's body, line by line."""
        for statement in self.function.body:
            for node in ast.walk(statement):
                for rule in RULES.get(type(node), ()):
                    yield from rule(self, node)

    def span(self, node: Any) -> tuple[int, int]:
        """Start and end of the node's text."""
        data = self.text.encode()
        ends = ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
        start, end = (len(data[: self._starts[n - 1] + c].decode()) for n, c in ends)
        return start, end

    def of(self, node: Any) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def operand(self, node: Any) -> str:
        """The node's text, in parentheses if it is an operation."""
        return f"({self.of(node)})" if isinstance(node, _OPERATORS) else self.of(node)

    def parent(self, node: Any) -> Any:
        return self._parents.get(node)

    def in_place(self, slip: Slip) -> str:
        """The slip's text, in parentheses where the operator around it binds tighter."""
        start, end = self.span(slip.node)
        alone = self.text[start - 1 : start] + self.text[end : end + 1] == "()"
        if alone or isinstance(slip.node, ast.Slice) or not isinstance(slip.node, ast.expr):
            return slip.new
        made = ast.parse(f"({slip.new})", mode="eval").body  # it may span lines, or be a, *b
        loose = isinstance(made, _OPERATORS) and isinstance(self.parent(slip.node), _TIGHT)
        argument = isinstance(self.parent(slip.node), ast.Call | ast.Subscript) and (
            slip.node not in (getattr(self.parent(slip.node), n, None) for n in ("func", "value"))
        )
        return f"({slip.new})" if loose and not argument else slip.new

    @cached_property
    def saved(self) -> list[str]:
        """The names that the function unpacks on one line, such as what forward saved."""
        assigned = [n.targets[0] for n in ast.walk(self.function) if isinstance(n, ast.Assign)]
        names = [e for t in assigned if isinstance(t, ast.Tuple) for e in t.elts]
        return [e.id for e in names if isinstance(e, ast.Name)]

    def causes(self, *words: str) -> Sequence[str]:
        """The causes of a wrong dictionary entry: as given for gradients, "state" for a state."""
        return ["state"] * len(words) if self.function.name == "update" else words

    def direct(self, node: Any) -> bool:
        """Whether a factor at this node multiplies a whole returned gradient."""
        child, parent = node, self.parent(node)
        while not isinstance(parent, ast.stmt):
            if isinstance(parent, ast.BinOp):
                turned = isinstance(parent.op, ast.Div) and parent.right is child
                passes = isinstance(parent.op, _SCALED) and not turned
            elif isinstance(parent, ast.Call):
                passes = _name(parent) in ("asarray", "reshape")
            else:
                passes = isinstance(parent, ast.Dict) or _negates(parent)
            if not passes:
                return False
            child, parent = parent, self.parent(parent)
        if isinstance(parent, ast.Return):
            return isinstance(child, ast.Dict)
        return isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Subscript)


Rule: TypeAlias = Callable[[Source, Any], Iterator[Slip]]


def _name(call: Any) -> str:
    """np.add.reduce(x) → "reduce"."""
    function = call.func
    return str(getattr(function, "attr", getattr(function, "id", "")))


def _is_name(node: Any) -> bool:
    return isinstance(node, ast.Name)


def _negates(node: Any) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _operation(s: Source, node: Any) -> Iterator[Slip]:
    """a + b, a * b, …"""
    left, right = s.operand(node.left), s.operand(node.right)
    symbol = _SYMBOLS.get(type(node.op), "")
    direct = s.direct(node)
    if symbol in ("*", "/"):
        for kept in (node.left, node.right) if symbol == "*" else (node.left,):
            yield Slip(node, s.of(kept), "dropped factor", "factor" if direct else "")
    if symbol in ("+", "-"):
        yield Slip(node, s.of(node.left), "dropped term")
        yield Slip(node, s.of(node.right) if symbol == "+" else f"-{right}", "dropped term")
    if symbol in ("-", "/", "@"):
        cause = "sign" if direct and symbol == "-" else ""
        yield Slip(node, f"{right} {symbol} {left}", "swapped operands", cause)
    if symbol in _OTHER:
        yield Slip(node, f"{left} {_OTHER[symbol]} {right}", "other operator")
    if isinstance(node.op, ast.Pow):
        yield Slip(node, s.of(node.left), "dropped factor")


def _unary(s: Source, node: Any) -> Iterator[Slip]:
    operand = s.of(node.operand)
    if isinstance(node.op, ast.Not | ast.Invert):
        yield Slip(node, operand, "condition negated")
    elif _negates(node):
        yield Slip(node, operand, "sign", "sign" if s.direct(node) else "")


def _comparison(s: Source, node: Any) -> Iterator[Slip]:
    if len(node.ops) != 1:
        return
    left, right, symbol = s.operand(node.left), s.operand(node.comparators[0]), ""
    symbol = _SYMBOLS[type(node.ops[0])]
    if symbol in _MOVED:
        yield Slip(node, f"{left} {_MOVED[symbol]} {right}", "comparison moved", "mask")
        yield Slip(node, f"{right} {symbol} {left}", "condition negated")
    else:
        yield Slip(node, f"{left} {_NEGATED[symbol]} {right}", "condition negated")


def _either(s: Source, node: Any) -> Iterator[Slip]:
    """a and b, a or b"""
    word = "or" if isinstance(node.op, ast.And) else "and"
    yield Slip(node, f" {word} ".join(map(s.operand, node.values)), "other operator")
    for value in node.values:
        yield Slip(node, s.of(value), "dropped condition")


def _choice(s: Source, node: Any) -> Iterator[Slip]:
    """a if c else b, or the condition of a statement"""
    if isinstance(node, ast.IfExp):
        yield Slip(node, s.of(node.body), "dropped condition")
        yield Slip(node, s.of(node.orelse), "dropped condition")
    else:
        yield Slip(node.test, "True", "dropped condition")
        yield Slip(node.test, "False", "dropped condition")
    if not isinstance(node.test, ast.Compare | ast.UnaryOp):  # those have rules of their own
        yield Slip(node.test, f"not {s.operand(node.test)}", "condition negated")


def _call(s: Source, node: Any) -> Iterator[Slip]:
    name, given = _name(node), [s.of(a) for a in node.args]
    before = s.of(node.func)
    rest = [s.of(k) for k in node.keywords]

    def again(*arguments: str, function: str = before) -> str:
        return f"{function}({', '.join([*arguments, *rest])})"

    if name in _FUNCTIONS and len(given) >= 2:
        other = before.removesuffix(name) + _FUNCTIONS[name]
        cause = "mask" if "less" in name or "greater" in name else ""
        yield Slip(node, again(*given, function=other), "other operator", cause)
    if name in ("subtract", "divide", "dot", "matmul", "where") and len(given) >= 2:
        *first, one, two = given[:3]
        yield Slip(node, again(*first, two, one, *given[3:]), "swapped operands")
    if name == "dot" and len(given) == 1 and isinstance(node.func, ast.Attribute):
        turned = f"{s.operand(node.args[0])}.dot({s.of(node.func.value)})"
        yield Slip(node, turned, "swapped operands")
    if name == "where" and len(given) == 3:
        for value in node.args[1:]:
            yield Slip(node, s.of(value), "dropped condition")
    if name in ("reduce", "sum") and not any(k.arg == "where" for k in node.keywords):
        cause = "mean" if s.direct(node) else ""
        mean = "np.mean" if name == "reduce" else before.removesuffix("sum") + "mean"
        yield Slip(node, again(*given, function=mean), "mean for sum", cause)
    if name in _TURNS:
        inner = node.args[0] if s.of(node.func).startswith("np.") else node.func.value
        yield Slip(node, s.of(inner), "lost transpose", "transpose" if s.direct(node) else "")
    if name in _UNARY and given:
        yield Slip(node, given[0], "dropped function")
    if name == "reversed":
        yield Slip(node, given[0], "other order", "order")
    for one, two in itertools.combinations(node.args, 2):
        if _is_name(one) and _is_name(two) and name not in ("where", "subtract", "divide", "dot"):
            swapped = {one: s.of(two), two: s.of(one)}
            arguments = [swapped.get(a, s.of(a)) for a in node.args]
            yield Slip(node, again(*arguments), "swapped arguments")


def _keyword(s: Source, node: Any) -> Iterator[Slip]:
    if node.arg in ("axis", "dim"):
        cause = "axis" if s.direct(s.parent(node)) else ""
        for value in ("0", "-1", "None"):
            yield Slip(node, f"{node.arg}={value}", "wrong axis", cause)
    if node.arg in ("keepdims", "keepdim"):
        yield Slip(node, f"{node.arg}=not {s.operand(node.value)}", "wrong axis")


def _attribute(s: Source, node: Any) -> Iterator[Slip]:
    if node.attr in ("T", "mT"):
        cause = "transpose" if s.direct(node) else ""
        yield Slip(node, s.of(node.value), "lost transpose", cause)


def _constant(s: Source, node: Any) -> Iterator[Slip]:
    if type(node.value) not in (int, float):
        return
    parent = s.parent(node)
    place = isinstance(parent, ast.Subscript | ast.Slice)
    scales = isinstance(parent, ast.BinOp) and isinstance(parent.op, _SCALED) and s.direct(node)
    cause = "factor" if scales else ""
    n = node.value
    for other in (n / 2, 2 * n) if isinstance(n, float) else (n + 1, n - 1):
        origin = "other index" if place else "other constant"
        yield Slip(node, repr(other), origin, cause)


def _slice(s: Source, node: Any) -> Iterator[Slip]:
    lower, upper, step = (s.operand(p) if p else "" for p in (node.lower, node.upper, node.step))
    further = f":{step}" if step else ""
    if step and not lower and not upper:
        yield Slip(node, ":", "other order", "order")
    if not (lower or upper):
        return
    yield Slip(node, f"{lower} + 1:{upper}{further}" if lower else f"1:{upper}{further}", "edge")
    yield Slip(node, f"{lower}:{upper} - 1{further}" if upper else f"{lower}:-1{further}", "edge")


def _augmented(s: Source, node: Any) -> Iterator[Slip]:
    """a += b, a *= b, …"""
    target, value, symbol = s.of(node.target), s.of(node.value), _SYMBOLS.get(type(node.op), "")
    accumulates = symbol == "+" and isinstance(node.target, ast.Subscript)
    cause = "accumulate" if accumulates else ""
    yield Slip(node, f"{target} = {value}", "= for accumulation", cause)
    if symbol in _OTHER:
        yield Slip(node, f"{target} {_OTHER[symbol]}= {value}", "other operator")
    yield Slip(node, "pass", "dropped statement")


def _assignment(s: Source, node: Any) -> Iterator[Slip]:
    (target, *_), value = node.targets, s.of(node.value)
    if isinstance(target, ast.Subscript):
        sign, dropped = s.causes("sign", "missing") if _is_entry(target) else ("", "")
        yield Slip(node, f"{s.of(target)} = -{s.operand(node.value)}", "sign", sign)
        yield Slip(node, "pass", "dropped statement", dropped)
    elif isinstance(target, ast.Tuple):
        names = [s.of(e) for e in target.elts]
        for i, j in itertools.combinations(range(len(names)), 2):
            swapped = list(names)
            swapped[i], swapped[j] = names[j], names[i]
            yield Slip(target, ", ".join(swapped), "swapped names")
    elif isinstance(node.value, ast.BinOp):
        yield Slip(node.value, f"-({value})", "sign")


def _is_entry(target: Any) -> bool:
    """grads["x"]"""
    return isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str)


def _statement(_: Source, node: Any) -> Iterator[Slip]:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        yield Slip(node, "pass", "dropped statement")


def _entries(s: Source, node: Any) -> Iterator[Slip]:
    """A dictionary of gradients, or of an optimiser's state."""
    entries = [(s.of(k), s.of(v)) for k, v in zip(node.keys, node.values, strict=True) if k]
    if not all(isinstance(k, ast.Constant) for k in node.keys):
        return
    sign, zero, missing, swap = s.causes("sign", "zero", "missing", "swap")

    def with_entries(changed: dict[int, str | None]) -> str:
        values = [changed.get(i, v) for i, (_, v) in enumerate(entries)]
        kept = [f"{k}: {v}" for (k, _), v in zip(entries, values, strict=True) if v is not None]
        return "{" + ", ".join(kept) + "}"

    for i, (_, value) in enumerate(entries):
        one = s.operand(node.values[i])
        yield Slip(node.values[i], f"-{one}", "sign", sign)
        yield Slip(node.values[i], f"0 * {one}", "zeros", zero)
        yield Slip(node, with_entries({i: None}), "dropped entry", missing)
        for j in range(i + 1, len(entries)):
            exchanged = with_entries({i: entries[j][1], j: value})
            yield Slip(node, exchanged, "swapped entries", swap)


def _returned(s: Source, node: Any) -> Iterator[Slip]:
    """An optimiser's new parameter, or the value of a helper."""
    value = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
    if isinstance(value, ast.BinOp | ast.Call | ast.Name):
        yield Slip(value, f"-{s.operand(value)}", "sign")


def _variable(s: Source, node: Any) -> Iterator[Slip]:
    """A saved value or an argument in place of the next one."""
    names = [*s.saved, *(a.arg for a in s.function.args.args[2:])]
    if isinstance(node.ctx, ast.Load) and node.id in names and s.saved and len(names) > 1:
        after = names[(names.index(node.id) + 1) % len(names)]
        yield Slip(node, after, "other name")


RULES: dict[type, Sequence[Rule]] = {
    ast.BinOp: [_operation],
    ast.UnaryOp: [_unary],
    ast.Compare: [_comparison],
    ast.BoolOp: [_either],
    ast.IfExp: [_choice],
    ast.If: [_choice],
    ast.Call: [_call],
    ast.keyword: [_keyword],
    ast.Attribute: [_attribute],
    ast.Constant: [_constant],
    ast.Slice: [_slice],
    ast.AugAssign: [_augmented],
    ast.Assign: [_assignment],
    ast.Expr: [_statement],
    ast.Continue: [_statement],
    ast.Break: [_statement],
    ast.Dict: [_entries],
    ast.Return: [_returned],
    ast.Name: [_variable],
}
