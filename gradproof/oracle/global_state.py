"""What a layer could change for everybody else: random numbers, modes, defaults."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def global_state() -> dict[str, Any]:
    """What a layer could change for everybody else, by name."""
    numbers: Any = np.random.get_state(legacy=False)  # noqa: NPY002  (it is what others may use)
    return {
        "the state of np.random": (numbers["state"]["pos"], numbers["state"]["key"].tobytes()),
        "the state of torch's random numbers": torch.get_rng_state().numpy().tobytes(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's grad mode": torch.is_grad_enabled(),
        "np.errstate": tuple(np.geterr().items()),
    }


def changed_state(before: dict[str, Any]) -> str:
    """What has been changed since then, in words; "" if nothing has."""
    now = global_state()
    changed = [name for name, value in before.items() if now[name] != value]
    return f"it changes {' and '.join(changed)}" if changed else ""
