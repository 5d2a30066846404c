"""One class of mistakes a file."""
