"""The PyTorch twin of each layer, found by the layer's exact type."""

from __future__ import annotations

import functools
from typing import Any


@functools.singledispatch
def twin(layer: object, *args: Any) -> Any:
    """Compute ``layer.forward(*args)``'s y by PyTorch's own function, on tensors.

    Arguments come in `forward`'s order, an absent one as None. One registration per layer.

    Raises    NotImplementedError for a layer without a twin
    """
    raise NotImplementedError(f"{type(layer).__name__} has no twin in reference/")
