"""The commands and their options, word by word as in tests/messages/options.txt."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from gradproof import __version__, cli, options, pytest_plugin
from gradproof.errors import InputError
from tests.command import GRADPROOF, ROOT, python
from tests.golden import unchanged


def described(parser: argparse.ArgumentParser) -> str:
    """Everything that can be given, with the default and what is said of it."""
    lines = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._VersionAction):
            continue
        if isinstance(action, argparse._SubParsersAction):
            lines.append(f"{parser.prog} {action.metavar}")
            said = {choice.dest: choice.help for choice in action._choices_actions}
            for name, command in action.choices.items():
                lines += ["", f"{command.prog}: {said[name]}", f"  {command.description}"]
                lines += described(command).splitlines()
        else:
            name = " ".join(action.option_strings) or action.dest
            choices = f", one of {', '.join(action.choices)}" if action.choices else ""
            told = parser._get_formatter()._expand_help(action)
            lines.append(f"  {name} = {action.default}{choices}: {told}")
    return "\n".join(lines)


def test_the_commands_and_options() -> None:
    text = described(options.parser()) + "\n"
    unchanged("options", text)


def test_the_help_says_what_the_exit_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("usage: gradproof [-h] [--version] command ...")
    assert "Exit status: 0 all agree, 1 something is wrong, 2 not run to the end" in said


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("usage: gradproof")
    assert "verify" in said.err and "report" in said.err


@pytest.mark.parametrize("called", [["-m", "gradproof"], ["-c", GRADPROOF]])
def test_the_version(called: list[str], tmp_path: Path) -> None:
    done = python(tmp_path, ROOT, *called, "--version")
    assert (done.returncode, done.stdout) == (0, f"gradproof {__version__}\n"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "--jobs", "-1"], "'-1' given; expected a whole number, 0 or more"),
        (["verify", "--examples", "0"], "'0' given; expected a whole number, 1 or more"),
        (["soak", "--networks", "1.5"], "'1.5' given; expected a whole number, 1 or more"),
        (["soak", "--minutes", "0"], "'0' given; expected a number above 0"),
        (["soak", "--minutes", "soon"], "'soon' given; expected a number above 0"),
    ],
)
def test_a_number_that_is_none(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    command, option, _ = arguments
    expected = f"gradproof: argument {option}: {said}; see gradproof {command} --help\n"
    assert capsys.readouterr().err == expected


def test_the_least_numbers_are_taken() -> None:
    parse = options.parser().parse_args
    assert parse(["verify", "--jobs", "0", "--examples", "1"]).examples == 1
    assert parse(["soak", "--minutes", "0.5"]).minutes == 0.5


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (KeyboardInterrupt(), "gradproof: interrupted\n"),
        (InputError("do this"), "gradproof: do this\n"),
        (
            ModuleNotFoundError("no", name="rich"),
            "gradproof: the package rich is missing; pip install rich\n",
        ),
    ],
)
def test_what_ends_a_command(
    raised: BaseException,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(_: Any) -> int:
        raise raised

    monkeypatch.setitem(cli.COMMANDS, "list", command)
    assert cli.main(["list"]) == 2
    assert capsys.readouterr() == ("", said)


def test_the_options_under_pytest() -> None:
    given: list[str] = []

    class Group:
        def addoption(self, name: str, **said: Any) -> None:
            given.append(f"  {name} = {said.get('default')}: {said['help']}")

    class Parser:
        def getgroup(self, name: str) -> Group:
            given.append(name)
            return Group()

    parser: Any = Parser()
    pytest_plugin.pytest_addoption(parser)
    text = "\n".join(given) + "\n"
    unchanged("options-pytest", text)
