"""What is drawn: a case, its values and hazards, its file."""
