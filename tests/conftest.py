"""How many examples the tests draw, said in one place: GRADPROOF_PROFILE=quick|default|deep."""

from __future__ import annotations

import importlib.util
import os

from hypothesis import HealthCheck, settings

# A drawn network may be large, and a judged one slow; neither says anything about the gradient.
_PATIENT = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("quick", settings.get_profile("default"), max_examples=20, **_PATIENT)
settings.register_profile("default", settings.get_profile("default"), max_examples=100, **_PATIENT)
settings.register_profile("deep", settings.get_profile("default"), max_examples=2000, **_PATIENT)
settings.load_profile(os.environ.get("GRADPROOF_PROFILE", "default"))

# The half without torch is tested where torch is absent.
if importlib.util.find_spec("torch") is not None:
    import torch

    # Two processes with two threads each are slower than two with one each.
    torch.set_num_threads(1)
