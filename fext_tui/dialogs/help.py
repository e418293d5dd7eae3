"""Help: what the screen is for, every key that works there, and the documentation's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Markdown, Static, TabbedContent, TabPane

if TYPE_CHECKING:
    from fext_tui.app import FextApp


class HelpDialog(ModalScreen[None]):
    """Keys of the screen below it in the first tab, one page of the docs in each further one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", "Close")]
    CSS = """
    HelpDialog .dialog { width: 96%; height: 90%; padding: 0 1; }
    """

    app: FextApp

    def __init__(self, about: Screen[Any]) -> None:
        super().__init__()
        self._about = about
        self._pages = sorted(self.app.workspace.docs.glob("*.md"))

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as dialog:
            dialog.border_title = "Help (esc closes, arrows change the page)"
            with TabbedContent():
                with TabPane("Keys"), VerticalScroll():
                    yield Static(self._keys(), markup=False)
                for number, page in enumerate(self._pages):
                    title = Content(page.stem.replace("-", " ").title())
                    yield TabPane(title, VerticalScroll(), id=f"page-{number}")

    @on(TabbedContent.TabActivated)
    def _open_page(self, event: TabbedContent.TabActivated) -> None:
        """Read a page when it is looked at: all of them would keep the help from opening at once."""
        place = event.pane.query_one(VerticalScroll)
        if place.children:
            return
        page = self._pages[int((event.pane.id or "").removeprefix("page-"))]
        place.mount(Markdown(page.read_text(encoding="utf-8", errors="replace"), open_links=False))

    def _keys(self) -> Table:
        """The keys of the screen, then those of the app, then those of the widget in focus."""
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_row("", Text((type(self._about).__doc__ or "").strip(), style="italic"))
        active = self._about.active_bindings.values()
        parts = (
            ("", [a for a in active if a.node is self._about]),
            ("Everywhere", [a for a in active if a.node is self.app]),
            ("Where the focus is", [a for a in active if a.node not in (self._about, self.app)]),
        )
        for title, bindings in parts:
            table.add_row("", "")
            table.add_row("", Text(title, style="bold underline"))
            for binding in (a.binding for a in bindings):
                if binding.description:
                    key = self.app.get_key_display(binding)
                    table.add_row(Text(key, style="bold"), Text(binding.tooltip or binding.description))
        return table
