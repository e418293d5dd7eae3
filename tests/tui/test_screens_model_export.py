"""Exporting a run from the Model screen and encoding with it: the dialogs, the jobs they start, the notice at the end."""

from __future__ import annotations

from app_driver import make_run, notices, opened, press, screen_text, until

from fext_engine.jobs.folder import read_request
from fext_tui.dialogs.export import ExportDialog
from fext_tui.following import JobSnapshot, JobUpdated
from fext_tui.widgets.row_list import RowList


async def test_the_format_is_chosen_and_the_job_told_of_it(workspace):
    make_run(workspace, "first")
    async with opened(workspace, size=(80, 24)) as (app, pilot):
        await press(pilot, "2")
        await until(pilot, lambda: app.screen.run, "the run")
        await press(pilot, "w")
        assert isinstance(app.screen, ExportDialog)
        assert [row[0] for row in app.screen.query_one(RowList).source.data] == ["safetensors", "onnx", "torch"]
        assert "model.py" in screen_text(app)
        await press(pilot, "escape")
        assert not app.jobs
        await press(pilot, "w", "down", "down", "enter")
        await until(pilot, lambda: app.jobs, "the job")
        request = read_request(workspace.jobs / next(iter(app.jobs)))
        assert (request.verb, request.arguments) == ("export", {"run": "first", "format": "torch"})


async def test_the_notice_at_the_end_says_the_folder(workspace):
    async with opened(workspace) as (app, pilot):
        for state, summary in (("running", {}), ("finished", {"folder": "/r/exports/[x]onnx-0003"})):
            job = JobSnapshot("20260101T000000-export-0000", "export", "first", state, summary=summary)
            app.post_message(JobUpdated(job, ()))
        await until(pilot, lambda: notices(app), "the notice")
        assert notices(app) == ["export first finished: /r/exports/[x]onnx-0003\nL shows the log"]


async def test_a_folder_is_encoded_anew_or_into_its_last_encoding(workspace):
    make_run(workspace, "first")
    async with opened(workspace, size=(80, 24)) as (app, pilot):
        await press(pilot, "2")
        await until(pilot, lambda: app.screen.run, "the run")
        await press(pilot, "e")
        assert "they make a new encoding" in screen_text(app)
        await press(pilot, "ctrl+t")
        assert "they go into the last encoding  (^t: a new one)" in screen_text(app)
        await press(pilot, "enter")
        await until(pilot, lambda: app.jobs, "the job")
        request = read_request(workspace.jobs / next(iter(app.jobs)))
        folder = str(workspace.inference)
        assert (request.verb, request.arguments) == ("encode", {"run": "first", "input": folder, "update": True})
