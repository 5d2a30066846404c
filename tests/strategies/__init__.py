"""Strategies that draw valid layers, networks and inputs; a layer's stands at its mirrored name."""

import importlib
import pkgutil

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
