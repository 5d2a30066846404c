"""What may stand on the command line: commands, options and their help."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, NoReturn

from gradproof import __version__
from gradproof.campaign.watch import LIMIT
from gradproof.subject.entries import DTYPES

ABOUT = """gradproof compares hand-written gradients with PyTorch's and says which are wrong.

Exit status: 0 all agree, 1 something is wrong, 2 not run to the end (one clear line says why).
`gradproof COMMAND --help` lists the options of a command.
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose error is one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"gradproof: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The parser; `command` is the name of the command that was given, or None."""
    made = _Parser(prog="gradproof", description=ABOUT)
    made.add_argument("--version", action="version", version=f"gradproof {__version__}")
    commands = made.add_subparsers(metavar="command", dest="command")
    folder = "folder of the results (default: %(default)s)"
    page = "folder of the report (default: %(default)s)"

    verify = commands.add_parser(
        "verify",
        help="draw cases, run both sides, judge, report",
        description="Draw networks, layers and optimisers, run the hand-written side and PyTorch, "
        "compare every array, and write the report.",
    )
    verify.add_argument(
        "--profile",
        default="default",
        help="how many networks: quick (300), default (2400), deep (20000) or example (70)",
    )
    verify.add_argument("--examples", type=_count, help="networks to draw (default: the profile's)")
    _add(verify, "seed")
    verify.add_argument(
        "--layers", default="", help="only these layers and optimisers (comma-separated)"
    )
    verify.add_argument("--skip", default="", help="all but these (comma-separated)")
    verify.add_argument("--cases", type=_count, help="of each layer (default: the profile's)")
    verify.add_argument(
        "--fail-fast", action="store_true", help="stop at the first disagreement or error"
    )
    _add(verify, "jobs", "limit")
    verify.add_argument("--out", type=Path, default=Path("reports/latest"), help=page)

    soak = commands.add_parser(
        "soak",
        help="judge very many networks and keep what is flagged",
        description="Judge very many networks and keep what is flagged: a false alarm, if the "
        "layers are correct. The same command continues a soak that was interrupted.",
    )
    soak.add_argument(
        "--networks",
        type=_count,
        default=200_000,
        help="networks to judge in all (default: %(default)s)",
    )
    _add(soak, "seed", "jobs", "limit")
    soak.add_argument(
        "--minutes",
        type=_above_zero,
        default=math.inf,
        help="start no new shard after this many minutes",
    )
    soak.add_argument("--out", type=Path, default=Path("reports/judge"), help=folder)

    mutants = commands.add_parser(
        "mutants",
        help="plant bugs and count those that the judge finds",
        description="Plant bugs in the backward passes, one at a time, and count those that the "
        "judge finds. The same command continues a run that was interrupted.",
    )
    mutants.add_argument(
        "--layers", default="", help="only bugs of these layers and optimisers (comma-separated)"
    )
    _add(mutants, "jobs", "seed")
    mutants.add_argument("--out", type=Path, default=Path("reports/judge"), help=folder)
    mutants.add_argument(
        "--only",
        choices=("catalogue", "automatic"),
        default="",
        help="only the bugs that the subject lists (catalogue), or only those made automatically",
    )

    commands.add_parser(
        "list",
        help="list the layers and optimisers of this project",
        description="List the layers and optimisers of the subject that pyproject.toml names.",
    )

    checking = commands.add_parser(
        "check",
        help="judge functions of your own",
        description="Judge one hand-written backward pass against PyTorch, on drawn cases, or all "
        "checks of a file.",
    )
    checking.add_argument(
        "function", help="what has the backward pass: package.module:name; or a file with `checks`"
    )
    checking.add_argument(
        "--reference", help="the same function of tensors: package.module:name (not for a file)"
    )
    checking.add_argument(
        "--input",
        action="append",
        default=[],
        help="an input, such as 'real(4, 8)' or 'ids=index(10, 4)'; once for each",
    )
    checking.add_argument("--cases", type=_count, default=100, help="to draw (%(default)s)")
    _add(checking, "seed")
    checking.add_argument(
        "--case", type=Path, help="judge the case in this file again, and draw none"
    )
    checking.add_argument(
        "--dtypes", type=names, default=DTYPES, help="of float64, float32, bfloat16, float16"
    )
    checking.add_argument(
        "--only", type=names, default=(), help="only these checks of the file (comma-separated)"
    )
    _add(checking, "jobs", "limit")
    checking.add_argument("--save", type=Path, help="where to write the smallest case, as .npz")
    checking.add_argument("--json", action="store_true", help="print JSON, for a program to read")
    replay = commands.add_parser(
        "replay",
        help="judge a saved counterexample again",
        description="Judge a saved counterexample again and print the message.",
    )
    replay.add_argument("case", type=Path, help="file of the counterexample (.npz)")

    commands.add_parser(
        "doctor",
        help="say what is installed here, and what is missing",
        description="Say what is installed here, and what is missing for what.",
    )

    report = commands.add_parser(
        "report",
        help="make the report of a run, finished or not",
        description="Make the report of a run from its rows, whether the run finished or not.",
    )
    report.add_argument("run", type=Path, help="folder of the run, such as reports/runs/…")
    report.add_argument("--out", type=Path, default=Path("reports/latest"), help=page)
    return made


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} given; expected a whole number, 0 or more")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} given; expected a whole number, 1 or more")
    return int(text)


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text!r} given; expected a number above 0")
    return number


_COMMON: dict[str, dict[str, Any]] = {
    "seed": {
        "type": _natural,
        "default": 0,
        "help": "the same seed draws the same cases (default: %(default)s)",
    },
    "jobs": {
        "type": _natural,
        "default": 0,
        "help": "worker processes (default: 0, one per core)",
    },
    "limit": {
        "type": _above_zero,
        "default": LIMIT,
        "help": "seconds that a case may take before it counts as an error (default: %(default)g)",
    },
}
"""Options that several commands have."""


def _add(command: argparse.ArgumentParser, *common: str) -> None:
    for name in common:
        command.add_argument(f"--{name}", **_COMMON[name])


def names(text: str) -> tuple[str, ...]:
    """Comma-separated names, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(","))) if text else ()
