"""Drives the whole app in tests: a workspace with small images, tiny settings, and waiting for what must come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hostile import encode, picture
from textual.pilot import Pilot
from textual.widgets import Static

from fext_engine.jobs.supervisor import Supervisor
from fext_engine.records import open_records
from fext_engine.records.runs import FIGURES, RunRecord, add_epoch, upsert_run
from fext_engine.settings import Settings
from fext_engine.training.history import EpochRecord, write_history
from fext_engine.workspace import Workspace
from fext_tui.app import FextApp
from fext_tui.widgets.settings_form import SettingsForm

WAIT_SECONDS = 60.0  # for what takes a moment on an idle machine
TINY = {
    "dataset.image_height": 16, "dataset.image_width": 16, "training.epochs": 2, "training.batch_size": 4,
    "training.jit": "off", "device.device": "cpu", "device.num_workers": 0, "session.additional_epochs": 2,
}  # fmt: skip


def make_images(folder: Path, count: int = 12, side: int = 32) -> Path:
    """Fill `folder` with small pictures in two classes."""
    for i in range(count):
        path = folder / "ab"[i % 2] / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(picture(i, side, side), "PNG"))
    return folder


def make_run(workspace: Workspace, name: str, epochs: int = 3) -> Path:
    """Leave a finished run as training does, less its weights: history, records and a sample picture."""
    folder = workspace.run(name)
    (folder / "samples").mkdir(parents=True)
    history = [
        EpochRecord(n, **{figure: round(1 / (n + 1 + k), 4) for k, figure in enumerate(FIGURES)})
        for n in range(1, epochs + 1)
    ]
    write_history(folder / "history.csv", history)
    (folder / "samples" / f"epoch_{epochs:04d}.png").write_bytes(encode(picture(1), "PNG"))
    with open_records(workspace.database) as records:
        upsert_run(records, RunRecord(name, "FextAE Redux", "finished", epochs, "", ""))
        for record in history:
            add_epoch(records, name, record.epoch, record.values())
    return folder


@asynccontextmanager
async def opened(
    workspace: Workspace, size: tuple[int, int] = (120, 40), **changes: Any
) -> AsyncIterator[tuple[FextApp, Pilot[None]]]:
    """Run the app with tiny settings (`training__epochs=3` changes one) until the screen has its content.

    Jobs do not outlive the block, unless `leave_jobs` is set on the app.
    """
    app = FextApp(workspace)
    app.settings = Settings().with_options(TINY | {key.replace("__", "."): v for key, v in changes.items()})
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: app.screen.query("#settings"), "the first screen")
            await until(pilot, lambda: app.screen.view is not None, "the dataset was read")
            yield app, pilot
    finally:
        if not getattr(app, "leave_jobs", False):
            end_jobs(workspace)


def end_jobs(workspace: Workspace) -> None:
    """End every job of the workspace at once."""
    supervisor = Supervisor(workspace)
    for job in supervisor.active():
        supervisor.stop(job.id, hard=True)


async def until(
    pilot: Pilot[None], condition: Callable[[], Any], what: str = "it", seconds: float = WAIT_SECONDS
) -> Any:
    """Wait until `condition` is true and return its value; the screen is shown when it does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.03)  # not the pilot's pause, which asks every widget
        if value := condition():
            await pilot.pause()
            return value
    app: Any = pilot.app
    raise AssertionError(
        f"{what} did not happen in {seconds:.0f} s\n{notices(app)}\n{screen_text(app)}\n"
        + "\n".join(line.text for line in list(app.followed.log_lines)[-20:])
    )


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, and let what they set off happen."""
    await pilot.press(*keys)
    await pilot.pause()


async def type_into(pilot: Pilot[None], key: str, text: str) -> None:
    """Type `text` over what the form's field of `section.key` holds."""
    form = pilot.app.screen.query_one(SettingsForm)
    form.focus_option(key)
    await press(pilot, "end", "ctrl+u", *text)


async def idle(pilot: Pilot[None]) -> None:
    """Wait until no job runs and the app knows it."""
    app: Any = pilot.app
    await until(pilot, lambda: app.jobs and not app.active_jobs, "the end of the job")
    await pilot.pause()


def notices(app: FextApp) -> list[str]:
    """Every notice that was given, as `title: text`."""
    return [f"{notice.title}: {notice.message}" for notice in app._notifications]


def screen_text(app: FextApp) -> str:
    """What the terminal shows, as plain text."""
    return "\n".join(
        "".join(segment.text for segment in line).rstrip() for line in app.screen._compositor.render_strips()
    )


def text_of(app: FextApp, selector: str) -> str:
    """The text of a Static."""
    return str(app.screen.query_one(selector, Static).render())


def lines_of(widget: Any) -> Iterator[str]:
    """The lines that a line-drawn widget shows."""
    return (widget.render_line(y).text.rstrip() for y in range(widget.size.height))
