"""The answer to a check of a module: true or false, and a word for each of its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from gradproof.checking.result import NOTHING, OK, ORDER, Verdict
from gradproof.counterexamples.message import Explanation
from gradproof.judge.verdict import Judgement

WHOLE = "the whole"
HOLDS = "holds it"
SAME = "PyTorch's own"
_ORDER = [SAME, *ORDER]


@dataclass(repr=False)
class ModuleVerdict(Verdict):
    """Whether a module is right, and what was found of each of its parts.

    parts    a word by name, in the order in which parts run, the whole last: agree, disagree,
             error, vacuous, "holds it" for what holds a wrong part, "PyTorch's own" for the same
             layer of torch.nn on both sides
    wrong    the name of the first wrong part; "" if there is none
    mode     training or evaluation, in which it was found
    note     what an output is, where it is none of the module's own
    """

    parts: dict[str, str] = field(default_factory=dict)
    wrong: str = ""
    mode: str = ""
    note: str = ""

    @cached_property
    def _words(self) -> dict[str, str]:
        return self.parts

    def add(self, part: str, judgement: Judgement) -> None:
        """Count what was found of a part in one case."""
        self.judgements.append(judgement)
        before, found = self.parts.get(part, NOTHING), judgement.verdict
        self.parts[part] = max(before, found, key=_ORDER.index)

    def blame(self, part: str, judgement: Judgement, said: Explanation) -> None:
        """Name the first wrong part."""
        self.wrong, self.smallest = part, judgement
        self.message, self.cause, self.votes = said.text, said.cause, said.votes

    def holds_wrong(self, path: str) -> bool:
        """Whether the part of that path holds the wrong one."""
        return self.wrong != WHOLE and (not path or self.wrong.startswith(f"{path}."))

    @property
    def tree(self) -> str:
        """The parts as a tree, each with its word; what lies below one that agrees is left out."""
        lines = [f"{self.name:<44}{self.parts.get(WHOLE, '')}"]
        shown: set[str] = set()
        for name in sorted(self.parts, key=_natural):
            parts = name.split(".")
            paths = [".".join(parts[: k + 1]) for k in range(len(parts))]
            if name == WHOLE or any(self.parts.get(above) == OK for above in paths[:-1]):
                continue
            for depth, path in enumerate(paths, 1):
                if path not in shown:
                    line = f"{'  ' * depth}{parts[depth - 1]}"
                    lines.append(f"{line:<44}{self.parts.get(path, '')}".rstrip())
            shown.update(paths)
        return "\n".join(lines)

    def __str__(self) -> str:
        if not self.wrong:
            judged = [name for name, word in self.parts.items() if word != SAME]
            arrays = sum(len(j.findings) for j in self.judgements)
            word = "agrees" if self else "could not have failed"
            number = f"{len(judged)} parts, {len(self.judgements)} cases, {arrays} arrays"
            return f"{self.name} {word}: {number}"
        where = "the module" if self.wrong == WHOLE else f"its part {self.wrong}"
        note = f"  ({self.note})" if self.note else ""
        head = f"{self.name}: {where} is wrong, in {self.mode}{note}"
        return f"{head}\n{self.message}\n{self.tree}"


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that puts h.2 before h.10."""
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in re.split(r"\.", name)]
