"""Training both sides: locked to the reference, and free."""
