"""FeXT's engine: everything that computes, without a user interface."""

__version__ = "0.1.0"
