"""What a layer could change for everybody else: random numbers, modes, defaults, functions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from gradproof.arrays import NUMPY

_UNUSUAL = 86_028_157
"""A seed that nobody sets: one that is set to what it was would not show."""
_ONE, _SMALL = np.ones(2), np.array([2.0**-60, -(2.0**-60)])
_SUBNORMAL = np.array([2.0**-1060])


@contextmanager
def unusual_seeds() -> Iterator[None]:
    """Random numbers start elsewhere within it, and go on afterwards as if nothing had been."""
    numpys, torchs, pythons = np.random.get_state(), torch.get_rng_state(), random.getstate()  # noqa: NPY002
    np.random.seed(_UNUSUAL)  # noqa: NPY002
    torch.default_generator.manual_seed(
        _UNUSUAL
    )  # torch.manual_seed asks for every GPU, too: 10 ms
    random.seed(_UNUSUAL)
    try:
        yield
    finally:
        np.random.set_state(numpys)  # noqa: NPY002
        torch.set_rng_state(torchs)
        random.setstate(pythons)


def global_state() -> dict[str, Any]:
    """What a layer could change for everybody else, by name."""
    numbers: Any = np.random.get_state(legacy=False)  # noqa: NPY002  (it is what others may use)
    return {
        "the state of np.random": (numbers["state"]["pos"], numbers["state"]["key"].tobytes()),
        "the state of torch's random numbers": torch.get_rng_state().numpy().tobytes(),
        "the state of random": random.getstate(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": torch.get_default_device(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's grad mode": torch.is_grad_enabled(),
        "torch's precision of products": torch.get_float32_matmul_precision(),
        "torch's choice of algorithms": torch.are_deterministic_algorithms_enabled(),
        "how the processor rounds": (_ONE + _SMALL).tobytes() + (_SUBNORMAL * 0.5).tobytes(),
        "np.errstate": tuple(np.geterr().items()),
    }


def changed_state(before: dict[str, Any]) -> str:
    """What has been changed since then, in words; "" if nothing has."""
    now = global_state()
    changed = [name for name, value in before.items() if now[name] != value]
    changed += [f"numpy.{name}" for name, f in NUMPY.items() if vars(np).get(name) is not f]
    return f"it changes {' and '.join(changed)}" if changed else ""
