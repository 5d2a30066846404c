"""Errors that a person mends: their message is shown alone, without a stack trace."""

from __future__ import annotations


class InputError(Exception):
    """One clear sentence: what was given, what was expected, how to mend it."""
