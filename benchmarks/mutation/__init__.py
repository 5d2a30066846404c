"""Small changes in the judge's own code, and which of them its tests notice."""
