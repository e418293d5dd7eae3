"""A picture from a file with a line about it: read in a worker thread, only the newest wish is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerState, get_current_worker

from fext_engine.paths import escape_name
from fext_tui.widgets.picture import Picture

if TYPE_CHECKING:
    import numpy as np

LONGEST_SIDE = 1600  # pixels kept of a picture: enough to zoom in, small enough to hold


class PictureFile(Vertical):
    """Shows the image file of `show_file`, by the engine's one rule of decoding, and what it is."""

    DEFAULT_CSS = """
    PictureFile {
        width: 1fr;
        height: 1fr;
        & > Static { height: auto; max-height: 3; color: $text-muted; }
    }
    """

    class Read(Message):
        """A worker read `path`; `pixels` is None when that failed, and `info` says why."""

        def __init__(self, path: Path, pixels: np.ndarray[Any, Any] | None, info: str) -> None:
            super().__init__()
            self.path = path
            self.pixels = pixels
            self.info = info

    def __init__(self, *, id: str | None = None, classes: str | None = None, tell_path: bool = False) -> None:
        """Create the widget; with `tell_path` the line below the picture ends with the file's whole path."""
        super().__init__(id=id, classes=classes)
        self.tell_path = tell_path
        self._wanted: Path | None = None

    def compose(self) -> ComposeResult:
        yield Picture(empty="")
        yield Static("", markup=False)

    @property
    def picture(self) -> Picture:
        """The picture itself, for the focus and for zooming."""
        return self.query_one(Picture)

    def show_file(self, path: Path) -> None:
        """Show the image in `path` as soon as it is read."""
        self._wanted = path
        self._read(path)

    def show_nothing(self, words: str) -> None:
        """Show `words` where a picture would be."""
        self._wanted = None
        self.picture.empty = words
        self.picture.show(None)
        self.query_one(Static).update("")

    def copy_text(self) -> str | None:
        """The true path of the picture."""
        return str(self._wanted) if self._wanted is not None else None

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _read(self, path: Path) -> None:
        worker = get_current_worker()
        if worker.is_cancelled:  # a held key passes over pictures without reading them
            return
        pixels, info = read_picture(path)
        if not worker.is_cancelled:
            self.post_message(self.Read(path, pixels, info))

    @on(Read)
    def _show(self, message: Read) -> None:
        message.stop()
        if message.path != self._wanted:
            return
        name = escape_name(message.path.name)
        self.picture.empty = f"{name}\ncannot be shown\n{message.info}"
        self.picture.show(message.pixels, name)
        where = f"  {escape_name(str(message.path))}" if self.tell_path else ""
        self.query_one(Static).update(message.info + where)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault of the reading itself is shown in the picture's place."""
        if event.state is WorkerState.ERROR:
            self.show_nothing(f"cannot be shown: {event.worker.error}")


def read_picture(path: Path) -> tuple[np.ndarray[Any, Any] | None, str]:
    """Decode a picture, reduced to what a terminal can use.

    Returns uint8 pixels (H, W, 3) or (H, W) and a line about the file, or None and the reason.
    """
    import numpy as np
    from PIL import Image

    from fext_engine.images.decode import decode_image, read_file
    from fext_engine.images.faults import DecodeError
    from fext_tui.widgets.text import format_bytes

    try:
        data = read_file(path)
        decoded = decode_image(path, data=data)
    except DecodeError as error:
        return None, str(error)
    pixels = decoded.pixels
    if max(pixels.shape[:2]) > LONGEST_SIDE:
        image = Image.fromarray(pixels)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        pixels = np.asarray(image)
    about = (
        f"{decoded.width} x {decoded.height}",
        f"{decoded.format} {decoded.mode} {decoded.bit_depth} bit",
        format_bytes(len(data)),
        *decoded.notes,
    )
    return pixels, "  ".join(about)
