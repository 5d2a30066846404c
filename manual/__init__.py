"""Back-propagation derived by hand, in NumPy: layers, losses, optimisers and networks."""
