"""Planted bugs: how they are made, hunted and scored."""
