"""What a training with the settings in hand would take, worked out by a job while one waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from fext_tui.dialogs.trial import TrialDialog
from fext_tui.widgets.text import format_bytes, format_duration, format_rate


class EstimateDialog(TrialDialog[bool]):
    """Follows the job `estimate`; the result is whether to train now."""

    HEADING = "Estimate"
    TRIED = "A few steps of training are tried…"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "train", "Train", id="estimate.train", tooltip="Train with these settings"),
    ]

    def outcome(self, summary: Mapping[str, Any]) -> tuple[str, str]:
        others = [other.title for other in self.app.active_jobs]
        return estimate_text(summary, others), f"{self.app.key('estimate.train')} train now   "

    def action_train(self) -> None:
        """Train with the settings that were estimated, once it is known what that takes."""
        if self.job.state == "finished":
            self.dismiss(True)


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
