"""PyTorch's side of a case: of a layer, a network, an optimiser."""
