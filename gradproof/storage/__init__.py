"""Files: written whole, rows, part files, the append-only journal, the environment."""
