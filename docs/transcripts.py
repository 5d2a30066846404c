"""The messages on twenty planted bugs: `python -m docs.transcripts` writes transcripts.md."""

from __future__ import annotations

from contextlib import chdir
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory

from gradproof.campaign.plan import PROFILES
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.counterexamples import write
from gradproof.judge.verdict import Judgement
from gradproof.mutation.bug import Bug, find, source_of
from tests.catalogue import bugs
from tests.subject import subject

NAMES = """
linear-bias-mean
linear-dx-transposed
add-one-array-for-two
add-unreduced
tanh-promoted
sigmoid-keeps-y-elsewhere
softplus-threshold-on-output
hardtanh-passes-at-its-ends
softmax-diagonal
softmax-overflows
crossentropy-weighted-mean-by-count
softcrossentropy-targets-sum-to-one
bcelogits-half-lost-at-zero
smoothl1-beta-is-no-scale
max-near-ties
slice-from-the-start
permute-not-inverse
net-overwrites
adam-correction-without-power
rmsprop-eps-under-the-root
""".split()
"""At least one bug of every family."""

PAGE = Path(__file__).with_name("transcripts.md")
SUBJECT = subject()

HEAD = """\
# What a failure says

<!-- Written by `python -m docs.transcripts`: change it there. -->

Each of these bugs was planted, cases were drawn and judged as `make verify` does, and the first
disagreement was shrunk. Below each bug is the message, word by word.
"""


def page() -> str:
    """The whole page."""
    known = {bug.name: bug for bug in bugs()}
    return "\n".join([HEAD, *(section(known[name]) for name in NAMES)])


def section(bug: Bug) -> str:
    """What was planted, and the message."""
    return "\n".join(
        [
            f"## {bug.name}\n",
            f"In `{bug.function}`. What exposes it: {bug.exposed}. Origin: {bug.origin}.\n",
            f"```diff\n{change(bug)}```\n",
            f"```text\n{message(bug)}```\n",
        ]
    )


def change(bug: Bug) -> str:
    """The lines that the bug removes and adds."""
    before, after = source_of(find(bug.function)), bug.source()
    lines = unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return "".join(f"{line}\n" for line in lines if not line.startswith(("---", "+++", "@@")))


def message(bug: Bug) -> str:
    """The message on the smallest case that the judge finds."""
    with bug.planted(), TemporaryDirectory() as folder, chdir(folder):
        case = smallest(bug)
        steps = getattr(case.case.target, "steps", ())
        shrunk_from = f"{len(steps)} layers" if len(steps) > 1 else ""
        path = write.write(SUBJECT, case, Path("counterexamples"), shrunk_from)
        return path.with_suffix(".txt").read_text(encoding="utf-8")


def smallest(bug: Bug) -> Judgement:
    """The first disagreement among the cases of the default profile, shrunk."""
    source = "optimizer"
    if bug.kind in SUBJECT.layers:
        source = "network" if SUBJECT.layers[bug.kind] is SUBJECT.net else "layer"
    task = Task(source, bug.kind, PROFILES["default"].cases, 0)
    return next(drawn.shrunk for drawn in judged(SUBJECT, task) if drawn.shrunk is not None)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
