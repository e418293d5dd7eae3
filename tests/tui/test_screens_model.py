"""The Model screen: training live, its runs, and what one does with them."""

from __future__ import annotations

from app_driver import idle, lines_of, make_run, notices, opened, press, screen_text, until

from fext_engine.training.history import read_history
from fext_tui.following import JobSnapshot, JobUpdated
from fext_tui.widgets.job_bar import JobBar
from fext_tui.widgets.live_figures import LiveFigures
from fext_tui.widgets.log_pane import LogPane
from fext_tui.widgets.loss_plot import LossPlot
from fext_tui.widgets.picture_file import PictureFile

TRAINING_SECONDS = 120.0


def curve(plot):
    """The points (epoch, loss) that the plot shows."""
    return plot.series("loss")[0]


async def test_train_stop_and_resume(with_images):
    make_run(with_images, "older")
    async with opened(with_images, training__epochs=500) as (app, pilot):
        await press(pilot, "2", "L", "t")
        screen = app.screen
        bar, runs, plot = (screen.query_one(one) for one in (JobBar, "#runs", LossPlot))
        await until(pilot, lambda: bar.jobs and bar.jobs[0].fraction and bar.jobs[0].eta, "progress", TRAINING_SECONDS)
        await until(pilot, lambda: "older" not in str(plot.border_title), "the new run", TRAINING_SECONDS)
        await until(pilot, lambda: len(curve(plot)) >= 2, "two epochs of the curve", TRAINING_SECONDS)
        await until(pilot, lambda: screen.query_one(PictureFile).picture.has_image, "a sample reconstruction")
        await until(pilot, lambda: runs.row[1] == "running" and runs.row[2].endswith("/500"), "the run in the list")
        live = screen.query_one(LiveFigures)
        shown = " ".join(lines_of(live))
        assert live.display and "/500" in shown and "learning rate 0.0" in shown
        assert " cores" in shown and "memory" in shown and "images/s" in shown and "GPU" not in shown
        assert "validation" in screen_text(app)

        await press(pilot, "x")
        await idle(pilot)
        await until(pilot, lambda: runs.row[1] == "stopped", "its end in the list")
        assert not live.display
        run = runs.row[0]
        done = len(read_history(with_images.run(run) / "history.csv"))
        assert done >= 2 and any("stopped" in notice for notice in notices(app))

        await press(pilot, "r")
        await until(pilot, lambda: app.active_jobs, "the resumed job")
        await idle(pilot)
        await until(pilot, lambda: len(curve(plot)) > done, "the longer curve")
        await until(pilot, lambda: runs.row[1] == "finished", "its end in the list")
        assert len(curve(plot)) >= done + 2 and runs.row_count == 2
        assert [int(epoch) for epoch, _ in curve(plot)] == list(range(1, len(curve(plot)) + 1))

        texts = [text for _, _, text in screen.query_one(LogPane).entries]
        for verb in ("train", "resume"):
            assert any(text.startswith(f"{verb} started") for text in texts)
        await press(pilot, "3", "]", "]")
        await until(pilot, lambda: "PSNR" in screen_text(app), "the reconstructions in the Viewer")


async def test_the_runs_there_are(workspace):
    for name in ("first", "second [red]x[/x]"):
        make_run(workspace, name, epochs=4)
    async with opened(workspace) as (app, pilot):
        await press(pilot, "2")
        runs, plot = app.screen.query_one("#runs"), app.screen.query_one(LossPlot)
        await until(pilot, lambda: curve(plot), "the curve of the newest run")
        await until(pilot, lambda: "second [red]x[/x]" in screen_text(app).splitlines()[1], "its name over the plot")
        await press(pilot, "down")
        await until(pilot, lambda: "first" in str(plot.border_title), "the other run")
        assert len(curve(plot)) == 4
        before = screen_text(app)
        await press(pilot, "m", "y")
        await until(pilot, lambda: screen_text(app) != before, "another curve")
        await press(pilot, "1", "2")
        assert runs.row[0] == "first"


async def test_without_runs_the_keys_say_what_to_do_and_a_training_that_fails_says_why(workspace):
    async with opened(workspace) as (app, pilot):
        await press(pilot, "2", "r", "v", "e", "w")
        assert len(notices(app)) == 4 and all("t trains one" in notice for notice in notices(app))
        assert not app.jobs
        await press(pilot, "t")
        await until(pilot, lambda: app.jobs, "the job")
        await idle(pilot)
        assert any("train failed" in notice and str(workspace.images) in notice for notice in notices(app)), notices(app)


async def test_the_smallest_terminal_shows_figures_curves_and_runs_while_a_run_trains(with_images):
    make_run(with_images, "first")
    progress = {
        "stage": "training", "done": 1, "total": 20, "epoch": 4, "epochs": 5, "rate": 20.5, "eta": 5000.0, "unit": "images",
        "learning_rate": 0.0007143, "cpu_percent": 40, "cores": 2, "memory_bytes": 500_000_000,
    }  # fmt: skip
    async with opened(with_images, size=(80, 24)) as (app, pilot):
        await press(pilot, "2")
        app.post_message(JobUpdated(JobSnapshot("20260101T000000-train-0000", "train", "first", "running", progress), ()))
        await until(pilot, lambda: app.screen.run and "memory" in screen_text(app), "the figures")
        assert app.screen.query_one("#live").region.height == 2
        lines = screen_text(app).splitlines()
        assert any("└" in line for line in lines), "the axis of the curves"
        assert any(line.startswith(" first ") for line in lines), "the row of the run"
