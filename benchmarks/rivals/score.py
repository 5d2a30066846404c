"""What each checker finds of the planted bugs, and what it rejects of correct code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.rivals.inputs import drawn, ordinary
from benchmarks.rivals.planted import Planted, catalogue, sample_of_mutants, showing
from benchmarks.rivals.tools import Tool, forget
from gradproof.cases.case import Case
from gradproof.subject.subject import Subject

DRAWN = 100
"""Cases of each layer, as the default profile of gradproof draws them."""
SHOWN = 10
"""Of those at most, in double precision, each checker gets for one bug."""
ALARM_DRAWN, ALARM_ORDINARY = 8, 4
"""Cases of each correct layer, drawn and N(0, 1)."""
MUTANTS = 200


@dataclass(frozen=True)
class Hunted:
    """What a checker said of one bug: found, missed, or alarm, which it raises without it too.

    own     on the checker's own idea of inputs: one of N(0, 1), for gradproof all that it draws
    shared  on cases that gradproof drew, the same for every checker
    """

    tool: str
    source: str
    kind: str
    bug: str
    own: str
    shared: str


@dataclass
class Alarms:
    """Correct cases: those a checker was asked about, rejected, and could not be asked about."""

    asked: int = 0
    rejected: int = 0
    failed: int = 0

    def add(self, verdict: str) -> None:
        self.asked += verdict != "fails"
        self.rejected += verdict == "rejects"
        self.failed += verdict == "fails"


@dataclass
class Arena:
    """The cases of every layer, and what each checker says of them when nothing is planted."""

    subject: Subject
    kinds: Sequence[type]
    seed: int
    every: dict[type, list[Case]] = field(default_factory=dict)
    double: dict[type, list[Case]] = field(default_factory=dict)
    plain: dict[type, list[Case]] = field(default_factory=dict)
    _right: dict[tuple[str, str], str] = field(default_factory=dict)

    def draw(self, kind: type) -> None:
        self.every[kind] = drawn(self.subject, kind, DRAWN, self.seed)
        self.double[kind] = [c for c in self.every[kind] if c.dtype == "float64"]
        self.plain[kind] = ordinary(self.subject, kind, ALARM_ORDINARY)

    def planted(self) -> list[Planted]:
        bugs = [p for p in catalogue(self.subject) if p.kind in self.every]
        return bugs + sample_of_mutants(self.double, MUTANTS, self.seed)

    def right(self, tool: Tool, case: Case) -> str:
        """The verdict on the layer as it is."""
        key = tool.name, case.digest
        if key not in self._right:
            self._right[key] = tool.verdict(case)
        return self._right[key]

    def hunt(self, tool: Tool, planted: Planted, cases: Sequence[Case]) -> str:
        """Try the cases up to the first that tells the wrong layer from the right one."""
        outcome = "missed"
        for case in cases:
            with planted.plant():
                verdict = tool.verdict(case)
            if verdict == "passes":
                continue
            if self.right(tool, case) == "passes":
                return "found"
            outcome = "alarm" if verdict == "rejects" else outcome
        return outcome

    def hunts(self, tools: Sequence[Tool], planted: Planted) -> list[Hunted]:
        shown = showing(planted, self.double[planted.kind], SHOWN)
        about = planted.source, planted.kind.__name__, planted.name
        return [
            Hunted(
                tool.name,
                *about,
                self.hunt(tool, planted, self._own(tool, planted.kind)),
                self.hunt(tool, planted, shown),
            )
            for tool in tools
        ]

    def _own(self, tool: Tool, kind: type) -> Sequence[Case]:
        return self.every[kind] if tool.name == "gradproof" else self.plain[kind][:1]

    def alarms(self, tool: Tool, kind: type, found: dict[str, Alarms]) -> None:
        """Count the verdicts on a correct layer, by input: "drawn" and "ordinary"."""
        for case in self.double[kind][:ALARM_DRAWN]:
            found["drawn"].add(self.right(tool, case))
        for case in self.plain[kind]:
            found["ordinary"].add(self.right(tool, case))


def score(
    arena: Arena, tools: Sequence[Tool], advance: Callable[[str], None]
) -> tuple[list[Hunted], dict[str, dict[str, Alarms]]]:
    """Every bug by every checker, and every checker's verdicts on correct layers.

    advance    is called with what comes next, before each layer is drawn and again hunted in
    """
    for kind in arena.kinds:
        advance(f"{kind.__name__}: cases")
        arena.draw(kind)
    alarms = {t.name: {"drawn": Alarms(), "ordinary": Alarms()} for t in tools}
    hunted: list[Hunted] = []
    planted = arena.planted()
    for kind in arena.kinds:
        advance(f"{kind.__name__}: verdicts")
        for tool in tools:
            arena.alarms(tool, kind, alarms[tool.name])
        for bug in (p for p in planted if p.kind is kind):
            hunted += arena.hunts(tools, bug)
        forget()
    return hunted, alarms
