"""The oracle: PyTorch's own function for every layer, loss and optimiser in `manual`."""

import importlib
import pkgutil

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
