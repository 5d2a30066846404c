"""Layers by family, as `torch.nn` has them."""
