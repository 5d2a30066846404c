"""gradproof beside other gradient checkers, on the same wrong and the same right layers."""
