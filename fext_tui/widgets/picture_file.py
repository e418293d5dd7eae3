"""A picture from a file with a line about it: read in a worker thread, only the newest wish is shown."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker, WorkerState, get_current_worker

from fext_engine.paths import escape_name
from fext_tui.widgets.picture import Picture

if TYPE_CHECKING:
    from fext_tui.figure import Figure, Reader
    from fext_tui.widgets.picture import Drawn

REST_SECONDS = 0.2  # a picture is read when the choice rests on it for so long: browsing never waits for one


class PictureFile(Vertical):
    """Shows the image file of `show_file`, or what another reader makes, and what it is."""

    DEFAULT_CSS = """
    PictureFile {
        width: 1fr;
        height: 1fr;
        & > Static { height: 2; padding: 0 1; color: $text-muted; text-overflow: ellipsis; }
        &.-path > Static { height: auto; max-height: 4; }
    }
    """

    class Shown(Message):
        """What was asked for last is on the screen, or the words why it cannot be."""

        def __init__(self, figure: Figure) -> None:
            super().__init__()
            self.figure = figure

    class Read(Message):
        """A worker has carried out `read`."""

        def __init__(self, read: Reader, figure: Figure, drawn: Drawn, keep_view: bool) -> None:
            super().__init__()
            self.read = read
            self.figure = figure
            self.drawn = drawn
            self.keep_view = keep_view

    tell_path: reactive[bool] = reactive(False, toggle_class="-path")
    """Whether the lines below the picture end with the file's whole path."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._wanted: Reader | None = None
        self._path: Path | None = None  # of what is shown

    def compose(self) -> ComposeResult:
        yield Picture(empty="")
        yield Static("", markup=False)

    @property
    def picture(self) -> Picture:
        """The picture itself, for the focus and for zooming."""
        return self.query_one(Picture)

    def show_file(self, path: Path) -> None:
        """Show the image in `path` as soon as it is read."""
        from fext_tui.figure import read_picture

        self.show_figure(partial(read_picture, path))

    def show_figure(self, read: Reader, *, keep_view: bool = False) -> None:
        """Show what `read` returns in a worker thread; `keep_view` keeps zoom and place."""
        self._wanted = read
        self._read(read, keep_view)

    def show_nothing(self, words: str) -> None:
        """Show `words` where a picture would be."""
        self._wanted = self._path = None
        self.picture.empty = words
        self.picture.show(None)
        self.query_one(Static).update("")

    async def show_pixels(self, figure: Figure | None) -> None:
        """Put real pixels over the half blocks of a figure; None takes them away."""
        from fext_tui.widgets.pixel_picture import PixelPicture

        for picture in self.query(PixelPicture):
            picture.display = figure is not None
        self.picture.display = figure is None
        if figure is not None:
            if not self.query(PixelPicture):
                await self.mount(PixelPicture(), before=0)
            self.query_one(PixelPicture).show(figure)

    @property
    def shown(self) -> Widget:
        """What shows the picture now, in half blocks or real pixels: for the focus."""
        from fext_tui.widgets.pixel_picture import PixelPicture

        return next((picture for picture in self.query(PixelPicture) if picture.display), self.picture)

    def copy_text(self) -> str | None:
        """The true path of the picture."""
        return str(self._path) if self._path is not None else None

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _read(self, read: Reader, keep_view: bool) -> None:
        worker = get_current_worker()
        sleep(REST_SECONDS)
        if worker.is_cancelled:  # keys in quick succession pass over pictures without reading them
            return
        figure = read()
        if not worker.is_cancelled:
            drawn = self.picture.draw_ahead(figure.panels, figure.titles, keep_view=keep_view)
            self.post_message(self.Read(read, figure, drawn, keep_view))

    @on(Read)
    def _show(self, message: Read) -> None:
        message.stop()
        if message.read is not self._wanted:
            return
        figure = message.figure
        self._path = figure.path
        self.picture.empty = f"{figure.caption}\ncannot be shown\n{figure.info}"
        self.picture.show_drawn(message.drawn, figure.caption, keep_view=message.keep_view)
        where = f"  {escape_name(str(figure.path))}" if self.tell_path else ""
        about = self.query_one(Static)
        about.update(figure.info + where, layout=self.tell_path)  # else its height stays, and with it the layout
        self.post_message(self.Shown(figure))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault of the reading itself is shown in the picture's place."""
        if event.state is WorkerState.ERROR:
            self.show_nothing(f"cannot be shown: {event.worker.error}")
