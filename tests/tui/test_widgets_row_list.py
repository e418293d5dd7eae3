"""The long list: windows, cursor, mouse, odd names, and a source that changes."""

from __future__ import annotations

from textual.app import App, ComposeResult

from fext_tui.widgets.row_list import Column, RowList


class Numbers:
    """`length` rows made on demand, with a note of what was asked."""

    columns = (Column("name"), Column("size", 8, "right"), Column("class", 10))

    def __init__(self, length: int) -> None:
        self.length = length
        self.asked: list[tuple[int, int]] = []

    def count(self) -> int:
        return self.length

    def rows(self, offset: int, limit: int):
        self.asked.append((offset, limit))
        return [(f"image {n}.jpg", str(n), "cats") for n in range(offset, min(offset + limit, self.length))]


class Names(Numbers):
    names = ("[red]x[/].png", "[/nope]", "[[a]]", "漢字" * 40 + ".png", "a\x1b[31m\nb", "caf\udce9", "ordinary.png")

    def __init__(self) -> None:
        super().__init__(len(self.names))

    def rows(self, offset: int, limit: int):
        return [(name, "1", "[b]c") for name in self.names[offset : offset + limit]]


class Host(App[None]):
    def __init__(self, source) -> None:
        super().__init__()
        self.source = source
        self.heard: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        yield RowList(self.source)

    def on_row_list_highlighted(self, message: RowList.Highlighted) -> None:
        self.heard.append(("highlighted", message.index))

    def on_row_list_selected(self, message: RowList.Selected) -> None:
        self.heard.append(("selected", message.index))

    def on_row_list_header_clicked(self, message: RowList.HeaderClicked) -> None:
        self.heard.append(("header", message.index))


def lines(rows: RowList) -> list[str]:
    return [rows.render_line(y).text for y in range(rows.size.height)]


async def test_a_million_rows_ask_for_the_window_alone():
    source = Numbers(1_000_000)
    app = Host(source)
    async with app.run_test(size=(80, 24)) as pilot:
        rows = app.query_one(RowList)
        assert len(source.asked) == 1
        rows.focus()
        await pilot.press("G")
        assert rows.cursor == 999_999
        assert "image 999999.jpg" in lines(rows)[-1]
        assert len(source.asked) <= 3
        await pilot.press("g", "j", "j", "k", "pagedown")
        assert rows.cursor == 1 + 22
        await pilot.press("end", "up", "home", "up")
        assert rows.cursor == 0
        assert lines(rows)[1].startswith(" image 0.jpg")


async def test_messages_of_keys_and_mouse():
    app = Host(Numbers(100))
    async with app.run_test(size=(60, 20)) as pilot:
        rows = app.query_one(RowList)
        rows.focus()
        await pilot.press("down", "enter")
        assert app.heard[-2:] == [("highlighted", 1), ("selected", 1)]
        await pilot.click(rows, offset=(3, 6))
        assert app.heard[-1] == ("highlighted", 5)
        await pilot.click(rows, offset=(3, 6))
        assert app.heard[-1] == ("selected", 5)
        await pilot.click(rows, offset=(45, 0))
        assert app.heard[-1] == ("header", 1)
        await pilot.click(rows, offset=(52, 0))
        assert app.heard[-1] == ("header", 2)


async def test_names_are_shown_as_they_are_and_clipped_by_cells():
    app = Host(Names())
    async with app.run_test(size=(50, 12)) as pilot:
        rows = app.query_one(RowList)
        shown = lines(rows)
        assert shown[1].startswith(" [red]x[/].png ") and shown[2].startswith(" [/nope] ")
        assert "漢字" in shown[4] and "…" in shown[4]
        assert shown[5].startswith(" a\\x1b[31m\\x0ab ") and shown[6].startswith(" caf\\xe9 ")
        for width in (50, 33, 20, 7, 1, 200):
            await pilot.resize_terminal(width, 12)
            await pilot.pause()
            assert {rows.render_line(y).cell_length for y in range(12)} == {width}
            assert all(sum(s.cell_length for s in rows.render_line(y)) == width for y in range(12))


async def test_cursor_stays_when_rows_come_and_go():
    source = Numbers(50)
    app = Host(source)
    async with app.run_test(size=(60, 10)) as pilot:
        rows = app.query_one(RowList)
        rows.cursor = 30
        await pilot.pause()
        source.length = 60
        rows.refresh_rows()
        await pilot.pause()
        assert rows.cursor == 30 and rows.row == ("image 30.jpg", "30", "cats")
        source.length = 10
        rows.refresh_rows()
        await pilot.pause()
        assert rows.cursor == 9 and "image 9.jpg" in lines(rows)[-1]
        source.length = 0
        rows.refresh_rows()
        await pilot.pause()
        assert rows.row is None and any("Nothing here yet" in line for line in lines(rows))
        rows.focus()
        await pilot.press("j", "G", "enter", "pageup")
        assert ("selected", 0) not in app.heard


async def test_sort_mark_and_another_source():
    app = Host(Numbers(5))
    async with app.run_test(size=(60, 10)) as pilot:
        rows = app.query_one(RowList)
        rows.sort_mark(1, descending=True)
        assert "size ▼" in lines(rows)[0]
        rows.set_source(Numbers(5000), cursor=4000)
        await pilot.pause()
        assert rows.cursor == 4000 and any("image 4000.jpg" in line for line in lines(rows))
        rows.set_source(None)
        await pilot.pause()
        assert rows.row_count == 0


async def test_moving_the_cursor_redraws_two_rows():
    app = Host(Numbers(1000))
    async with app.run_test(size=(80, 24)) as pilot:
        rows = app.query_one(RowList)
        rows.focus()
        await pilot.pause()
        drawn: list[int] = []
        render = rows.render_line
        rows.render_line = lambda y: (drawn.append(y), render(y))[1]
        await pilot.press("j")
        await pilot.pause()
        assert sorted(set(drawn)) == [1, 2]
