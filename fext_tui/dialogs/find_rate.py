"""A learning rate for the settings in hand: a job raises the rate, its curve is drawn, and one may take the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from fext_tui.dialogs.trial import TrialDialog
from fext_tui.widgets.rate_plot import RatePlot

if TYPE_CHECKING:
    from fext_tui.following import JobSnapshot


class FindRateDialog(TrialDialog[float]):
    """Follows the job `find-lr`; the result is the rate that was taken."""

    HEADING = "Learning rate"
    TRIED = "The rate rises from step to step, while the loss is watched…"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "use", "Use it", id="find-lr.use", tooltip="Take the suggestion into schedule.initial_lr"),
    ]
    CSS = """
    FindRateDialog .dialog { width: 96%; max-width: 110; height: 90%; max-height: 34; padding: 0 2; }
    """

    def compose_content(self) -> ComposeResult:
        yield RatePlot()
        yield from super().compose_content()

    def show(self, job: JobSnapshot) -> None:
        """Draw the curve as far as it goes."""
        found = job.summary or job.progress
        points = [(rate, loss) for rate, loss in found.get("curve") or ()]
        self.query_one(RatePlot).set_curve(points, job.summary.get("suggested_lr"))

    def outcome(self, summary: Mapping[str, Any]) -> tuple[str, str]:
        keys = f"{self.app.key('find-lr.use')} use it   " if summary.get("suggested_lr") else ""
        return outcome_text(summary), keys

    def action_use(self) -> None:
        """Take the suggestion, when there is one."""
        if rate := self.job.summary.get("suggested_lr"):
            self.dismiss(float(rate))


def outcome_text(summary: Mapping[str, Any]) -> str:
    """The summary of the job `find-lr` as lines."""
    tried = f"{summary['steps']} steps of {summary['batch_size']}, {summary['images']:,} images"
    if summary.get("suggested_lr") is None:
        return f"{summary['advice'].capitalize()}.\n{tried}; {summary['ended']}."
    suggested, steepest, lowest = (summary[f"{name}_lr"] for name in ("suggested", "steepest", "lowest_loss"))
    lines = [
        f"suggested      {suggested:g}, up to which the loss falls; now {summary['initial_lr']:g}",
        f"curve          steepest at {steepest:g}, lowest at {lowest:g}",
        f"tried          {tried}",
        f"end            {summary['ended']}",
    ]
    return "\n".join(lines)
