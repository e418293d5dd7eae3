"""Exports: a run's model as files that others load without FeXT."""
