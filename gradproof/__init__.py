"""Is this hand-written backward pass right? The judge that answers, for any backward pass."""

__version__ = "0.1.0"
