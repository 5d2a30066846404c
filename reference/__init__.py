"""The oracle: PyTorch's own function for every layer, loss and optimiser in `manual`."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
