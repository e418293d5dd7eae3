"""The app as a whole: modes, settings, help, palette, and jobs that outlive it, end or die."""

from __future__ import annotations

import asyncio
import os
import signal
from types import SimpleNamespace

import pytest
from app_driver import idle, notices, opened, press, screen_text, text_of, type_into, until
from textual.events import Resize
from textual.geometry import Size
from textual.widgets import Input, Markdown

from fext_engine.jobs.events import Event
from fext_engine.jobs.folder import create_job, is_alive, read_pid
from fext_engine.presets import load_last_used
from fext_engine.settings import Settings
from fext_tui.app import FextApp
from fext_tui.dialogs.help import HelpDialog
from fext_tui.dialogs.jobs import JobsDialog
from fext_tui.dialogs.leave import LeaveDialog
from fext_tui.following import JobSnapshot, JobUpdated, LogLine
from fext_tui.widgets.job_bar import JobBar
from fext_tui.widgets.log_pane import LogPane
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.settings_form import SettingsForm

MODES = {"1": "data", "2": "model", "3": "viewer"}
ODD = "[red]x[/x] \x1b[31m\n\u202e caf\udce9 [@click=app.exit]y[/]"


async def begin(app, pilot, steps=10_000, seconds=0.02):
    """Start the counting job and wait until it has counted a few."""
    app.start_job("count", {"steps": steps, "seconds": seconds})
    await until(pilot, lambda: any(job.epochs_reported > 2 for job in app.active_jobs), "the job's first steps")
    return app.active_jobs[-1].id


# Modes, focus, sizes


async def test_keys_before_there_is_anything_to_act_on(with_images):
    async with opened(with_images) as (app, pilot):
        await pilot.press("2", "s", "escape", "m", "y", "r", "v", "e", "3", "n", "p", "G", "f", "f", "]", "1", "L", "L", "x")
        await press(pilot, "2")
        assert app.current_mode == "model"
        assert not app.jobs


