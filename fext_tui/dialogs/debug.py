"""The debug page: versions, the terminal, devices, paths and the last crash, to read and to copy into a report."""

from __future__ import annotations

import os
import sys
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.dialogs.dialog import Dialog
from fext_tui.widgets.text import printable

Section = tuple[str, list[tuple[str, str]]]
_SHOWN_VARIABLES = ("TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "TERM_PROGRAM", "FEXT_RESOURCES")


class DebugDialog(Dialog[None]):
    """What a report of a fault should hold; y copies all of it."""

    HEADING = "Debug page"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll(1)", "Down", show=False, id="debug.down"),
        Binding("k", "scroll(-1)", "Up", show=False, id="debug.up"),
    ]
    CSS = """
    DebugDialog .dialog { width: 96% !important; height: 90%; }
    DebugDialog VerticalScroll { height: 1fr; }
    """

    class Known(Message):
        """A worker has found out more: `devices` a line each, None while they are not asked for yet."""

        def __init__(self, sections: list[Section], devices: list[str] | None) -> None:
            super().__init__()
            self.sections = sections
            self.devices = devices

    def compose_content(self) -> ComposeResult:
        with VerticalScroll():
            yield Static("Looking…", id="debug", markup=False)

    def on_mount(self) -> None:
        self._text = ""
        self.query_one(VerticalScroll).focus()
        self._look()

    @work(thread=True, exit_on_error=False)
    def _look(self) -> None:
        from fext_engine.maintenance import installation

        workspace = self.app.workspace
        paths = installation.paths(workspace, workspace.images_root(self.app.settings))
        sections = [
            ("Versions", list(installation.versions().items())),
            ("Terminal", self._terminal()),
            ("Paths", [(n.replace("_", " "), escape_name(str(path or "none"))) for n, path in paths.items()]),
        ]
        self.post_message(self.Known(sections, None))
        try:
            devices = installation.ask_for_devices()
        except FextError as error:
            devices = [str(error)]
        self.post_message(self.Known(sections, devices))

    def _terminal(self) -> list[tuple[str, str]]:
        app = self.app
        through = [name for name, variable in (("tmux", "TMUX"), ("screen", "STY"), ("SSH", "SSH_CONNECTION"))
                   if os.environ.get(variable)]  # fmt: skip
        return [
            *((name, os.environ[name]) for name in _SHOWN_VARIABLES if name in os.environ),
            ("size", f"{app.size.width} x {app.size.height}"),
            ("colours", "none (NO_COLOR)" if app.no_color else str(app.console.color_system)),
            ("theme", app.theme),
            ("through", ", ".join(through) or "nothing that tells"),
            ("interpreter", sys.executable),
        ]

    @on(Known)
    def _show(self, message: Known) -> None:
        devices = ["torch is asked…"] if message.devices is None else message.devices
        table, lines = Table.grid(padding=(0, 2)), []
        for title, facts in [*message.sections, ("Devices", [("", line) for line in devices])]:
            table.add_row(Text(title, style="bold underline"))
            lines.append(title)
            for name, value in facts:
                table.add_row(Text(f"  {name}"), Text(printable(value), overflow="fold"))
                lines.append(f"  {name:<24}{printable(value)}")
            table.add_row()
        self._text = "\n".join(lines)
        self.query_one("#debug", Static).update(table)

    def copy_text(self) -> str:
        """The whole page."""
        return self._text

    def action_scroll(self, lines: int) -> None:
        """Move the page by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
