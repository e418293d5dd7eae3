"""FeXT's terminal user interface: Textual screens over the engine."""

import os

# Textual reads it at import. What a key changes is painted at the next tick of this clock, or the one after it.
os.environ.setdefault("TEXTUAL_FPS", "120")
