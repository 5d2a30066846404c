"""What a benchmark says where it cannot run to its end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from gradproof.errors import InputError

T = TypeVar("T")


def attempt(name: str, work: Callable[[], T]) -> T | None:
    """What the work returns; None where it could not run or was interrupted, after one line."""
    try:
        return work()
    except (InputError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{name}: interrupted; nothing was written", file=sys.stderr)
    return None
