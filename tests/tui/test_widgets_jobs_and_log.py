"""The job bar and the log pane: what fits, what is kept, what is followed."""

from __future__ import annotations

from app_driver import until
from textual.app import App, ComposeResult

from fext_tui.widgets.job_bar import JobBar, JobView
from fext_tui.widgets.log_pane import LogPane

TRAIN = JobView("a", "train", "[red]run[/]", "epoch 3/100", 0.5, 400, 800, "images", 92.13, 5025.0)


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield LogPane(max_lines=100)
        yield JobBar(stop_hint="x stop")

    def on_job_bar_selected(self, message: JobBar.Selected) -> None:
        self.chosen.append(message.id)


def lines(widget) -> list[str]:
    return [widget.render_line(y).text for y in range(widget.size.height)]


async def test_job_bar_takes_room_only_for_jobs():
    app = Host()
    async with app.run_test(size=(120, 20)) as pilot:
        bar = app.query_one(JobBar)
        assert not bar.display
        bar.update_jobs([TRAIN])
        await pilot.pause()
        assert bar.size.height == 1
        text = lines(bar)[0]
        for part in ("train", "[red]run[/]", "epoch 3/100", " 50%", "400/800 images", "92.1 images/s", "ETA 1:23:45"):
            assert part in text
        bar.update_jobs([])
        await pilot.pause()
        assert not bar.display and app.query_one(LogPane).size.height == 20


async def test_job_bar_at_any_width_and_with_odd_jobs():
    app = Host()
    jobs = [
        TRAIN,
        JobView("b", "analyze", "\x1b[31m\n漢字" * 30, "", None, 12840, None, "images", 0.2, float("nan"), "stopping"),
        JobView("c", "encode", "", "", float("nan"), 0, 0, "", float("inf"), -1),
        JobView("d", "encode", "x", "", 7.0, 1, 1, "images", None, 400 * 3600),
    ]
    async with app.run_test(size=(80, 20)) as pilot:
        bar = app.query_one(JobBar)
        bar.update_jobs(jobs)
        for width in (80, 40, 12, 3, 200):
            await pilot.resize_terminal(width, 20)
            await pilot.pause()
            assert all(bar.render_line(y).cell_length == width for y in range(4))
            assert not any("\x1b" in line or "\n" in line for line in lines(bar))
        shown = lines(bar)
        assert "stopping" in shown[1] and "5.0 s/image" in shown[1] and "12,840 images" in shown[1]
        assert "100%" not in shown[2] and "16d 16h" in shown[3] and shown[0].rstrip().endswith("x stop")
        await pilot.click(bar, offset=(2, 1))
        assert app.chosen == ["b"]
        bar.update_jobs([*jobs, TRAIN])
        await pilot.pause()
        assert bar.size.height == 4 and "and 2 more" in lines(bar)[3]
        await pilot.click(bar, offset=(2, 3))
        assert app.chosen == ["b"]


async def test_log_keeps_what_came_before_it_was_shown_and_follows():
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        log = app.query_one(LogPane)
        for n in range(50):
            log.add("info", f"line {n}", 1_700_000_000)
        log.flush()
        await pilot.pause()
        assert "line 49" in lines(log)[-1]
        log.focus()
        await pilot.press("k")
        await pilot.pause()
        assert "line 48" in lines(log)[-1] and "G newest" in lines(log)[0]
        log.add("info", "line 50")
        log.flush()
        await pilot.pause()
        assert "line 48" in lines(log)[-1], "what is read stays in place"
        await pilot.press("G")
        await until(pilot, lambda: "line 50" in lines(log)[-1] and "newest" not in lines(log)[0], "the tail")
        log.add("info", "line 51")
        log.flush()
        await pilot.pause()
        assert "line 51" in lines(log)[-1] and "newest" not in lines(log)[0]


async def test_log_filters_by_level():
    app = Host()
    async with app.run_test(size=(80, 12)) as pilot:
        log = app.query_one(LogPane)
        for level in ("debug", "info", "warning", "error"):
            log.add(level, f"a {level} entry")
        log.flush()
        log.focus()
        shown = []
        for _ in range(4):
            await pilot.pause()
            text = "\n".join(lines(log))
            shown.append([level for level in ("debug", "info", "warning", "error") if f"a {level} entry" in text])
            await pilot.press("f")
        assert shown == [
            ["info", "warning", "error"],
            ["warning", "error"],
            ["error"],
            ["debug", "info", "warning", "error"],
        ]


async def test_log_is_bounded_and_wrapped_and_plain():
    app = Host()
    async with app.run_test(size=(60, 12)) as pilot:
        log = app.query_one(LogPane)
        for round_ in range(30):
            log.add_all([(1_700_000_000.0, "info", f"{round_} {n}") for n in range(1000)])
            log.flush()
        await pilot.pause()
        assert len(log.entries) <= 110 and "29 999" in lines(log)[-1]
        log.clear()
        log.add("error", "[/x] [red]a[/red] \x1b[31m " + "word " * 30 + "\n漢字" * 3)
        log.flush()
        for width in (60, 25, 4, 100):
            await pilot.resize_terminal(width, 12)
            await pilot.pause()
            assert all(log.render_line(y).cell_length == width for y in range(log.size.height))
        text = "\n".join(lines(log))
        assert "[/x] [red]a[/red] \\x1b[31m" in text and text.count("word") == 30 and "error" in text


async def test_a_burst_is_drawn_a_few_times():
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        log = app.query_one(LogPane)
        drawn = []
        flush = log.flush
        log.flush = lambda: (drawn.append(1), flush())
        for n in range(2000):
            log.add("info", str(n))
        await until(pilot, lambda: "1999" in lines(log)[-1], "the last entry")
        assert len(drawn) == 1


async def test_search_marks_finds_and_goes_round():
    app = Host()
    async with app.run_test(size=(60, 10)) as pilot:
        log = app.query_one(LogPane)
        for n in range(40):
            log.add("info", f"line {n} " + ("of a needle that is broken by the end of its line, NeedLE" if n % 10 == 5 else ""))
        log.flush()
        await pilot.pause()
        log.focus()
        assert log.check_action("next_match", (1,)) is False, "n is the screen's while nothing is searched for"
        await pilot.press("g")
        log.find("needle")
        await pilot.pause()
        assert "1 of 8 found" in lines(log)[0] and any("line 5 of" in line for line in lines(log))
        marked = [segment.text for y in range(10) for segment in log.render_line(y) if segment.style == log.get_component_rich_style("log-pane--match")]
        assert marked[:1] == ["NeedLE"], "either case"
        await pilot.press("n", "n", "N", "N", "N")
        await pilot.pause()
        assert "8 of 8 found" in lines(log)[0] and any("line 35" in line for line in lines(log))
        await pilot.press("n")
        assert "1 of 8" in lines(log)[0]
        await pilot.resize_terminal(30, 10)
        await pilot.pause()
        await pilot.press("n")
        assert "8 found" in lines(log)[0], "a word that is broken by the end of a line is found too"
        log.find("[red] .*")
        assert "not found" in lines(log)[0]
        log.find("")
        assert "found" not in lines(log)[0]
