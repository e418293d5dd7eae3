"""What a training with the settings in hand would take, worked out by a job while one waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from fext_tui.widgets.text import format_bytes, format_duration, format_rate

if TYPE_CHECKING:
    from fext_tui.app import FextApp

LOOK_SECONDS = 0.2


class EstimateDialog(ModalScreen[bool]):
    """Follows the job `estimate`; the result is whether to train now. Closing it cancels the job."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Cancel or close", id="estimate.close"),
        Binding("t", "train", "Train", id="estimate.train", tooltip="Train with these settings"),
    ]

    app: FextApp

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Estimate"
            yield Static("", id="estimate", markup=False)
            yield Label(f"{self.app.key('estimate.close')} cancel", id="estimate-keys", classes="note")

    def on_mount(self) -> None:
        self._look()
        self._timer = self.set_interval(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Show how far the job is, or what came of it."""
        job = self.app.jobs[self._job_id]
        close = self.app.key("estimate.close")
        text, keys = f"{job.error or job.state}\n{job.do}", f"{close} close"
        if job.is_active:
            text, keys = f"A few steps of training are tried…\n{_progress(job.progress)}", f"{close} cancel"
        elif job.state == "finished":
            others = [other.title for other in self.app.active_jobs]
            train = self.app.key("estimate.train")
            text, keys = estimate_text(job.summary, others), f"{train} train now   {close} close"
        self.query_one("#estimate", Static).update(text)
        self.query_one("#estimate-keys", Label).update(keys)
        if not job.is_active:
            self._timer.stop()

    def action_close(self) -> None:
        """Close; an estimate that is not ready yet is cancelled."""
        if self.app.jobs[self._job_id].is_active:
            self.app.supervisor.stop(self._job_id)
        self.dismiss(False)

    def action_train(self) -> None:
        """Train with the settings that were estimated, once it is known what that takes."""
        if self.app.jobs[self._job_id].state == "finished":
            self.dismiss(True)


def _progress(progress: Mapping[str, Any]) -> str:
    if not progress:
        return "starting"
    total = f" of {progress['total']}" if progress.get("total") is not None else ""
    return f"{progress.get('stage', '')}: {progress.get('done', 0)}{total}"


def estimate_text(summary: Mapping[str, Any], others: list[str]) -> str:
    """The summary of the job `estimate` as lines; `others` are jobs that run beside it."""
    size = {key: format_bytes(value) for key, value in summary.items() if key.endswith("_bytes")}
    span = {key: format_duration(value) for key, value in summary.items() if key.endswith("_seconds")}
    kept = summary["checkpoints_kept"]
    all_kept = format_bytes(kept * summary["checkpoint_bytes"])
    where = {"disk": "on disk", "ram": "in memory"}.get(summary["pixel_cache"])
    end = datetime.now() + timedelta(seconds=min(summary["total_seconds"], 1e9))
    lines = [
        ("model", f"{summary['model']}, {summary['parameters']:,} parameters"),
        ("latent map", " x ".join(map(str, summary["latent_shape"]))),
        ("latent vector", f"{summary['latent_values']:,} values an image, as inference.pooling says"),
        ("memory", f"{size['memory_bytes']} of {size['memory_free_bytes']} that are free on {summary['device']}"),
        ("", f"weights {size['weights_bytes']}, gradients {size['gradients_bytes']},"),
        ("", f"optimizer {size['optimizer_bytes']}, activations {size['activations_bytes']}"),
        ("pixel cache", f"{size['pixel_cache_bytes']} {where}" if where else "none, images are read each epoch"),
        ("checkpoint", f"{size['checkpoint_bytes']}; up to {kept} are kept, {all_kept}"),
        ("images", f"{summary['train_images']:,} to train, {summary['validation_images']:,} to validate"),
        ("speed", f"{format_rate(summary['images_per_second'], 'images')} in {summary['trial_steps']} steps"),
        ("first reading", span["reading_seconds"]),
        ("an epoch", span["epoch_seconds"]),
        ("in all", f"{span['total_seconds']} for {summary['epochs']:,} epochs, done {end:%a %d %b %H:%M}"),
    ]
    text = "\n".join(f"{name:<15}{value}" for name, value in lines)
    if summary["memory_bytes"] > summary["memory_free_bytes"]:
        text += "\n\nThis needs more memory than is free: lower training.batch_size or the image size."
    if others:
        text += f"\n\nMeasured beside {', '.join(others)}: alone it is faster."
    return text
