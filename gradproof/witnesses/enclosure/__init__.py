"""Ball arithmetic: an interval that is proved to hold the true derivative."""
