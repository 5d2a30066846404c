"""Losses by family."""
