"""The tables of the Model screen: runs sorted, filtered, renamed, annotated and deleted; epochs; two runs compared."""

from __future__ import annotations

from app_driver import make_run, notices, opened, press, screen_text, until

from fext_engine.jobs.folder import claim, create_job
from fext_engine.presets import settings_to_toml
from fext_engine.records import open_records
from fext_engine.records.runs import RunRecord, list_runs, set_note, upsert_run
from fext_engine.settings import Settings
from fext_engine.training.history import read_history, write_history
from fext_engine.training.run_folder import RunFolder
from fext_tui.widgets.loss_plot import LossPlot


def make_runs(workspace):
    """Three runs of 2, 3 and 4 epochs; the last one made is the newest."""
    for number, name in enumerate(("beta", "alpha", "gamma"), 2):
        folder = make_run(workspace, name, epochs=number)
        settings = Settings().with_options({"training.batch_size": 8 * number, "dataset.image_height": 16 * number})
        text = settings_to_toml(settings)
        (folder / "configuration.toml").write_text(text, encoding="utf-8")
        with open_records(workspace.database) as records:
            upsert_run(records, RunRecord(name, "FextAE Redux", "finished", number, "", text))


async def at_runs(app, pilot):
    """Go to the Model screen, and return its lists as soon as they are filled."""
    await press(pilot, "2")
    runs = app.screen.query_one("#runs")
    await until(pilot, lambda: runs.row_count and app.screen.query_one(LossPlot).metrics, "the runs")
    return runs, app.screen.query_one("#epochs"), app.screen.query_one("#differences")


def names(rows):
    return [run.name for run in rows.items]


async def test_runs_are_sorted_by_any_column_and_filtered_by_words(workspace):
    make_runs(workspace)
    with open_records(workspace.database) as records:
        set_note(records, "beta", "the [b]good one")
    async with opened(workspace, size=(190, 30)) as (app, pilot):
        runs, _, _ = await at_runs(app, pilot)
        assert names(runs) == ["gamma", "alpha", "beta"] and runs.row[0] == "gamma"
        titles = [column.title for column in runs.source.columns]
        assert titles == ["run", "state", "epochs", "best", "when", "note", "image", "model"]
        assert runs.row_at(2)[5:] == ["the [b]good one", "32 x 128", "FextAE Redux"]
        await press(pilot, "comma", *"epo", "enter")
        assert names(runs) == ["beta", "alpha", "gamma"] and "epochs ▲" in screen_text(app)
        assert runs.current.name == "gamma"  # the cursor stays on its run
        await press(pilot, "full_stop")
        assert names(runs) == ["gamma", "alpha", "beta"]
        await pilot.click(runs, offset=(3, 0))
        assert names(runs) == ["alpha", "beta", "gamma"]
        await press(pilot, "slash", *"go red")
        assert names(runs) == ["beta"] and "1 of 3 runs" in screen_text(app)
        await until(pilot, lambda: app.screen.run == "beta", "the one left is chosen")
        await press(pilot, "enter", "escape")
        assert names(runs) == ["alpha", "beta", "gamma"] and runs.has_focus
        await press(pilot, "slash", *"zz", "enter")
        assert "No run has these words" in screen_text(app)
        await press(pilot, "escape", "G", "k", "g")
        assert runs.current.name == "alpha"


async def test_a_run_is_annotated_renamed_and_deleted_after_a_question(workspace):
    make_runs(workspace)
    async with opened(workspace, size=(80, 24)) as (app, pilot):
        runs, _, _ = await at_runs(app, pilot)
        await press(pilot, "n", *"try [red]1", "enter")
        await until(pilot, lambda: "try [red]1" in screen_text(app), "the note below the list")
        assert RunFolder(workspace.run("gamma")).read_note() == "try [red]1"

        await press(pilot, "space", "R", "ctrl+u", *"alpha", "enter")
        await until(pilot, lambda: any("alpha already" in notice for notice in notices(app)), "the refusal")
        await press(pilot, "R", "ctrl+u", *"delta", "enter")
        await until(pilot, lambda: "delta" in names(runs), "the new name")
        assert app.screen.marked == app.screen.run == "delta" and runs.current.note == "try [red]1"
        assert workspace.run("delta").is_dir() and not workspace.run("gamma").exists()

        with claim(create_job(workspace, "evaluate", Settings(), {"run": "delta"})):
            await press(pilot, "d")
            await until(pilot, lambda: any("stop the job first" in notice for notice in notices(app)), "the refusal")
        await press(pilot, "down", "d")
        await until(pilot, lambda: "holds" in screen_text(app), "the question")
        assert "checkpoints/alpha" in screen_text(app).replace("\n", "") and "KB" in screen_text(app)
        await press(pilot, "n")
        assert workspace.run("alpha").is_dir()
        await press(pilot, "d")
        await until(pilot, lambda: "holds" in screen_text(app), "the question")
        await press(pilot, "y")
        await until(pilot, lambda: names(runs) == ["delta", "beta"], "the shorter list")
        assert not workspace.run("alpha").exists()
        await until(pilot, lambda: app.screen.run == "beta", "the next run")
    with open_records(workspace.database) as records:
        assert {run.name for run in list_runs(records)} == {"delta", "beta"}


async def test_epochs_follow_the_training_and_a_marked_run_is_laid_over_the_chosen_one(workspace):
    make_runs(workspace)
    async with opened(workspace, size=(120, 40)) as (app, pilot):
        runs, epochs, differences = await at_runs(app, pilot)
        await press(pilot, "right_square_bracket")
        assert epochs.has_focus and [e["epoch"] for e in epochs.items] == [4, 3, 2, 1]
        assert epochs.row[:3] == ["● 4", "0.2", "0.1667"]
        assert {"val loss", "PSNR dB", "lr", "seconds"} <= {column.title for column in epochs.source.columns}
        await until(pilot, lambda: "epoch_0004" in screen_text(app), "the newest picture")
        await press(pilot, "down")
        await until(pilot, lambda: "No picture of this epoch" in screen_text(app), "no picture")

        file = workspace.run("gamma") / "history.csv"
        history = read_history(file)
        write_history(file, [*history, type(history[0])(5, **history[0].values())])
        app.screen.reload_runs()
        await until(pilot, lambda: epochs.row_count == 5, "the next epoch")
        assert epochs.current["epoch"] == 3  # where one looks, it stays
        await press(pilot, "g")
        assert epochs.row[0] == "  5"
        await press(pilot, "comma", *"val l", "enter")
        assert [e["epoch"] for e in epochs.items] == [4, 3, 2, 1, 5]

        plot = app.screen.query_one(LossPlot)
        await press(pilot, "right_square_bracket")
        assert differences.has_focus and "space marks a run" in screen_text(app)
        await press(pilot, "right_square_bracket", "space")
        assert runs.row[0] == "● gamma"
        await press(pilot, "down")
        await until(pilot, lambda: differences.row_count, "the differences")
        rows = {row[0]: row[1:] for row in differences.source.data}
        assert rows["training.batch size"] == ("32", "24", "-8") and rows["epochs"] == ("5", "3", "-2")
        assert "training.seed" not in rows
        await until(pilot, lambda: "● gamma" in plot.render_line(1).text, "its legend")
        await press(pilot, "S", "z", "left_square_bracket")
        assert "(smoothed)" in screen_text(app) and "the last 50 %" in screen_text(app)
        assert "alpha against ● gamma" in screen_text(app)
        await press(pilot, "right_square_bracket", "up", "space")
        await until(pilot, lambda: not differences.row_count, "nothing to compare")
        assert runs.row[0] == "gamma"
