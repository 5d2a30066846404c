"""PyTorch's side of a case: a layer's, a network's, an optimiser's."""
