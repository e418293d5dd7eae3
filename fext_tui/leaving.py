"""Leaving the app: by `q`, with a question while jobs run, or by a signal."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fext_tui.app import FextApp


class Leaving:
    """Every way out gives the terminal back as it was; no way out ends a job unasked."""

    def __init__(self, app: FextApp) -> None:
        self._app = app
        self._when_idle = False

    def hear_signals(self) -> None:
        """A dropped connection and a polite kill end the app as `q` does."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            # on Windows, or in a thread that is not the main one, there are none
            with suppress(AttributeError, NotImplementedError, RuntimeError):
                loop.add_signal_handler(getattr(signal, name), self._app.exit)

    def ask(self) -> None:
        """Leave; with a job running, ask first whether it goes on."""
        from fext_tui.dialogs.leave import LeaveDialog

        active = self._app.active_jobs
        if not active:
            self._app.exit()
        elif not isinstance(self._app.screen, LeaveDialog):
            self._app.push_screen(LeaveDialog([job.title for job in active]), self._answered)

    def _answered(self, choice: str | None) -> None:
        app = self._app
        if choice == "leave":
            app.exit()
        elif choice == "stop":
            self._when_idle = True
            for job in app.active_jobs:
                app.supervisor.stop(job.id)
            keys = f"{app.key('quit')} and {app.key('leave.leave')}"
            app.notify(f"FeXT closes as soon as the state is saved. {keys} leave the job to finish that alone.")

    def go_when_idle(self) -> None:
        """Leave after the last job, where that was chosen."""
        if self._when_idle and not self._app.active_jobs:
            self._app.exit()
