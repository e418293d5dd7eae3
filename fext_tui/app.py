"""The terminal application: its modes and keys, the settings in hand, and the jobs it follows."""

from __future__ import annotations

import gc
import logging
import os
import sys
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from fext_engine.errors import FextError
from fext_tui.continued import continuing
from fext_tui.followed_jobs import FollowedJobs
from fext_tui.key_names import key_of
from fext_tui.leaving import Leaving
from fext_tui.lost_terminal import lasting
from fext_tui.notices import LOGGER, RecordNotices
from fext_tui.screens.opening import OpeningScreen
from fext_tui.terminal_watch import TerminalWatch
from fext_tui.theme_and_keys import ThemeAndKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.driver import Driver
    from textual.notifications import SeverityLevel

    from fext_engine.jobs.supervisor import Supervisor
    from fext_engine.settings import Settings
    from fext_engine.workspace import Workspace
    from fext_tui.baseline import Baseline
    from fext_tui.following import JobFound, JobsEnded, JobSnapshot, JobUpdated
    from fext_tui.listing import Pictures
    from fext_tui.widgets.job_bar import JobBar

_TURN_SECONDS = 0.0005  # that a worker thread may keep the UI waiting; of Python's 5 ms a key's many steps make a lot


def _data_screen() -> Screen[None]:
    from fext_tui.screens.data import DataScreen

    return DataScreen()


def _model_screen() -> Screen[None]:
    from fext_tui.screens.model import ModelScreen

    return ModelScreen()


def _viewer_screen() -> Screen[None]:
    from fext_tui.screens.viewer import ViewerScreen

    return ViewerScreen()


