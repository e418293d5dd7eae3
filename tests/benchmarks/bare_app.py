"""What the terminal UI is measured against: a Textual app with a header, a table and a footer, nothing else."""

from __future__ import annotations

BARE_APP = """
from textual.app import App
from textual.widgets import DataTable, Footer, Header

class Bare(App):
    TITLE = "FeXT"
    BINDINGS = [("q", "quit", "Quit")]

    def compose(self):
        yield Header()
        yield DataTable(cursor_type="row")
        yield Footer()

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("image", "size")
        table.add_rows([(f"image_{n}.jpg", str(n)) for n in range(ROWS)])
        table.focus()

Bare().run()
""".replace("ROWS", "100")
