"""A copy of the repository in which mutants of the judge lie ready, to be switched on one by one.

mutmut makes them: a function stands there as it is, and once for each small change that was drawn.
MUTANT_UNDER_TEST in the environment says which is called, in the processes that are started too.
"""

from __future__ import annotations

import difflib
import random
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from mutmut.mutation.data import LineSpan
from mutmut.mutation.file_mutation import (
    Mutation,
    combine_mutations_to_source,
    create_mutations,
)
from mutmut.utils.format_utils import get_mutant_name, orig_function_and_class_names_from_key

PACKAGE = "gradproof"

# Python runs it at the start of every process: what a worker of the judge calls counts as well.
_AT_START = """\
import os

seen = set()
if os.environ.get("MUTATION_HITS"):
    from mutmut.mutation import trampoline

    def record(name, caller=None):
        if name not in seen:
            seen.add(name)
            with open(os.environ["MUTATION_HITS"], "a") as file:
                file.write(name + "\\n")

    trampoline.record_trampoline_hit = record
"""


@dataclass(frozen=True)
class Mutant:
    """One small change of the judge's code.

    key       what MUTANT_UNDER_TEST is set to
    module    gradproof.bound
    function  its name, a method's with its class
    change    the line before and after, such as "- return a  + return b"
    """

    key: str
    module: str
    function: str
    change: str

    @property
    def called(self) -> str:
        """The function's name in mutmut's records of what a test calls."""
        return self.key.partition("__mutmut_")[0]


def copy(root: Path, folder: Path, count: int, seed: int) -> tuple[list[Mutant], int]:
    """All that git tracks, with mutants drawn at random; also says of how many there are.

    Raises    OSError, or CalledProcessError where git does not answer
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True)  # noqa: S607
    for name in sorted(filter(None, listed.stdout.decode().split("\0"))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)
    (folder / "sitecustomize.py").write_text(_AT_START)
    places = sorted((folder / PACKAGE).rglob("*.py"))
    found = {place: _mutations(place) for place in places}
    every = [(place, m) for place, (_, mutations) in found.items() for m in mutations]
    r = random.Random(seed)  # noqa: S311  (no secret)
    drawn = r.sample(every, min(count, len(every)))
    chosen = {place: [m for at, m in drawn if at == place] for place in places}
    made = [_mutate(place, folder, found[place][0], ms) for place, ms in chosen.items() if ms]
    mutants = [mutant for each in made for mutant in each]
    r.shuffle(mutants)  # so that what is done is a sample at any time
    return mutants, len(every)


def _mutations(place: Path) -> tuple[cst.Module, list[Mutation]]:
    """Those inside of functions; what stands outside runs before any test, so is not changed."""
    module, mutations, *_ = create_mutations(str(place), place.read_text(encoding="utf-8"))
    return module, [
        m for m in mutations if isinstance(m.contained_by_top_level_function, cst.FunctionDef)
    ]


def _mutate(
    place: Path, folder: Path, module: cst.Module, mutations: list[Mutation]
) -> list[Mutant]:
    made = combine_mutations_to_source(module, mutations)
    place.write_text(made.code, encoding="utf-8")
    lines = made.code.splitlines()
    mutants = []
    for name in made.mutant_names:
        key = get_mutant_name(place.relative_to(folder), name)
        function, owner = orig_function_and_class_names_from_key(key)
        mutants.append(
            Mutant(
                key,
                key.removesuffix(f".{name}"),
                f"{owner}.{function}" if owner else function,
                " ".join(_change(name, lines, made.line_span_by_function_name)),
            )
        )
    return mutants


def _change(name: str, lines: list[str], spans: Mapping[str, LineSpan]) -> Iterator[str]:
    original = f"{name.rpartition('__mutmut_')[0]}__mutmut_orig"
    # The first line has the name, and decorators may stand above it.
    before, after = (lines[spans[n].start - 1 : spans[n].end] for n in (original, name))
    after = [line.replace(name, original) for line in after]
    for line in difflib.unified_diff(before, after, n=0, lineterm=""):
        if line[:1] in "+-" and line[:3] not in ("+++", "---"):
            yield f"{line[0]} {line[1:].strip()}".replace(f"{original}", "…")
