"""gradproof compares hand-written gradients with PyTorch's and says which are wrong.

Exit status: 0 all agree, 1 something is wrong, 2 not run to the end (one clear line says why).
`gradproof COMMAND --help` lists the options of a command.
"""

from __future__ import annotations

import argparse
import math
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gradproof import __version__
from gradproof.campaign.watch import LIMIT
from gradproof.errors import InputError
from gradproof.subject.entries import DTYPES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if not hasattr(parsed, "command"):
        parser.print_help(sys.stderr)
        return 2
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
    """A parser whose error is one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"gradproof: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="gradproof", description=__doc__)
    parser.add_argument("--version", action="version", version=f"gradproof {__version__}")
    commands = parser.add_subparsers(metavar="command")
    seed = "the same seed draws the same cases (default: %(default)s)"
    jobs = "worker processes (default: 0, one per core)"
    limit = "seconds that a case may take before it counts as an error (default: %(default)g)"
    folder = "folder of the results (default: %(default)s)"

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
    verify.add_argument("--seed", type=_natural, default=0, help=seed)
    verify.add_argument(
        "--layers", default="", help="only these layers and optimisers (comma-separated)"
    )
    verify.add_argument("--skip", default="", help="all but these (comma-separated)")
    verify.add_argument("--cases", type=_count, help="of each layer (default: the profile's)")
    verify.add_argument("--jobs", type=_natural, default=0, help=jobs)
    verify.add_argument("--limit", type=_above_zero, default=LIMIT, help=limit)
    verify.add_argument(
        "--out",
        type=Path,
        default=Path("reports/latest"),
        help="folder of the report (default: %(default)s)",
    )
    verify.set_defaults(command=_verify)

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
    soak.add_argument("--seed", type=_natural, default=0, help=seed)
    soak.add_argument("--jobs", type=_natural, default=0, help=jobs)
    soak.add_argument("--limit", type=_above_zero, default=LIMIT, help=limit)
    soak.add_argument(
        "--minutes",
        type=_above_zero,
        default=math.inf,
        help="start no new shard after this many minutes",
    )
    soak.add_argument("--out", type=Path, default=Path("reports/judge"), help=folder)
    soak.set_defaults(command=_soak)

    mutants = commands.add_parser(
        "mutants",
        help="plant bugs and count those that the judge finds",
        description="Plant bugs in the backward passes, one at a time, and count those that the "
        "judge finds. The same command continues a run that was interrupted.",
    )
    mutants.add_argument(
        "--layers", default="", help="only bugs of these layers and optimisers (comma-separated)"
    )
    mutants.add_argument("--jobs", type=_natural, default=0, help=jobs)
    mutants.add_argument("--seed", type=_natural, default=0, help=seed)
    mutants.add_argument("--out", type=Path, default=Path("reports/judge"), help=folder)
    mutants.add_argument(
        "--only",
        choices=("catalogue", "automatic"),
        default="",
        help="only the bugs that the subject lists (catalogue), or only those made automatically",
    )
    mutants.set_defaults(command=_mutants)

    listing = commands.add_parser(
        "list",
        help="list the layers and optimisers of this project",
        description="List the layers and optimisers of the subject that pyproject.toml names.",
    )
    listing.set_defaults(command=_list)

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
    checking.add_argument("--seed", type=_natural, default=0, help=seed)
    checking.add_argument("--dtypes", type=_names, default=DTYPES, help="float64, float32 or both")
    checking.add_argument(
        "--only", type=_names, default=(), help="only these checks of the file (comma-separated)"
    )
    checking.add_argument("--jobs", type=_natural, default=0, help=jobs)
    checking.add_argument("--limit", type=_above_zero, default=LIMIT, help=limit)
    checking.add_argument("--save", type=Path, help="where to write the smallest case, as .npz")
    checking.add_argument("--json", action="store_true", help="print JSON, for a program to read")
    checking.set_defaults(command=_check)
    replay = commands.add_parser(
        "replay",
        help="judge a saved counterexample again",
        description="Judge a saved counterexample again and print the message.",
    )
    replay.add_argument("case", type=Path, help="file of the counterexample (.npz)")
    replay.set_defaults(command=_replay)

    doctor = commands.add_parser(
        "doctor",
        help="say what is installed here, and what is missing",
        description="Say what is installed here, and what is missing for what.",
    )
    doctor.set_defaults(command=_doctor)

    report = commands.add_parser(
        "report",
        help="make the report of a run, finished or not",
        description="Make the report of a run from its rows, whether the run finished or not.",
    )
    report.add_argument("run", type=Path, help="folder of the run, such as reports/runs/…")
    report.add_argument(
        "--out",
        type=Path,
        default=Path("reports/latest"),
        help="folder of the report (default: %(default)s)",
    )
    report.set_defaults(command=_report)
    return parser


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


def _names(text: str) -> tuple[str, ...]:
    """Comma-separated names, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(","))) if text else ()


def _verify(options: argparse.Namespace) -> int:
    from gradproof.subject.load import load_subject, project_root

    root = project_root()
    subject = load_subject(root)  # before torch is imported: it says what is missing, and where
    from gradproof import terminal
    from gradproof.campaign import plan, run

    chosen = plan.Options(
        options.profile,
        options.examples,
        options.seed,
        _names(options.layers),
        options.jobs,
        options.limit,
        options.out,
        _names(options.skip),
        options.cases,
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
        options.networks,
        options.seed,
        options.jobs,
        options.out,
        options.minutes,
        options.limit,
    )
    try:
        shards = soak.soak(root, load_subject(root), chosen, terminal.soak_progress)
    except KeyboardInterrupt:
        print(
            f"gradproof: interrupted; the finished shards are in {options.out / soak.JOURNAL}, "
            "and the same command continues",
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
        print("gradproof: interrupted; the same command continues", file=sys.stderr)
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


def _check(options: argparse.Namespace) -> int:
    import json

    if not options.reference:
        return _check_file(options)
    from gradproof.checking.check import check
    from gradproof.checking.command import inputs, named_object

    verdict = check(
        named_object(options.function),
        named_object(options.reference),
        inputs(options.input),
        dtypes=options.dtypes,
        cases=options.cases,
        seed=options.seed,
        raise_exception=False,
    )
    if options.save and verdict.smallest is not None:
        verdict.save(options.save)
    print(json.dumps(verdict.as_json(), indent=2) if options.json else verdict)
    return 0 if verdict else 1


def _check_file(options: argparse.Namespace) -> int:
    import json

    from gradproof import terminal
    from gradproof.checking import many

    if options.input:
        raise InputError("--input goes with --reference; the checks of a file have their own")
    chosen = many.Options(
        options.cases, options.seed, options.jobs, options.limit, options.only, options.save
    )
    answers = many.check_many(options.function, chosen, terminal.checking)
    if options.json:
        print(json.dumps(answers, indent=2))
    else:
        terminal.show_checks(answers)
    return many.status(answers)


def _replay(options: argparse.Namespace) -> int:
    from gradproof.subject.load import load_subject, project_root

    subject = load_subject(project_root())  # before torch is imported, as in `_verify`
    from gradproof.counterexamples.replay import replay

    judgement, text = replay(subject, options.case)
    print(text)
    return 1 if judgement.flagged else 0


def _doctor(_: argparse.Namespace) -> int:
    from gradproof.storage.doctor import findings

    lines, able = findings(Path.cwd())
    print("\n".join(lines))
    return 0 if able else 2


def _report(options: argparse.Namespace) -> int:
    from gradproof.subject.load import project_root

    _write_report(project_root(), options.run, options.out)
    print(f"report written to {options.out}/index.html")
    return 0
