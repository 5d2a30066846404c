"""Back-propagation derived by hand, in NumPy: layers, losses, optimisers and networks.

Every layer, loss and optimiser is here by name, as in `torch.nn`: ``from manual import Linear``.
The modules are imported when a name is first asked for.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any


@cache
def _public() -> dict[str, Any]:
    """Every public class that a module of this package defines, by name."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(__path__, f"{__name__}.")
    ]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in _public():
        raise AttributeError(f"module {__name__!r} has no layer, loss or optimiser {name!r}")
    return _public()[name]


def __dir__() -> list[str]:
    return sorted([*globals(), *_public()])
