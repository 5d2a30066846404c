"""How large an error rounding explains: the bound, disturbed runs, sums of products."""
