"""Errors that the user can correct: only their message is shown, without a stack trace."""

from __future__ import annotations


class InputError(Exception):
    """One clear sentence: what was given, what was expected, what to do."""
