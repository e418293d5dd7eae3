"""FeXT's terminal user interface: Textual screens over the engine."""
