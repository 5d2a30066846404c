"""One call for anybody's backward pass: what it may be given, and what it answers."""
