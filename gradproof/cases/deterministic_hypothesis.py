"""Make Hypothesis draw the same for the same seed, in any process.

Hypothesis sometimes draws a constant from the source of a loaded module. Then what it draws would
depend on what the process did before, and on unrelated code.

No setting turns this off, hence the private names: see `_maybe_draw_constant` in Hypothesis.
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
    """Within it Hypothesis draws no constants from the code."""
    with (
        patch.object(providers, "_get_local_constants", Constants),
        patch.object(providers, "CONSTANTS_CACHE", _own_cache()),
    ):
        yield


@cache
def _own_cache() -> Any:
    """A cache without the constants of the code, in place of Hypothesis's own."""
    return type(providers.CONSTANTS_CACHE)(1024)
