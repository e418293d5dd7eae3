"""Maintenance: what takes room and removing it, care of the database, and FeXT's own update and uninstall."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from fext_engine.paths import escape_name
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.dialogs.dialog import Dialog
from fext_tui.dialogs.remove import RemoveDialog, item_lines
from fext_tui.tables import TableRows
from fext_tui.upkeep import Upkeep, UpkeepEnded, UpkeepSaid
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.text import format_bytes

if TYPE_CHECKING:
    from fext_engine.maintenance.removal import Kind, Removable

COLUMNS = (Column("key", 3), Column("what", None), Column("now", 28))
_SAY_SECONDS = 0.1


class Entry(NamedTuple):
    """One line of the dialog: the name of its action, and the kinds of things that it removes."""

    name: str
    title: str
    kinds: tuple[Kind, ...] = ()
    picks: bool = False


ENTRIES = (
    Entry("logs", "Remove logs", ("log",)),
    Entry("jobs", "Remove the records of finished jobs", ("job",)),
    Entry("caches", "Clear caches and leftovers", ("cache", "leftover")),
    Entry("runs", "Remove runs", ("run",), picks=True),
    Entry("encodings", "Remove encodings", ("encoding", "unfinished"), picks=True),
    Entry("reports", "Remove dataset reports", ("report",), picks=True),
    Entry("back-up", "Back up the database"),
    Entry("vacuum", "Vacuum the database"),
    Entry("export", "Export all tables as CSV"),
    Entry("shell", "Open it in the sqlite shell"),
    Entry("browser", "Open it in DB Browser"),
    Entry("update", "Update FeXT"),
    Entry("uninstall", "Uninstall FeXT"),
)


class Measured(Message):
    """A worker has added up what one entry may remove."""

    def __init__(self, entry: Entry, items: list[Removable]) -> None:
        super().__init__()
        self.entry = entry
        self.items = items


class Known(Message):
    """A worker has found out how the other entries stand."""

    def __init__(self, about: dict[str, str]) -> None:
        super().__init__()
        self.about = about


class _Closed(Exception):
    """Nobody waits for the sizes any more."""


class MaintenanceDialog(Dialog[None]):
    """What takes room in the resources folder, and removing it; the database; FeXT itself. Each entry says what it
    will delete, or that it deletes nothing, and asks."""

    HEADING = "Maintenance"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("M", "dismiss(None)", "Close", show=False, id="maintenance.close"),
        Binding("l", "do('logs')", "Remove logs", show=False, id="maintenance.logs"),
        Binding("f", "do('jobs')", "Remove finished jobs", show=False, id="maintenance.jobs"),
        Binding("c", "do('caches')", "Clear caches", show=False, id="maintenance.caches"),
        Binding("r", "do('runs')", "Remove runs", show=False, id="maintenance.runs"),
        Binding("e", "do('encodings')", "Remove encodings", show=False, id="maintenance.encodings"),
        Binding("d", "do('reports')", "Remove reports", show=False, id="maintenance.reports"),
        Binding("b", "do('back-up')", "Back up the database", show=False, id="maintenance.back-up"),
        Binding("v", "do('vacuum')", "Vacuum the database", show=False, id="maintenance.vacuum"),
        Binding("t", "do('export')", "Export all tables", show=False, id="maintenance.export"),
        Binding("s", "do('shell')", "Open the sqlite shell", show=False, id="maintenance.shell"),
        Binding("o", "do('browser')", "Open DB Browser", show=False, id="maintenance.browser"),
        Binding("u", "do('update')", "Update FeXT", show=False, id="maintenance.update"),
        Binding("U", "do('uninstall')", "Uninstall FeXT", show=False, id="maintenance.uninstall"),
    ]
    CSS = "MaintenanceDialog .dialog { padding: 0 1; } MaintenanceDialog .dialog RowList { height: 14; }"

    def compose_content(self) -> ComposeResult:
        yield RowList(id="maintenance-entries")
        yield Static("", id="maintenance-state", markup=False)
        yield Static("", id="maintenance-root", classes="note", markup=False)

    def on_mount(self) -> None:
        self.found: dict[str, list[Removable]] = {}
        self._about: dict[str, str] = {}
        self._upkeep = Upkeep(self)
        root = escape_name(str(self.app.workspace.root))
        opens = self.app.key("list.open")
        self.query_one("#maintenance-root", Static).update(
            f"of {root}; {opens} or the key shows what it will do, and asks"
        )
        self._show()
        self.query_one(RowList).focus()
        self._measure()

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _measure(self) -> None:
        """Add up, the quick ones first; a cache of a million files takes its time."""
        from fext_engine.maintenance import removable

        self.post_message(Known(self._upkeep.standing()))
        for entry in sorted(ENTRIES, key=lambda entry: "cache" in entry.kinds):
            if entry.kinds:
                watch = partial(self._count, entry.title, [0.0])
                try:
                    items = removable(self.app.workspace, entry.kinds, watch)
                except _Closed:
                    return
                self.post_message(Measured(entry, items))
        self.post_message(UpkeepSaid(""))

    def _count(self, title: str, told: list[float], files: int, held: int) -> None:
        if get_current_worker().is_cancelled:
            raise _Closed
        if time.monotonic() - told[0] > _SAY_SECONDS:
            told[0] = time.monotonic()
            self.post_message(UpkeepSaid(f"Adding up, {title}: {files:,} files, {format_bytes(held)}…"))

    @on(Measured)
    def _take_sizes(self, message: Measured) -> None:
        entry = message.entry
        self.found[entry.name] = sorted(message.items, key=lambda item: item.bytes, reverse=True)
        held = format_bytes(sum(item.bytes for item in message.items))
        self._about[entry.name] = f"{len(message.items):,}, {held}" if message.items else "none"
        self._show()

    @on(Known)
    def _take_standing(self, message: Known) -> None:
        self._about |= message.about
        self._show()

    def _show(self) -> None:
        rows = [
            (self.app.key(f"maintenance.{entry.name}"), entry.title, self._about.get(entry.name, "…"))
            for entry in ENTRIES
        ]
        table = self.query_one(RowList)
        table.set_source(TableRows(COLUMNS, rows), cursor=table.cursor)

    @on(UpkeepSaid)
    def _say(self, message: UpkeepSaid) -> None:
        self.query_one("#maintenance-state", Static).update(message.text)

    @on(UpkeepEnded)
    def _look_again(self) -> None:
        self._measure()

    @on(RowList.Selected)
    def _open(self, event: RowList.Selected) -> None:
        self.action_do(ENTRIES[event.index].name)

    def action_do(self, name: str) -> None:
        """Begin an entry: show what it will do, and ask."""
        entry = next(entry for entry in ENTRIES if entry.name == name)
        if not entry.kinds:
            self._upkeep.begin(name)
        elif name not in self.found:
            self.notify("Its size is still being added up.")
        elif entry.picks:
            self.app.push_screen(RemoveDialog(entry.title, self.found[name]), self._ask_removal)
        else:
            free = [item for item in self.found[name] if not item.in_use]
            if used := {item.in_use for item in self.found[name] if item.in_use}:
                self.notify(f"Job {min(used)} runs: what it needs stays.", severity="warning")
            if free:
                self._ask_removal(free)
            elif not used:
                self.notify("There is nothing to remove.")

    def _ask_removal(self, items: list[Removable] | None) -> None:
        if not items:
            return
        held = format_bytes(sum(item.bytes for item in items))
        question = f"This is deleted for good, {held} in all:\n" + "\n".join(item_lines(items))

        def remove_them(sure: bool | None) -> None:
            if sure:
                self._upkeep.remove(items)

        self.app.push_screen(ConfirmDialog("Remove for good", question, "Delete"), remove_them)
