"""The command line: gradproof verify | soak | mutants | list | replay | report.

Exit status: 0 agree, 1 disagree, 2 could not run (with one clear line saying why).
"""

from __future__ import annotations

import argparse
import math
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gradproof.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.command(parsed)
    except InputError as error:
        print(f"gradproof: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(
            f"gradproof: the package {error.name} is missing; pip install {error.name}",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("gradproof: interrupted", file=sys.stderr)
        return 2
    except Exception:  # noqa: BLE001  (Python would exit with 1, and a crash is no disagreement)
        traceback.print_exc()
        return 2
    return status


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"gradproof: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="gradproof", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    verify = commands.add_parser("verify", help="draw networks, run both sides, judge, report")
    verify.add_argument("--profile", default="default", help="quick, default, deep, example")
    verify.add_argument("--examples", type=_count, help="networks to draw")
    verify.add_argument("--seed", type=_natural, default=0, help="the same seed draws the same")
    verify.add_argument("--layers", default="", help="judge these alone: Linear,ReLU")
    verify.add_argument("--jobs", type=_natural, default=0, help="processes; 0 for one a core")
    verify.add_argument("--out", type=Path, default=Path("reports/latest"), help="report folder")
    verify.set_defaults(command=_verify)

    soak = commands.add_parser("soak", help="judge very many networks; keep what is flagged")
    soak.add_argument("--networks", type=_count, default=200_000, help="networks to draw")
    soak.add_argument("--seed", type=_natural, default=0, help="the same seed goes on")
    soak.add_argument("--jobs", type=_natural, default=0, help="processes; 0 for one a core")
    soak.add_argument("--minutes", type=_minutes, default=math.inf, help="begin no more after it")
    soak.add_argument("--out", type=Path, default=Path("reports/judge"), help="record's folder")
    soak.set_defaults(command=_soak)

    mutants = commands.add_parser("mutants", help="plant bugs and see whether the judge finds them")
    mutants.add_argument("--layers", default="", help="the bugs of these alone: Linear,ReLU")
    mutants.add_argument("--jobs", type=_natural, default=0, help="processes; 0 for one a core")
    mutants.add_argument("--seed", type=_natural, default=0, help="the same seed draws the same")
    mutants.add_argument("--out", type=Path, default=Path("reports/judge"), help="where to write")
    sorts = ("catalogue", "automatic")
    mutants.add_argument("--only", choices=sorts, default="", help="hunt bugs of this sort alone")
    mutants.set_defaults(command=_mutants)

    listing = commands.add_parser("list", help="the layers that the subject has")
    listing.set_defaults(command=_list)

    replay = commands.add_parser("replay", help="judge one saved case again")
    replay.add_argument("case", type=Path, help="a witness file (.npz)")
    replay.set_defaults(command=_replay)

    report = commands.add_parser("report", help="make the report of a run, finished or not")
    report.add_argument("run", type=Path, help="folder of the run, such as reports/runs/…")
    report.add_argument("--out", type=Path, default=Path("reports/latest"), help="report folder")
    report.set_defaults(command=_report)
    return parser


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} given; a whole number from 0 is expected")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} given; a whole number from 1 is expected")
    return int(text)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not minutes > 0:
        raise argparse.ArgumentTypeError(f"{text!r} given; a number above 0 is expected")
    return minutes


def _names(text: str) -> tuple[str, ...]:
    """Names between commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(","))) if text else ()


def _verify(options: argparse.Namespace) -> int:
    from gradproof import terminal
    from gradproof.campaign import plan, run
    from gradproof.subject.load import load_subject, project_root

    root = project_root()
    subject = load_subject(root)
    chosen = plan.Options(
        options.profile,
        options.examples,
        options.seed,
        _names(options.layers),
        options.jobs,
        options.out,
    )
    folder, about = run.run(root, subject, chosen, terminal.progress)
    layers = _write_report(root, folder, options.out)
    terminal.show(folder, about, layers, options.out)
    if about.get("interrupted"):
        print(
            f"gradproof: interrupted; the finished rows are in {folder} and in the report",
            file=sys.stderr,
        )
        return 2
    return 0 if about["verdict"] == "agree" else 1


def _soak(options: argparse.Namespace) -> int:
    from gradproof import terminal
    from gradproof.campaign import soak
    from gradproof.subject.load import load_subject, project_root

    root = project_root()
    chosen = soak.Options(
        options.networks, options.seed, options.jobs, options.out, options.minutes
    )
    try:
        shards = soak.soak(root, load_subject(root), chosen, terminal.soak_progress)
    except KeyboardInterrupt:
        print(
            f"gradproof: interrupted; the finished shards are in {options.out / soak.JOURNAL}, "
            "and the same command goes on",
            file=sys.stderr,
        )
        return 2
    found = soak.summarise(shards)
    terminal.show_soak(found, options.networks, options.out / soak.FILE)
    return 1 if found.false_alarms else 0


def _write_report(root: Path, folder: Path, out: Path) -> list[Any]:
    from gradproof import report
    from gradproof.subject.load import load_subject

    subject = load_subject(root)
    sections = subject.sections() if subject.sections is not None else ()
    return report.write(folder, root / out, sections)


def _mutants(options: argparse.Namespace) -> int:
    from gradproof import terminal
    from gradproof.mutation import score, study, study_report
    from gradproof.subject.load import load_subject, project_root

    root = project_root()
    layers = _names(options.layers)
    chosen = study.Options(layers, options.jobs, options.seed, options.out, options.only)
    try:
        rows = study.run(root, load_subject(root), chosen, terminal.hunting)
    except KeyboardInterrupt:
        print("gradproof: interrupted; the same command goes on from there", file=sys.stderr)
        return 2
    whole = not layers and not options.only
    study_report.write(root, root / options.out, rows, options.seed, whole)
    terminal.show_trial(rows, options.out)
    return 0 if score.passed(rows) else 1


def _list(_: argparse.Namespace) -> int:
    from gradproof import terminal
    from gradproof.subject.load import load_subject, project_root

    terminal.show_layers(load_subject(project_root()))
    return 0


def _replay(options: argparse.Namespace) -> int:
    from gradproof.counterexamples.replay import replay
    from gradproof.subject.load import load_subject, project_root

    judgement, text = replay(load_subject(project_root()), options.case)
    print(text)
    return 1 if judgement.culprit else 0


def _report(options: argparse.Namespace) -> int:
    from gradproof.subject.load import project_root

    _write_report(project_root(), options.run, options.out)
    print(f"report written to {options.out}/index.html")
    return 0
