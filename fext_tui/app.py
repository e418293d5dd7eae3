"""The terminal application: its modes and keys, the settings in hand, and the jobs it follows."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui import themes
from fext_tui.configuration import Configuration, read_configuration, remember_theme
from fext_tui.following import LOG_LINES, JobFound, JobSnapshot, JobUpdated, LogLine, follow
from fext_tui.screens.opening import OpeningScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.notifications import SeverityLevel
    from textual.theme import Theme

    from fext_engine.jobs.supervisor import JobInfo, Supervisor
    from fext_engine.settings import Settings
    from fext_engine.workspace import Workspace
    from fext_tui.baseline import Baseline
    from fext_tui.listing import Pictures
    from fext_tui.widgets.job_bar import JobBar

LOOK_FOR_JOBS_SECONDS = 2.0
LOOK_FOR_TERMINAL_SECONDS = 1.0


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
        Binding("x", "stop_job", "Stop", id="job.stop"),
        Binding("J", "jobs", "Jobs", id="jobs", show=False),
        Binding("L", "toggle_log", "Log", id="log", show=False),
        Binding("M", "maintenance", "Maintenance", id="maintenance", show=False),
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
        self._configure()
        self.animation_level = "none"  # every animation is bytes over a slow line
        self.jobs: dict[str, JobSnapshot] = {}
        self.log_lines: deque[LogLine] = deque(maxlen=LOG_LINES)
        self.log_count = 0
        self.stops_asked: set[str] = set()  # jobs that were asked to stop; asked again, they are ended
        self._quit_when_idle = False
        self.crash = ""  # the words about a fault of the UI itself, for the terminal that is given back

    def _configure(self) -> None:
        """Take theme and keys from the configuration, before anything is painted; a wrong file is told later."""
        for theme in (themes.DARK, themes.LIGHT):
            self.register_theme(theme)
        self.configuration, self._refused = Configuration(), ""
        try:
            self.configuration = read_configuration(self.workspace.ui_file, self.available_themes)
        except FextError as error:
            self._refused = str(error)
        few_colours = self.console.color_system in ("standard", "windows") and not self.no_color
        self.theme = themes.suitable_theme(self.configuration.theme, self.available_themes, few_colours)
        self._theme_kept = self.theme
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_keymap(dict(self.configuration.keys))

    def get_default_screen(self) -> Screen[None]:
        """What is painted first."""
        return OpeningScreen("data")

    @cached_property
    def supervisor(self) -> Supervisor:
        """The jobs of the workspace; made at first use, after the first paint."""
        from fext_engine.jobs.supervisor import Supervisor

        return Supervisor(self.workspace)

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
        """Keep the configuration in hand for the next start; raises SettingsError when that cannot be done."""
        from fext_engine.presets import save_last_used
        from fext_tui.baseline import DEFAULTS

        save_last_used(self.workspace, self.settings, "" if self.preset.name == DEFAULTS else self.preset.name)

    def on_mount(self) -> None:
        self._leave_on_signals()
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self.app_resume_signal.subscribe(self, self._draw_again)
        self.call_after_refresh(self._watch_jobs)
        self.call_after_refresh(self._check_configuration)

    def _check_configuration(self) -> None:
        if self._refused:
            self.notify(self._refused, title="Defaults are used", severity="warning", timeout=15)
        elif self.configuration.keys:
            self._check_keys()

    @work(thread=True, group="keys", exit_on_error=False)
    def _check_keys(self) -> None:
        from fext_tui.keys import key_problems

        problems = key_problems(self.configuration.keys)
        if problems:
            words = "\n".join([f"{escape_name(str(self.workspace.ui_file))}, [keys]:", *problems])
            self.notify(words, title="Keys", severity="warning", timeout=15)

    def _draw_again(self, _app: App[Any]) -> None:
        """Draw everything: what was on the terminal before ctrl+z is gone after `fg`."""
        for screen in self.screen_stack:
            screen.refresh(layout=True)

    def _keep_theme(self, theme: Theme) -> None:
        """Remember a theme that was chosen."""
        if theme.name != self._theme_kept:
            self._theme_kept = theme.name
            self._write_theme(theme.name)

    @work(thread=True, exclusive=True, group="theme", exit_on_error=False)
    def _write_theme(self, name: str) -> None:
        try:
            remember_theme(self.workspace.ui_file, name)
        except FextError as error:
            self.notify(str(error), title="The theme is not remembered", severity="warning")

    def key(self, binding_id: str) -> str:
        """The key of one of the app's own actions, as it is shown."""
        binding = next(b for b in Binding.make_bindings(self.BINDINGS) if b.id == binding_id)
        given = self._keymap.get(binding_id)
        return self.get_key_display(binding.with_key(given.split(",")[0]) if given else binding)

    def _leave_on_signals(self) -> None:
        """A dropped connection and a polite kill end the app as `q` does: the terminal is given back as it was."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            # on Windows, or in a thread that is not the main one, there are none
            with suppress(AttributeError, NotImplementedError, RuntimeError):
                loop.add_signal_handler(getattr(signal, name), self.exit)

    def _leave_without_terminal(self) -> None:
        """End where the terminal went without a signal, as in a container: reading from it would never rest."""
        if not (self.is_headless or (sys.__stdin__ and sys.__stdin__.isatty())):
            self.exit()

    def _watch_jobs(self) -> None:
        self.set_interval(LOOK_FOR_TERMINAL_SECONDS, self._leave_without_terminal)
        self.look_for_jobs()
        self.set_interval(LOOK_FOR_JOBS_SECONDS, self.look_for_jobs)

    @work(thread=True, exclusive=True, group="look", exit_on_error=False)
    def look_for_jobs(self) -> None:
        """Find jobs that run and are not followed yet, whoever started them."""
        try:
            active = self.supervisor.active()
        except OSError:  # the folder is gone for a moment, or for good: the next look tells
            return
        for job in active:
            if job.id not in self.jobs:
                self.post_message(JobFound(job))

    def on_job_found(self, message: JobFound) -> None:
        """Follow a job that runs already."""
        self._follow(message.job)

    def _follow(self, job: JobInfo) -> None:
        if job.id not in self.jobs:
            self.jobs[job.id] = JobSnapshot(job.id, job.verb, job.run, job.state)
            self.run_worker(
                partial(follow, self.supervisor, job, self.post_message),
                group="follow", name=job.id, thread=True, exit_on_error=False,
            )  # fmt: skip

    async def show_pictures(self, pictures: Pictures, index: int) -> None:
        """Go to the Viewer with a list in hand, at its row `index`."""
        from fext_tui.screens.viewer import ViewerScreen

        await self.switch_mode("viewer")
        if isinstance(self.screen, ViewerScreen):
            self.screen.take(pictures, index)

    def start_job(self, verb: str, arguments: dict[str, Any] | None = None) -> str | None:
        """Start a job with the settings in hand, follow it and return its id; a failure to start is a notice."""
        try:
            self.remember_settings()
            job_id = self.supervisor.start(verb, self.settings, arguments)
            self._follow(self.supervisor.find(job_id))
        except (FextError, OSError) as error:
            self.notify(str(error), title=f"{verb} did not start", severity="error", markup=False)
            return None
        self._tell_screen()
        return job_id

    def on_job_updated(self, message: JobUpdated) -> None:
        """Keep the newest snapshot, say how a job ended, and let the screen show it."""
        job, before = message.job, self.jobs.get(message.job.id)
        self.jobs[job.id] = job
        self.log_lines.extend(message.log)
        self.log_count += len(message.log)
        if before is not None and before.is_active and not job.is_active:
            self._tell_end(job)
        self._tell_screen()
        if self._quit_when_idle and not self.active_jobs:
            self.exit()

    @property
    def active_jobs(self) -> list[JobSnapshot]:
        """The jobs that run now, the oldest first."""
        return sorted((job for job in self.jobs.values() if job.is_active), key=lambda job: job.id)

    def _tell_screen(self) -> None:
        from fext_tui.screens.workbench import WorkbenchScreen

        for screen in reversed(self.screen_stack):
            if isinstance(screen, WorkbenchScreen):
                screen.show_jobs()
                return

    def _tell_end(self, job: JobSnapshot) -> None:
        from fext_tui.dialogs.trial import VERBS

        if job.state == "failed":
            self.notify(
                f"{job.error}; {job.do}",
                title=f"{job.title} failed",
                severity="error",
                timeout=15,
                markup=False,
            )
        elif job.state == "stopped":
            self.notify(job.do or "stopped", title=f"{job.title} stopped", severity="warning", markup=False)
        elif job.verb not in VERBS:  # a dialog shows how they end
            self.notify(f"{self.key('log')} shows the log", title=f"{job.title} finished", markup=False)

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

        self.push_screen(JobsDialog(job_id))

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
        from fext_tui.dialogs.leave import LeaveDialog

        if not self.active_jobs:
            self.exit()
        elif not isinstance(self.screen, LeaveDialog):
            self.push_screen(LeaveDialog([job.title for job in self.active_jobs]), self._leave)

    def _leave(self, choice: str | None) -> None:
        if choice == "leave":
            self.exit()
        elif choice == "stop":
            self._quit_when_idle = True
            for job in self.active_jobs:
                self.supervisor.stop(job.id)
            self.notify(
                "FeXT closes as soon as the state is saved. q and l leave the job to finish that alone."
            )

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action of the app and of the screen, for the command palette."""
        yield from super().get_system_commands(screen)
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.description and binding.id:
                run = partial(self.run_action, binding.action, active.node)
                about = f"{active.tooltip or 'Key'} ({self.get_key_display(binding)})"
                yield SystemCommand(binding.description, about, run)

    def on_unmount(self) -> None:
        """Remember the configuration in hand, unless nothing was looked at."""
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
    app.run()
    if app.crash:
        print(app.crash, file=sys.stderr)
    return app.return_code or 0
