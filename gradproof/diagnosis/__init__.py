"""What was probably forgotten: the evidence, fresh cases, one rule a file in `rules`."""
