"""Training runs side by side: locked to the reference, and free of it."""
