"""Draw evenly with Hypothesis, and the same for the same seed in any process.

Hypothesis itself varies earlier examples, prefers some numbers, and sometimes takes a constant from
the source of a loaded module: then what it draws depends on what the process did before. This
backend does none of that; it is faster, too. Shrinking is Hypothesis's own.

Source    https://hypothesis.readthedocs.io/en/latest/reference/internals.html (PrimitiveProvider)
"""

from __future__ import annotations

from typing import Any

from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

EVEN_CHOICES = "gradproof-even-choices"
"""For `hypothesis.settings(backend=…)`."""


class EvenChoices(HypothesisProvider):
    """Every integer of a range is as likely as any other."""

    def draw_integer(
        self, min_value: int | None = None, max_value: int | None = None, **how: Any
    ) -> int:
        if min_value is None or max_value is None or how.get("weights"):
            return super().draw_integer(min_value, max_value, **how)
        assert self._random is not None
        return self._random.randint(min_value, max_value)

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS[EVEN_CHOICES] = f"{__name__}.{EvenChoices.__name__}"
