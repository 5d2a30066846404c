"""Hypothesis made to draw the same for the same seed, in any process.

Now and then it draws a number that stands in the source of some module that is loaded, so that what
it draws would depend on what this process did before, and on lines that have nothing to do with it.

There is no setting against it, hence the private names: `_maybe_draw_constant` in their module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants


@contextmanager
def without_constants_of_the_code() -> Iterator[None]:
    """Hypothesis keeps to the numbers that are always the same."""
    with (
        patch.object(providers, "_get_local_constants", Constants),
        patch.object(providers, "CONSTANTS_CACHE", _own_cache()),
    ):
        yield


@cache
def _own_cache() -> Any:
    """What Hypothesis remembers of a draw's constants; its own has those of the code in it."""
    return type(providers.CONSTANTS_CACHE)(1024)
