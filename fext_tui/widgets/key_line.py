"""The last line of a screen or dialog: its keys, as many as there is room for."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class KeyLine(Footer):
    """A footer that ends with whole words: what finds no room is left out, the last key (Quit) never. Help has all."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False, compact=True)

    def compose(self) -> ComposeResult:
        keys = list(super().compose())
        room = self.size.width + 1  # each key has a gap behind it, the last one's may be cut
        while len(keys) > 1 and sum(map(_cells, keys)) > room > 1:
            del keys[-2]
        yield from keys

    def on_resize(self) -> None:
        """Another number of keys fits."""
        if self._bindings_ready:
            self.refresh(recompose=True)


def _cells(key: Widget) -> int:
    return cell_len(key.key_display) + cell_len(key.description) + 2 if isinstance(key, FooterKey) else 0
