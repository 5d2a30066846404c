r"""A small subset of TeX, as MathML that a browser sets without a script.

Letters, numbers, operators, `^`, `_`, `'`, `{…}`, `\frac`, `\text` and the named symbols below;
anything else is an error, so that no page shows a formula that was half understood.
"""

from __future__ import annotations

import re
from html import escape

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S")
_LETTERS = {"alpha": "α", "partial": "∂", "varphi": "φ"}
_UPRIGHT = {"Delta": "Δ", "nabla": "∇"}
_OPERATORS = {
    "cdot": "·", "sum": "∑", "le": "≤", "odot": "⊙", "to": "→", "top": "⊤", "quad": "\u2003",
    "dots": "…", "times": "×", "approx": "≈",
}  # fmt: skip
_SPACES = {",": "0.17em", ";": "0.28em"}


class TexError(ValueError):
    """TeX outside of the subset."""


def mathml(tex: str, display: bool = False, labelled: bool = False) -> str:
    """The `<math>` element of a formula.

    display   as on a line of its own
    labelled  with its plain text for readers that do not know MathML

    Raises    TexError for an unknown command or unbalanced braces
    """
    reader = _Reader(tex, display)
    row = "".join(reader.row())
    if reader.tokens:
        raise TexError(f"unbalanced }} in {tex!r}")
    block = ' display="block"' if display else ""
    label = f' aria-label="{escape(plain(tex))}"' if labelled else ""
    return f"<math{block}{label}>{row}</math>"


def plain(tex: str) -> str:
    """A formula as text: ``∂ E / ∂ w^1_11``."""
    symbols = _LETTERS | _UPRIGHT | _OPERATORS
    named = re.sub(r"\\([A-Za-z]+)", lambda found: symbols.get(found[1], found[1]), tex)
    return re.sub(r"[{}\\]", "", named).replace("-", "−")


class _Reader:
    def __init__(self, tex: str, display: bool) -> None:
        self.tex = tex
        self.display = display
        self.texts = re.findall(r"\\text\{([^}]*)\}", tex)
        self.tokens = _TOKEN.findall(re.sub(r"\\text\{[^}]*\}", r"\\text", tex))

    def row(self) -> list[str]:
        """Every atom up to a closing brace or the end."""
        items = []
        binary = False  # whether a minus here would stand between two terms
        while self.tokens and self.tokens[0] != "}":
            token = self.tokens[0]
            if token == "-" and not binary:
                self.tokens.pop(0)
                items.append('<mo form="prefix">−</mo>')
            else:
                items.append(self.item())
            binary = (token[-1].isalnum() and token[1:] not in _OPERATORS) or token in ")}{"
        return items

    def item(self) -> str:
        """An atom with its scripts: ``x``, ``x_i``, ``w^1_{ij}``, ``f'``."""
        base = self.atom()
        below, above = "", ""
        while self.tokens and self.tokens[0] in ("_", "^", "'"):
            mark = self.tokens.pop(0)
            if mark == "_":
                below = self.atom()
            elif mark == "^":
                above = self.atom()
            else:
                base = base.replace("</mi>", "′</mi>")
        limits = self.display and "∑" in base
        if below and above:
            tag = "munderover" if limits else "msubsup"
            return f"<{tag}>{base}{below}{above}</{tag}>"
        if below:
            tag = "munder" if limits else "msub"
            return f"<{tag}>{base}{below}</{tag}>"
        return f"<msup>{base}{above}</msup>" if above else base

    def atom(self) -> str:
        if not self.tokens:
            raise TexError(f"{self.tex!r} ends where something is missing")
        token = self.tokens.pop(0)
        if token == "{":
            inner = self.row()
            if not self.tokens:
                raise TexError(f"unbalanced {{ in {self.tex!r}")
            self.tokens.pop(0)
            return inner[0] if len(inner) == 1 else f"<mrow>{''.join(inner)}</mrow>"
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        if token[0] == "\\":
            return self.command(token[1:])
        if token in "()":  # as high as the text, so that an exponent after it stays low
            return f'<mo stretchy="false">{token}</mo>'
        return f"<mo>{escape(token.replace('-', '−'))}</mo>"

    def command(self, name: str) -> str:
        if name == "frac":
            return f"<mfrac>{self.atom()}{self.atom()}</mfrac>"
        if name == "text":
            return f"<mtext>{escape(self.texts.pop(0))}</mtext>"
        if name in _LETTERS:
            return f"<mi>{_LETTERS[name]}</mi>"
        if name in _UPRIGHT:
            return f'<mi mathvariant="normal">{_UPRIGHT[name]}</mi>'
        if name in _OPERATORS:
            return f"<mo>{_OPERATORS[name]}</mo>"
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}"/>'
        raise TexError(f"\\{name} in {self.tex!r} is outside of the subset")