class FextApp(App[None]):
    """FeXT in a terminal. Owns the followed jobs: screens come and go, the work goes on."""

    TITLE = "FeXT"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, Callable[[], Screen[None]]]] = {  # type: ignore[assignment]
        "data": _data_screen,
        "model": _model_screen,
        "viewer": _viewer_screen,
    }
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-huge")]  # noqa: RUF012 - Textual declares it so
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "switch_mode('data')", "Data", id="mode.data", show=False),
        Binding("2", "switch_mode('model')", "Model", id="mode.model", show=False),
        Binding("3", "switch_mode('viewer')", "Viewer", id="mode.viewer", show=False),
        Binding("x", "stop_job", "Stop", id="job.stop", show=False),  # the job bar shows it
        Binding("J", "jobs", "Jobs", id="jobs", show=False),
        Binding("L", "toggle_log", "Log", id="log", show=False),
        Binding("M", "maintenance", "Maintenance", id="maintenance", show=False),
        Binding("E", "encodings", "Encodings", id="encodings", show=False,
                tooltip="The encodings: search, near-duplicates, map, anomalies"),
        Binding("y,ctrl+y", "copy", "Copy", id="copy", show=False, tooltip="Copy the path or value where the focus is"),
        Binding("T", "change_theme", "Theme", id="theme", show=False, tooltip="Choose the colours, which are kept"),
        Binding("f12", "debug", "Debug page", id="debug", show=False, tooltip="Versions, devices, paths, last crash"),
        Binding("question_mark", "help", "Help", id="help", key_display="?", show=False),
        Binding("ctrl+z", "suspend_process", "Suspend", id="suspend", show=False),
        Binding("q", "quit", "Quit", id="quit"),
    ]  # fmt: skip

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace
        self.theme_and_keys = ThemeAndKeys(self)
        self.animation_level = "none"  # every animation is bytes over a slow line
        self.followed = FollowedJobs(self)
        self.leaving = Leaving(self)
        self.last_work: Callable[[], int] | None = None  # done once the terminal is given back; its exit code counts
        self._record_notices = RecordNotices(self)
        self.crash = ""  # the words about a fault of the UI itself, for the terminal that is given back

    def get_driver_class(self) -> type[Driver]:
        """The driver of the platform, which here outlives its terminal."""
        return lasting(continuing(super().get_driver_class()))

    def get_default_screen(self) -> Screen[None]:
        """What is painted first."""
        return OpeningScreen("data")

    @property
    def supervisor(self) -> Supervisor:
        """The jobs of the workspace."""
        return self.followed.supervisor

    @property
    def jobs(self) -> dict[str, JobSnapshot]:
        """All jobs that this session has seen at work, by their ids."""
        return self.followed.by_id

    @property
    def active_jobs(self) -> list[JobSnapshot]:
        """The jobs that run now, the oldest first."""
        return self.followed.active

    def start_job(self, verb: str, arguments: dict[str, Any] | None = None) -> str | None:
        """Start a job with the settings in hand and return its id; a failure to start is a notice."""
        return self.followed.start(verb, arguments)

    @cached_property
    def settings(self) -> Settings:
        """The configuration in hand: at first the one used last."""
        from fext_engine.presets import load_last_used
        from fext_engine.settings import Settings

        try:
            return load_last_used(self.workspace)
        except FextError as error:
            self.notify(str(error), title="Defaults are used", severity="warning", markup=False)
            return Settings()

    @cached_property
    def preset(self) -> Baseline:
        """The preset loaded or saved last, which the settings are compared with; at first the one before."""
        from fext_tui.baseline import last_baseline

        return last_baseline(self.workspace)

    @property
    def baseline(self) -> Settings:
        """The settings of that preset; where it names no folder of images, with the folder in hand."""
        return self.preset.beside(self.settings)

    def remember_settings(self) -> None:
        """Keep the configuration in hand for the next start; raises FextError when that cannot be done."""
        from fext_engine.presets import save_last_used
        from fext_tui.baseline import DEFAULTS

        save_last_used(self.workspace, self.settings, "" if self.preset.name == DEFAULTS else self.preset.name)

    def on_mount(self) -> None:
        logging.getLogger(LOGGER).addHandler(self._record_notices)
        self.leaving.hear_signals()
        self.theme_changed_signal.subscribe(self, self.theme_and_keys.keep_theme)
        self.app_resume_signal.subscribe(self, self._draw_again)
        self.call_after_refresh(TerminalWatch(self).begin)
        self.call_after_refresh(self.followed.watch)
        self.call_after_refresh(self.theme_and_keys.tell_problems)

    def keep_from_collector(self) -> None:
        """Take what there is by now out of the search for garbage, which else stops the UI for 0.1 s at a time."""
        if not self.is_headless:
            gc.freeze()

    def _draw_again(self, _app: App[Any]) -> None:
        """Draw everything: what was on the terminal before ctrl+z is gone after `fg`."""
        for screen in self.screen_stack:
            screen.refresh(layout=True)

    def key(self, binding_id: str) -> str:
        """The key in force of the action with that id, as it is shown."""
        return key_of(self, binding_id)

    def on_job_found(self, message: JobFound) -> None:
        """Follow a job that runs already."""
        self.followed.follow(message.job)

    def on_job_updated(self, message: JobUpdated) -> None:
        """Show how a job moves; go when one waits for the last of them."""
        self.followed.take(message)
        self.leaving.go_when_idle()

    def on_jobs_ended(self, message: JobsEnded) -> None:
        """Tell of jobs that ended while nobody looked."""
        self.followed.tell_ends(message.ends)

    async def show_pictures(self, pictures: Pictures, index: int) -> None:
        """Go to the Viewer with a list in hand, at its row `index`."""
        from fext_tui.screens.viewer import ViewerScreen

        await self.switch_mode("viewer")
        if isinstance(self.screen, ViewerScreen):
            self.screen.take(pictures, index)

    def action_encodings(self) -> None:
        """List the encodings; what is done with one is seen in the Viewer."""
        from fext_tui.dialogs.encodings import EncodingChoice, EncodingsDialog
        from fext_tui.screens.viewer import ViewerScreen

        async def use(choice: EncodingChoice | None) -> None:
            if choice is not None:
                await self.switch_mode("viewer")
                if isinstance(self.screen, ViewerScreen):
                    self.screen.use(choice)

        self.push_screen(EncodingsDialog(None), use)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Give a notice of plain text: names in it bring neither markup nor control characters along."""
        from fext_tui.widgets.text import printable

        shown = "\n".join(printable(line) for line in message.splitlines())
        super().notify(shown, title=printable(title), severity=severity, timeout=timeout, markup=markup)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that fails must not end the app: its reason becomes a notice."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            self.notify(
                f"{type(error).__name__}: {error}", title="Internal error", severity="error", markup=False
            )

    def _handle_exception(self, error: Exception) -> None:
        """Keep the traceback of a fault in a file and end with one sentence, in place of Textual's pages."""
        from fext_tui.crash import explain_crash

        super()._handle_exception(error)
        if not os.environ.get("FEXT_DEBUG"):
            self._exit_renderables.clear()
            self.crash = explain_crash(self.workspace, error)

    def action_stop_job(self) -> None:
        """Ask the newest running job to stop; one that was asked before is ended at once, after a question."""
        from fext_tui.dialogs.jobs import stop_with_question

        if not self.active_jobs:
            self.notify("No job is running.")
            return
        stop_with_question(self, self.active_jobs[-1].id)

    def action_jobs(self, job_id: str | None = None) -> None:
        """List all jobs, running and past."""
        from fext_tui.dialogs.jobs import JobsDialog

        self.push_screen(JobsDialog(job_id or self.followed.noticed))
        self.followed.noticed = None

    def on_job_bar_selected(self, message: JobBar.Selected) -> None:
        """A click on a job shows it in the list of jobs."""
        self.action_jobs(message.id)

    def action_copy(self) -> None:
        """Copy the path or value where the focus is to the clipboard of the terminal."""
        from fext_tui.copying import offered_text

        text = offered_text(self.screen)
        if text is None:
            self.notify("There is nothing to copy here.")
        else:
            self.copy(text)

    def copy(self, text: str) -> None:
        """Copy text to the clipboard, and say so."""
        from fext_tui.copying import describe_copied

        self.copy_to_clipboard(text)
        self.notify(describe_copied(text), title="Copied")

    def copy_to_clipboard(self, text: str) -> None:
        """Copy text by OSC 52: through SSH and tmux too, and whatever bytes a file's name holds."""
        from fext_tui.copying import clipboard_sequence

        self._clipboard = text
        if self._driver is not None:
            self._driver.write(clipboard_sequence(text))

    def action_debug(self) -> None:
        """Versions, terminal, devices, paths and the last crash."""
        from fext_tui.dialogs.debug import DebugDialog

        self.push_screen(DebugDialog())

    def action_help(self) -> None:
        """Explain the screen and its keys."""
        from fext_tui.dialogs.help import HelpDialog

        if not isinstance(self.screen, HelpDialog):
            self.push_screen(HelpDialog(self.screen))

    def action_maintenance(self) -> None:
        """Sizes of logs and caches, and what may be removed."""
        from fext_tui.dialogs.maintenance import MaintenanceDialog

        self.push_screen(MaintenanceDialog())

    def action_toggle_log(self) -> None:
        """Show or hide the log of the screen."""
        from fext_tui.screens.workbench import WorkbenchScreen

        if isinstance(self.screen, WorkbenchScreen):
            self.screen.toggle_log()

    async def action_quit(self) -> None:
        """Leave; with a job running, ask first whether it goes on."""
        self.leaving.ask()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action of the app and of the screen, for the command palette."""
        yield from super().get_system_commands(screen)
        given: set[tuple[str, str]] = set()
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.description and binding.id and (binding.id, binding.action) not in given:
                given.add((binding.id, binding.action))  # a second key of an action is no second command
                run = partial(self.run_action, binding.action, active.node)
                key = self.get_key_display(binding)
                about = f"{active.tooltip} ({key})" if active.tooltip else f"Key {key}"
                yield SystemCommand(binding.description, about, run)

    def leave_to(self, work: Callable[[], int]) -> None:
        """Leave, and do then what replaces or removes the code that the app runs on."""
        self.last_work = work
        self.exit()

    def on_unmount(self) -> None:
        """Remember the configuration in hand, unless nothing was looked at."""
        logging.getLogger(LOGGER).removeHandler(self._record_notices)
        if "settings" in self.__dict__:
            try:
                self.remember_settings()
            except (FextError, OSError) as error:
                self.log.warning(f"the configuration was not saved: {error}")


def run(resources: str | None = None) -> int:
    """Open the terminal UI on the resources tree; return the exit code. Raises FextError when there is no tree."""
    from fext_engine.workspace import find_workspace
    from fext_tui.pixels import load_pixels

    app = FextApp(find_workspace(resources))
    load_pixels()
    sys.setswitchinterval(_TURN_SECONDS)
    app.run()
    if app.crash:
        print(app.crash, file=sys.stderr)
    elif app.last_work is not None:
        return app.last_work()
    return app.return_code or 0
