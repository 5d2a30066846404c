"""The command line: what each command does."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradproof.errors import InputError
from gradproof.options import names, parser

if TYPE_CHECKING:
    from gradproof.checking.result import Verdict


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    known = parser()
    parsed = known.parse_args(arguments)
    if parsed.command is None:
        known.print_help(sys.stderr)
        return 2
    try:
        status = COMMANDS[parsed.command](parsed)
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
    except BrokenPipeError:  # whoever reads, such as head, has enough; what is left goes nowhere
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
        return 2
    except Exception:  # noqa: BLE001  (Python would exit with 1, and a crash is no disagreement)
        traceback.print_exc()
        return 2
    return status


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
        names(options.layers),
        options.jobs,
        options.limit,
        options.out,
        names(options.skip),
        options.cases,
        fail_fast=options.fail_fast,
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
    layers = names(options.layers)
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
        case=options.case,
        raise_exception=False,
    )
    if options.save and verdict.smallest is not None:
        verdict.save(options.save)
    return _answer(options, verdict)


def _answer(options: argparse.Namespace, verdict: Verdict) -> int:
    import json

    print(json.dumps(verdict.as_json(), indent=2) if options.json else verdict)
    return 0 if verdict else 1


def _check_file(options: argparse.Namespace) -> int:
    import json

    from gradproof import terminal
    from gradproof.checking import many

    if options.input:
        raise InputError("--input goes with --reference; the checks of a file have their own")
    if options.case:
        from gradproof.checking.check import verdict_of_case
        from gradproof.checking.record import subject_of

        checks = subject_of(many.checks_at(options.function))
        return _answer(options, verdict_of_case(checks, options.case))
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


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "verify": _verify,
    "soak": _soak,
    "mutants": _mutants,
    "list": _list,
    "check": _check,
    "replay": _replay,
    "doctor": _doctor,
    "report": _report,
}
