"""The rules of the diagnosis: one class of mistakes per file."""
