"""Help: what the screen is for, every key that works there, and the documentation's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Markdown, Static, TabbedContent, TabPane, Tabs

from fext_tui.dialogs.dialog import Dialog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.binding import ActiveBinding

_SHORT = {
    "anomalies": "Odd", "command-line": "CLI", "dataset": "Data", "faults": "Fault", "installation": "Setup",
    "latents": "Codes", "scale": "GPUs", "screens": "UI", "security": "Trust", "settings": "Option", "ssh": "SSH",
    "training": "Train",
}  # fmt: skip - all tabs fit into 80 columns


class HelpDialog(Dialog[None]):
    """Keys of the screen below it in the first tab, one page of the docs in each further one."""

    HEADING = "Help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "dismiss(None)", "Close", show=False, id="help.close"),
        Binding("right_square_bracket", "next_page(1)", "Next page", key_display="]", id="help.next-page"),
        Binding("left_square_bracket", "next_page(-1)", "Page before", key_display="[", id="help.previous-page"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="help.up"),
        Binding("pagedown,space", "scroll(20)", "Page down", show=False, id="help.page-down"),
        Binding("pageup", "scroll(-20)", "Page up", show=False, id="help.page-up"),
    ]
    CSS = """
    HelpDialog .dialog { width: 96% !important; height: 90%; padding: 0 1; }
    HelpDialog Tab { padding: 0 1 0 0; }
    """

    def __init__(self, about: Screen[Any]) -> None:
        super().__init__()
        self._about = about
        self._pages = sorted(self.app.workspace.docs.glob("*.md"))

    def compose_content(self) -> ComposeResult:
        with TabbedContent():
            with TabPane("Keys"), VerticalScroll():
                yield Static(self._keys(), markup=False)
            for number, page in enumerate(self._pages):
                title = Content(_SHORT.get(page.stem, page.stem.replace("-", " ").title()))
                yield TabPane(title, VerticalScroll(), id=f"page-{number}")

    @on(TabbedContent.TabActivated)
    def _open_page(self, event: TabbedContent.TabActivated) -> None:
        """Read a page when it is looked at: all of them would keep the help from opening at once."""
        place = event.pane.query_one(VerticalScroll)
        if place.children:
            return
        page = self._pages[int((event.pane.id or "").removeprefix("page-"))]
        place.mount(Markdown(page.read_text(encoding="utf-8", errors="replace"), open_links=False))

    @property
    def _place(self) -> VerticalScroll:
        tabs = self.query_one(TabbedContent)
        return tabs.get_pane(tabs.active).query_one(VerticalScroll)

    def action_next_page(self, step: int) -> None:
        """Show the next page, or the one before."""
        tabs = self.query_one(Tabs)
        (tabs.action_next_tab if step > 0 else tabs.action_previous_tab)()

    def action_scroll(self, lines: int) -> None:
        """Move the page by lines."""
        self._place.scroll_relative(y=lines, animate=False)

    def copy_text(self) -> str:
        """The page in sight: its path, or all keys."""
        pane = self.query_one(TabbedContent).active
        if pane.startswith("page-"):
            return str(self._pages[int(pane.removeprefix("page-"))])
        return "\n".join("\t".join(line) for _, lines in self._parts for line in lines)

    def _keys(self) -> Group:
        """The keys of the screen, then those of the app, then those of the widget in focus; with their ids."""
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for title, lines in self._parts:
            table.add_row("", "", "")
            table.add_row("", Text(title, style="bold underline"), Text("id in ui.toml") if not title else "")
            for keys, meaning, name in lines:
                table.add_row(Text(keys, style="bold"), Text(meaning), Text(name))
        about = Text(" ".join((type(self._about).__doc__ or "").split()), style="italic")
        return Group(about, table)

    @property
    def _parts(self) -> list[tuple[str, list[tuple[str, str, str]]]]:
        active = self._about.active_bindings.values()
        parts = (
            ("", [a for a in active if a.node is self._about]),
            ("Everywhere", [a for a in active if a.node is self.app]),
            ("Where the focus is", [a for a in active if a.node not in (self._about, self.app)]),
        )
        return [(title, self._lines(bindings)) for title, bindings in parts if bindings]

    def _lines(self, bindings: Iterable[ActiveBinding]) -> list[tuple[str, str, str]]:
        """One line an action: its keys, what it does, and the id by which the configuration gives it others."""
        keys: dict[tuple[str, str], list[str]] = {}
        for active in bindings:
            binding = active.binding
            if meaning := binding.tooltip or binding.description:
                keys.setdefault((meaning, binding.id or ""), []).append(self.app.get_key_display(binding))
        lines = [(" ".join(dict.fromkeys(given)), meaning, name) for (meaning, name), given in keys.items()]
        return sorted(lines, key=lambda line: not line[2])  # Textual's own, such as tab, come last
