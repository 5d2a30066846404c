"""The shrunk case: its message, its file, its replay, its stand-alone test."""
