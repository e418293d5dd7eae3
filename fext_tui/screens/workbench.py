"""The frame of every screen: title line, job bar, log pane and key line around the screen's own content."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker

from fext_tui.following import JobSnapshot
from fext_tui.widgets.job_bar import JobBar, JobView
from fext_tui.widgets.key_line import KeyLine
from fext_tui.widgets.log_view import LogView
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.settings_form import SettingsForm
from fext_tui.widgets.text import printable
from fext_tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from fext_engine.settings import Settings
    from fext_tui.app import FextApp

_SETTLED_SECONDS = 3.0  # after which a screen has what it is made of


class WorkbenchScreen(Screen[None]):
    """A mode of the app. A child names its mode and composes its content in `compose_content`."""

    MODE: ClassVar[str]
    FORM: ClassVar[tuple[str, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "settings", "Settings", id="settings"),
        Binding("escape", "leave_form", "Back", id="settings.leave", tooltip="Back to the list"),
        Binding("equals_sign", "differences", "Changes", key_display="=", show=False, id="differences",
                tooltip="What differs from the preset in use"),
        Binding("ctrl+g", "differences", "Changes", show=False, id="differences",
                tooltip="What differs from the preset in use"),  # in a field, too
    ]  # fmt: skip
    AUTO_FOCUS = ""  # a child says what has the focus: the first widget may be a hidden form

    app: FextApp

    def compose(self) -> ComposeResult:
        yield TitleLine(self.MODE)
        yield from self.compose_content()
        yield LogView(id="log")
        yield JobBar(stop_hint=f"{self.app.key('job.stop')} stop", id="jobs")
        yield KeyLine()

    def compose_content(self) -> ComposeResult:
        """Yield the screen's own widgets."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self._log_seen = 0
        self._focus_before_log: Widget | None = None
        self._jobs_seen: dict[str, JobSnapshot] = {}
        self.query_one(LogView).display = False
        self.call_after_refresh(self.start)

    def start(self) -> None:
        """Fill the screen, right after its first paint."""
        self.set_timer(_SETTLED_SECONDS, self.app.keep_from_collector)
        if self.FORM:
            baseline = self.app.baseline
            form = SettingsForm(self.FORM, self.app.settings, baseline, id="settings", classes="pane")
            self._show_title(form, baseline)
            self.query_one("#content").mount(form, before=0)

    def on_screen_resume(self) -> None:
        """Catch up with what happened, and with what was set, while another mode was shown."""
        if self.is_mounted:
            self.call_after_refresh(self.show_jobs)
            for form in self.query(SettingsForm):
                if not form.errors and form.settings != self.app.settings:
                    form.load(self.app.settings)
            self.show_baseline()

    def show_jobs(self) -> None:
        """Show the app's jobs, and react to each that moved since it was shown here."""
        if not (self.is_mounted and self.query(JobBar)):  # the bar is still to come, or went as the app ended
            return
        self.query_one(JobBar).update_jobs([_view(job) for job in self.app.active_jobs])
        self._show_log()
        for job in list(self.app.jobs.values()):
            if self._jobs_seen.get(job.id) is not job:
                self._jobs_seen[job.id] = job
                self.job_moved(job)

    def job_moved(self, job: JobSnapshot) -> None:
        """React to one job's progress or end; for children."""

    def load_form(self) -> None:
        """Show the app's settings in the form, when the screen has one."""
        for form in self.query(SettingsForm):
            form.load(self.app.settings)
        self.show_baseline()

    def show_baseline(self) -> None:
        """Mark what differs from the preset in use, and name it in the form's title."""
        baseline = self.app.baseline
        for form in self.query(SettingsForm):
            if form.baseline != baseline:
                form.compare_with(baseline)
            self._show_title(form, baseline)

    def _show_title(self, form: SettingsForm, baseline: Settings) -> None:
        changed = form.errors or self.app.settings != baseline
        form.border_title = Text(f"Settings · {printable(self.app.preset.name)}{' *' if changed else ''}")

    def form_is_valid(self) -> bool:
        """Whether every value in the form is allowed; if not, a notice says which is not."""
        for form in self.query(SettingsForm):
            if form.errors:
                key, problem = next(iter(form.errors.items()))
                self.notify(problem, title=key, severity="error", markup=False)
                return False
        return True

    @on(SettingsForm.Changed)
    def _settings_changed(self, event: SettingsForm.Changed) -> None:
        if event.settings is not None:
            self.app.settings = event.settings
        self.show_baseline()

    def action_differences(self) -> None:
        """List what differs from the preset in use; one or all can be set back."""
        from fext_tui.dialogs.differences import DifferencesDialog

        def take(settings: Settings | None) -> None:
            if settings is not None:
                self.app.settings = settings
                self.load_form()

        if self.form_is_valid():
            name = self.app.preset.name
            self.app.push_screen(DifferencesDialog(name, self.app.baseline, self.app.settings), take)

    def action_settings(self) -> None:
        """Go to the settings form; where there is no room for it beside the rest, show or hide it."""
        for form in self.query(SettingsForm):
            if self.has_class("-settings"):
                self.action_leave_form()
                return
            if not form.display:
                form.display = True  # at once, so that it can take the focus before the rest gives way
                self.add_class("-settings")
            form.focus_option(next(iter(form.values)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape leads out of the form and nowhere else; a screen without a form has no key for it."""
        if action == "leave_form":
            return any(form.has_focus_within for form in self.query(SettingsForm))
        return bool(self.FORM) if action in ("settings", "differences") else True

    def action_leave_form(self) -> None:
        """Leave the form for the list, and hide it where it took the list's room."""
        if self.has_class("-settings"):
            self.remove_class("-settings")
            for form in self.query(SettingsForm):
                form.styles.display = None  # back to what the style sheet says
        self.focus_list()

    def focus_list(self) -> None:
        """Put the focus into the list that is shown."""
        shown = [rows for rows in self.query(RowList) if rows.region.area and rows.display]
        (shown[0] if shown else self.query(RowList).first()).focus()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """The app says what failed; workers' messages do not bubble to it by themselves."""
        self.app.on_worker_state_changed(event)

    def toggle_log(self) -> None:
        """Show or hide the log pane."""
        view = self.query_one(LogView)
        if view.display:
            view.display = False
            before = self._focus_before_log
            if before is not None and before.is_attached and before.region.area:
                before.focus()
            else:
                self.focus_list()
            return
        self._focus_before_log = self.focused
        view.display = True
        self._show_log()
        view.pane.focus()

    def _show_log(self) -> None:
        view = self.query_one(LogView)
        new = min(self.app.followed.log_count - self._log_seen, len(self.app.followed.log_lines))
        if view.display and new:
            view.pane.add_all(list(self.app.followed.log_lines)[-new:])
            self._log_seen = self.app.followed.log_count


def _view(job: JobSnapshot) -> JobView:
    progress = job.progress
    done, total = progress.get("done", 0), progress.get("total")
    return JobView(
        id=job.id,
        verb=job.verb,
        title=job.run or "",
        stage=str(progress.get("stage", job.state)),
        fraction=done / total if total else None,
        done=done,
        total=total,
        unit=str(progress.get("unit", "images")),
        rate=progress.get("rate"),
        eta=progress.get("eta"),
        state=job.state,
    )