async def test_every_size_of_terminal_keeps_the_focus_in_sight(with_images, scripted):
    async with opened(with_images, size=(80, 24)) as (app, pilot):
        await begin(app, pilot)
        for key, mode in MODES.items():
            await press(pilot, key)
            assert app.current_mode == mode
            for size in ((200, 60), (10, 3), (120, 40), (80, 24)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
                if size >= (80, 24):
                    assert app.focused is not None and app.focused.region.area, f"no focus at {size}\n{screen_text(app)}"
                    assert "count" in screen_text(app), "the job bar is in sight"


async def test_the_settings_form_takes_the_room_of_the_list_where_there_is_little(with_images):
    async with opened(with_images, size=(80, 24)) as (app, pilot):
        await press(pilot, "2")
        await until(pilot, lambda: app.screen.query(SettingsForm), "the form")
        form = app.screen.query_one(SettingsForm)
        assert not form.region.area
        await press(pilot, "s")
        assert form.region.area and form.has_focus_within
        assert not app.screen.query_one("#runs").region.area
        await press(pilot, "escape")
        await until(pilot, lambda: app.focused is app.screen.query_one("#runs"), "the focus in the list")
        assert not form.region.area


@pytest.mark.parametrize(("depth", "no_color", "theme"), [("standard", "", "ansi-dark"), ("standard", "1", "ansi-dark"), ("256", "", "fext-dark")])
async def test_sixteen_colours_are_the_terminals_own(workspace, monkeypatch, depth, no_color, theme):
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", depth)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    app = FextApp(workspace)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.theme == theme
        assert "FeXT" in screen_text(app)


# Settings and presets


async def test_what_is_typed_becomes_the_configuration_shown_everywhere_and_remembered(with_images):
    async with opened(with_images) as (app, pilot):
        await press(pilot, "2")
        await until(pilot, lambda: app.screen.query(SettingsForm), "the form")
        await type_into(pilot, "training.epochs", "7")
        await type_into(pilot, "dataset.split_seed", "5")
        await press(pilot, "escape", "1")
        await type_into(pilot, "dataset.sample_size", "0.5")
        assert (app.settings.training.epochs, app.settings.dataset.split_seed, app.settings.dataset.sample_size) == (7, 5, 0.5)
        await press(pilot, "escape", "2")
        assert app.screen.query_one(SettingsForm).values["dataset.sample_size"] == 0.5
    assert load_last_used(with_images) == app.settings


async def test_a_value_out_of_range_is_refused_in_place_and_starts_no_job(with_images):
    async with opened(with_images) as (app, pilot):
        await press(pilot, "2")
        await until(pilot, lambda: app.screen.query(SettingsForm), "the form")
        await type_into(pilot, "training.epochs", "0")
        assert "✗ give" in screen_text(app)
        await press(pilot, "escape", "t")
        assert any("training.epochs" in notice for notice in notices(app))
        assert not app.jobs and not list(with_images.jobs.iterdir())
        assert app.settings.training.epochs == 2
        await type_into(pilot, "training.epochs", "3")
        assert app.settings.training.epochs == 3


async def test_presets_are_saved_loaded_and_deleted_after_a_question(with_images):
    own = with_images.configurations / "mine.toml"
    async with opened(with_images, training__epochs=9) as (app, pilot):
        await press(pilot, "2", "p", "w", *"mine", "enter")
        assert own.exists()
        await press(pilot, "escape")
        await type_into(pilot, "training.epochs", "4")
        await press(pilot, "escape", "p")
        dialog = app.screen
        row = [preset.name for preset in dialog.presets].index("mine")
        dialog.query_one(RowList).cursor = row
        await press(pilot, "enter")
        assert app.settings.training.epochs == 9
        assert app.screen.query_one(SettingsForm).values["training.epochs"] == 9
        await press(pilot, "p")
        app.screen.query_one(RowList).cursor = row
        await press(pilot, "d", "n")
        assert own.exists()
        await press(pilot, "d", "y")
        assert not own.exists()


async def test_presets_that_cannot_be_saved_deleted_or_read_are_refused_with_words(with_images):
    (with_images.configurations / "broken.toml").write_text("[training]\nepochs = 'many'\n")
    async with opened(with_images) as (app, pilot):
        await press(pilot, "2", "p", "w", *"../x", "enter")
        assert any("Presets" in notice for notice in notices(app)), notices(app)
        dialog, count = app.screen, len(notices(app))
        rows = dialog.query_one(RowList)
        rows.focus()
        rows.cursor = [preset.name for preset in dialog.presets].index("broken")
        await press(pilot, "enter")
        assert "epochs" in notices(app)[-1] and app.screen is dialog
        rows.cursor = next(n for n, preset in enumerate(dialog.presets) if preset.stock)
        await press(pilot, "d", "y")
        assert len(notices(app)) == count + 2


# Help, palette, dialogs


async def test_help_and_palette_name_every_key_and_action_of_the_screen(with_images):
    async with opened(with_images, size=(120, 60)) as (app, pilot):
        for key, mode in MODES.items():
            await press(pilot, key)
            active = app.screen.active_bindings.values()
            bindings = [b.binding for b in active if b.node in (app.screen, app) and b.binding.description]
            offered = {command.title for command in app.get_system_commands(app.screen)}
            assert {binding.description for binding in bindings if binding.id} <= offered
            await press(pilot, "question_mark")
            await until(pilot, lambda: "Everywhere" in screen_text(app), "the help")
            shown = " ".join(screen_text(app).split())
            for binding in bindings:
                assert app.get_key_display(binding) in shown.split()
                assert f"{binding.tooltip or binding.description} {binding.id or ''}".strip() in shown
            await press(pilot, "escape")
            assert mode == app.screen.MODE
        await press(pilot, "question_mark", "right")
        await until(pilot, lambda: app.screen.query(Markdown), "the first page of the docs")


async def test_the_palette_shows_the_key_of_an_action_and_runs_it(with_images):
    async with opened(with_images) as (app, pilot):
        await press(pilot, "ctrl+p", *"maint")
        await until(pilot, lambda: "Key M" in screen_text(app), "the action in the palette, with its key")
        await press(pilot, "enter")
        await until(pilot, lambda: app.screen.query("#maintenance-entries"), "the maintenance dialog")


async def test_names_that_look_like_markup_or_control_the_terminal(with_images):
    """A log line, a notice and a job's title with everything that breaks terminals and markup."""
    async with opened(with_images) as (app, pilot):
        await press(pilot, "L")
        running = JobSnapshot("20260101T000000-train-0000", "train", ODD, "running", {"stage": ODD, "done": 1, "total": 2})
        app.post_message(JobUpdated(running, (LogLine(1.0, "error", ODD), LogLine(2.0, "odd", ODD))))
        await until(pilot, lambda: "caf\\xe9" in screen_text(app), "the line in the log")
        failed = JobSnapshot(running.id, "train", ODD, "failed", error=ODD, do=ODD)
        app.post_message(JobUpdated(failed, ()))
        await until(pilot, lambda: notices(app), "the notice")
        await until(pilot, lambda: "[red]x[/x]" in screen_text(app), "the notice's text")
        assert all(line.isprintable() for line in screen_text(app).splitlines())


# Jobs


async def test_a_job_moves_the_bar_and_fills_the_log(with_images, scripted):
    async with opened(with_images) as (app, pilot):
        await press(pilot, "L")
        app.start_job("count", {"steps": 40, "seconds": 0.05})
        bar = app.screen.query_one(JobBar)
        await until(pilot, lambda: bar.jobs and bar.jobs[0].done > 1 and bar.jobs[0].eta, "progress with rate and ETA")
        assert "steps/s" in screen_text(app) and "ETA" in screen_text(app)
        await idle(pilot)
        assert not bar.jobs
        texts = [text for _, _, text in app.screen.query_one(LogPane).entries]
        assert "count started" in texts[0] and texts[-1] == "count finished"
        assert any("count finished" in notice for notice in notices(app))


async def test_x_stops_a_job_and_a_second_x_ends_a_deaf_one_after_a_question(with_images, scripted):
    async with opened(with_images) as (app, pilot):
        await begin(app, pilot)
        await press(pilot, "x")
        await idle(pilot)
        (job,) = app.supervisor.jobs()
        assert job.state == "stopped" and job.last.data["resumable"] is True
        assert any("stopped after" in notice for notice in notices(app))
        app.start_job("deaf")
        await until(pilot, lambda: app.active_jobs and app.active_jobs[0].progress, "the job at work")
        await press(pilot, "x", "x")
        assert "checkpoint" in screen_text(app)
        await press(pilot, "y")
        await idle(pilot)
        assert {job.state for job in app.supervisor.jobs()} == {"stopped"}


async def test_the_jobs_dialog_shows_how_each_ended_and_stops_the_chosen(with_images, scripted):
    async with opened(with_images) as (app, pilot):
        app.start_job("refuse")
        await idle(pilot)
        await begin(app, pilot)
        await press(pilot, "J")
        assert "running" in screen_text(app) and "failed" in screen_text(app)
        verbs = [job.verb for job in app.screen.jobs]
        rows = app.screen.query_one(RowList)
        rows.cursor = verbs.index("refuse")
        await until(pilot, lambda: "put images there" in text_of(app, "#job-detail"), "the reason")
        rows.cursor = verbs.index("count")
        await press(pilot, "x")
        await idle(pilot)
        await press(pilot, "r")
        assert "stopped" in screen_text(app)
        await press(pilot, "escape")


async def test_the_log_of_a_job_that_ended_before_this_start(with_images, scripted):
    run = f"before_{ODD.splitlines()[0]}"
    folder = create_job(with_images, "count", Settings(), {"run": "before", "steps": 3})
    (folder / "events.jsonl").write_text(
        "".join(Event("log", {"level": "info", "message": f"{ODD} step {n}", "run": run}).to_json() + "\n" for n in range(3))
    )
    (folder / "output.log").write_bytes(b"Segmentation \x1b[31mfault\n\xff[/x]\n")
    async with opened(with_images) as (app, pilot):
        await press(pilot, "J")
        assert "died" in screen_text(app) and "without a word" in text_of(app, "#job-detail")
        await press(pilot, "enter")
        log = app.screen.query_one(LogPane)
        await until(pilot, lambda: "output.log ends so" in screen_text(app), "what the process printed")
        assert "Segmentation \\x1b[31mfault" in screen_text(app)
        texts = [text for _, _, text in log.entries]
        assert f"{ODD} step 2" in texts and any("died without a word" in text for text in texts)
        await press(pilot, "slash", *"fault", "enter")
        assert "of 2 found" in screen_text(app), "in the last event, and in output.log"
        await press(pilot, "Y")
        assert app.clipboard == str(folder)
        assert not app.jobs, "looking at it is not following it"
        await press(pilot, "escape")
        assert log.is_attached, "the first escape ends the search"
        await press(pilot, "escape", "escape")
        assert app.screen.MODE == "data"


async def test_the_mouse_reaches_modes_help_log_and_jobs(with_images, scripted):
    async with opened(with_images) as (app, pilot):
        job_id = await begin(app, pilot)
        await pilot.click("TitleLine", offset=(16, 0))
        assert app.current_mode == "model"
        await pilot.click("TitleLine", offset=(8, 0))
        assert app.current_mode == "data"
        await pilot.click("TitleLine", offset=(115, 0))
        assert isinstance(app.screen, HelpDialog)
        await press(pilot, "escape")
        await pilot.click("JobBar", offset=(4, 0))
        assert isinstance(app.screen, JobsDialog)
        await press(pilot, "y")
        assert app.clipboard == job_id
        await press(pilot, "escape", "L")
        await pilot.click("LogPane", offset=(4, 0))
        assert app.screen.query_one(LogPane).level == "warning"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
async def test_a_job_that_is_killed_leaves_a_reason_and_an_app_that_works(with_images, scripted):
    async with opened(with_images) as (app, pilot):
        job_id = await begin(app, pilot)
        await press(pilot, "3")
        await until(pilot, lambda: app.screen.query_one(JobBar).jobs, "the bar of the other screen")
        os.kill(read_pid(with_images.jobs / job_id), signal.SIGKILL)
        await idle(pilot)
        assert any("count failed" in notice and "died without a word (signal 9, SIGKILL)" in notice for notice in notices(app))
        assert any("signal 9" in line.text for line in app.followed.log_lines)
        await press(pilot, "1")
        assert not app.screen.query_one(JobBar).jobs, "what ended meanwhile is seen on return"
        app.start_job("count", {"steps": 2})
        await idle(pilot)
        assert app.supervisor.find("latest").state == "finished"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
async def test_what_ended_while_no_ui_was_open_is_told_once_with_a_way_to_its_log(with_images, scripted):
    """One death in sight, which the UI tells as it comes, and one that it finds at its next start, then a failure."""
    async with opened(with_images) as (app, pilot):
        app.start_job("die")
        await idle(pilot)
        await until(pilot, lambda: any("die failed" in notice for notice in notices(app)), "the notice")
        app.start_job("count", {"steps": 10_000, "seconds": 0.02})
        await until(pilot, lambda: any(job.epochs_reported > 2 for job in app.active_jobs), "the job at work")
        job_id, app.leave_jobs = app.active_jobs[-1].id, True
        await press(pilot, "q", "l")
    os.kill(read_pid(with_images.jobs / job_id), signal.SIGKILL)
    newer = app.supervisor.start("count", Settings())
    assert list(app.supervisor.follow(newer))[-1].kind == "finished"
    async with opened(with_images) as (app, pilot):
        (told,) = await until(pilot, lambda: [n for n in notices(app) if "while you were away" in n], "the notice")
        assert told.startswith("2 jobs ended, 1 of them badly while you were away: count: the job's process died")
        assert "memory ran out" in told and "J lists them, Enter shows the log of one" in told
        await press(pilot, "J")
        assert app.screen._chosen.id == job_id, "the one that the notice is about, not the newest"
        await press(pilot, "enter")
        await until(pilot, lambda: "died without a word" in screen_text(app), "its log")
    failed = app.supervisor.start("refuse", Settings())
    assert list(app.supervisor.follow(failed))[-1].kind == "failed"
    while is_alive(with_images.jobs / failed):  # its last word comes before its record
        await asyncio.sleep(0.01)
    async with opened(with_images) as (app, pilot):
        (told,) = await until(pilot, lambda: [n for n in notices(app) if "while you were away" in n], "the notice")
        assert told.startswith("refuse failed while you were away: failed 20") and "died" not in told
    async with opened(with_images) as (app, pilot):
        await until(pilot, lambda: not any(w.group == "ends" and not w.is_finished for w in app.workers), "the look for ends")
        assert not any("while you were away" in notice for notice in notices(app)), "all was told"


async def test_a_job_that_cannot_start_is_a_notice(with_images, scripted):
    with_images.jobs.rmdir()
    with_images.jobs.write_text("not a folder")
    async with opened(with_images) as (app, pilot):
        app.start_job("count")
        await press(pilot, "J")
        assert any("count did not start" in notice for notice in notices(app))
        with_images.jobs.unlink()
        with_images.jobs.mkdir()


# Leaving


async def test_quitting_without_jobs_asks_nothing(with_images):
    async with opened(with_images) as (app, pilot):
        await press(pilot, "q")
        assert not app.is_running


async def test_staying_leaving_and_coming_back_to_the_whole_curve(with_images, scripted):
    async with opened(with_images) as (app, pilot):
        app.leave_jobs = True
        job_id = await begin(app, pilot, steps=120, seconds=0.05)
        await press(pilot, "q")
        assert isinstance(app.screen, LeaveDialog) and "count" in screen_text(app)
        await press(pilot, "escape")
        assert app.is_running
        await press(pilot, "q", "l")
        assert not app.is_running
        assert app.supervisor.find(job_id).is_active
    async with opened(with_images) as (app, pilot):
        found = await until(pilot, lambda: app.active_jobs, "the job found again")
        assert found[0].id == job_id
        await idle(pilot)
        steps = [line.text.split(":")[0] for line in app.followed.log_lines if line.text.startswith("epoch")]
        assert steps == [f"epoch {n}" for n in range(1, 121)]
        assert app.supervisor.find(job_id).state == "finished"


async def test_stop_and_quit_ends_with_a_resumable_state(with_images, scripted):
    async with opened(with_images) as (app, pilot):
        job_id = await begin(app, pilot)
        await press(pilot, "q", "s")
        await until(pilot, lambda: not app.is_running, "the end of the app")
        job = app.supervisor.find(job_id)
        assert job.state == "stopped" and job.last.data["resumable"] is True


async def test_settings_that_cannot_be_kept_do_not_hinder_leaving(with_images):
    async with opened(with_images) as (app, pilot):
        (with_images.configurations / "last_used.toml").mkdir()
        await press(pilot, "q")
        assert not app.is_running


async def test_a_broken_last_configuration_is_told_and_defaults_are_used(with_images):
    (with_images.configurations / "last_used.toml").write_text("[training]\nepochs = -1\n")
    app = FextApp(with_images)
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, lambda: notices(app), "the notice")
        assert "training.epochs" in notices(app)[0] and app.settings.training.epochs == 100


async def test_letters_typed_into_a_field_are_no_commands(with_images):
    async with opened(with_images) as (app, pilot):
        await press(pilot, "s")
        app.screen.query_one(SettingsForm).focus_option("dataset.images")
        await press(pilot, *"q2xa")
        assert app.is_running and app.current_mode == "data" and not app.jobs
        assert isinstance(app.focused, Input) and app.focused.value.endswith("q2xa")


async def test_a_size_that_the_signals_told_wrong_is_set_right_within_a_second(workspace, monkeypatch):
    async with opened(workspace, size=(120, 40)) as (app, pilot):
        stale = Size(10, 3)
        app.post_message(Resize(stale, stale))  # as of two changes in quick succession the older one, heard last
        await until(pilot, lambda: app.screen.size == stale, "the wrong size")
        monkeypatch.setattr(FextApp, "is_headless", False)
        monkeypatch.setattr("sys.__stdin__", SimpleNamespace(isatty=lambda: True))
        monkeypatch.setattr("shutil.get_terminal_size", lambda: (120, 40))
        await until(pilot, lambda: app.screen.size == (120, 40), "the terminal's own size")
        monkeypatch.undo()
