"""Errors that the user can correct: only their message is shown, without a stack trace."""

from __future__ import annotations


class InputError(Exception):
    """One clear sentence: what was given, what was expected, what to do."""


class Stop(BaseException):
    """The judge ends what runs too long; nothing on the way may catch it."""


def told(error: BaseException) -> str:
    """The type and the words of somebody else's exception, which may have none to give."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001  (it is theirs)
        return type(error).__name__


def in_one_line(error: BaseException, most: int = 200) -> str:
    """The same without line breaks, and no longer than so many characters."""
    return " ".join(told(error).split())[:most]
