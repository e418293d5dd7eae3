"""The encodings there are, and what one does with them: search, near-duplicates, the map, anomalies."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from fext_engine.paths import escape_name
from fext_tui.dialogs.dialog import Dialog
from fext_tui.encodings import KnownEncoding, known_encodings, no_encodings
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList

COLUMNS = (
    Column("encoding", keep_end=True), Column("run", 16), Column("rows", 9, "right"), Column("date", 16),
)  # fmt: skip

What = Literal["similar", "file", "groups", "map", "anomalies"]


class EncodingChoice(NamedTuple):
    """What is to be done with an encoding."""

    what: What
    encoding: KnownEncoding


class EncodingsRead(Message):
    """A worker has listed the encodings, and says what is wrong with others."""

    def __init__(self, encodings: list[KnownEncoding], problems: list[str]) -> None:
        super().__init__()
        self.encodings = encodings
        self.problems = problems


class EncodingsDialog(Dialog[EncodingChoice | None]):
    """All encodings, the newest first; the result is the chosen one and what is to be done with it."""

    HEADING = "Encodings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "choose('file')", "Like a file", id="encodings.file", tooltip="What is most like an image file"),
        Binding("d", "choose('groups')", "Duplicates", id="encodings.groups", tooltip="Groups of nearly equal images"),
        Binding("m", "choose('map')", "Map", id="encodings.map", tooltip="Its images as points in two dimensions"),
        Binding("a", "choose('anomalies')", "Anomalies", id="encodings.anomalies",
                tooltip="Score how unusual each image is, by a job"),
        Binding("E", "dismiss(None)", "Close", show=False, id="encodings.close"),
    ]  # fmt: skip

    def __init__(self, image: str | None) -> None:
        """`image` is the stored name of the one in hand, of which similar ones can be found; None without one."""
        super().__init__()
        self._image = image
        self.encodings: list[KnownEncoding] = []

    def compose_content(self) -> ComposeResult:
        yield RowList(id="encoding-list", empty="Looking…")
        yield Static("", id="encoding-about", markup=False)

    def on_mount(self) -> None:
        self.query_one(RowList).focus()
        self._read()

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _read(self) -> None:
        self.post_message(EncodingsRead(*known_encodings(self.app.workspace)))

    @on(EncodingsRead)
    def _show(self, message: EncodingsRead) -> None:
        self.encodings = message.encodings
        rows = [(known.name, known.run, f"{known.rows:,}", known.date) for known in self.encodings]
        table = self.query_one(RowList)
        table.empty = no_encodings(self.app.key)
        table.set_source(TableRows(COLUMNS, rows, [str(known.folder) for known in self.encodings]))
        for problem in message.problems[:3]:
            self.notify(problem, title="Not listed", severity="warning", markup=False)
        self._describe()
        self.refresh_bindings()

    @property
    def chosen(self) -> KnownEncoding | None:
        """The encoding under the cursor."""
        at = self.query_one(RowList).cursor
        return self.encodings[at] if at < len(self.encodings) else None

    @on(RowList.Highlighted)
    def _describe(self) -> None:
        """Say of the chosen encoding what the columns have no room for."""
        known = self.chosen
        if known is None:
            self.query_one("#encoding-about", Static).update("")
            return
        about = f"{known.dimensions:,} numbers a row, pooling {known.pooling}, of {escape_name(str(known.images))}"
        does = f"finds images like {self._image}" if self._image else "shows its map"
        self.query_one("#encoding-about", Static).update(f"{about}\n{self.app.key('list.open')} {does}")

    @on(RowList.Selected)
    def _open(self) -> None:
        self.action_choose("similar" if self._image else "map")

    def action_choose(self, what: What) -> None:
        """Close with the chosen encoding."""
        if self.chosen is not None:
            self.dismiss(EncodingChoice(what, self.chosen))
