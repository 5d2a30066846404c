"""What was probably forgotten: the evidence, fresh cases, one rule per file in `rules`."""
