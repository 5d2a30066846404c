"""Independent answers: complex step, finite differences, proved enclosure."""
