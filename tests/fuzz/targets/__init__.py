"""The targets; `tests.fuzz.registry` has their names."""
