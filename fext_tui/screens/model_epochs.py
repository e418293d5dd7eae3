"""The Epochs table of the Model screen: what history.csv holds of the chosen run, the newest epoch first."""

from __future__ import annotations

from typing import Any

from fext_tui.runs import MARK
from fext_tui.widgets.curves import History
from fext_tui.widgets.sorted_list import Field, SortedList
from fext_tui.widgets.text import format_figure

Epoch = dict[str, Any]
_TITLES = {  # the most wanted first
    "loss": "training loss, of the whole epoch while the weights moved",
    "val_loss": "validation loss after the epoch",
    "val_psnr": "peak signal-to-noise ratio of the validation images, dB",
    "learning_rate": "at the end of the epoch",
    "seconds": "the epoch took",
    "val_ssim": "structural similarity of the validation images, 1 is equal",
    "images_per_second": "in training",
    "val_mae": "mean absolute error of the validation images",
    "mae": "mean absolute error in training",
    "val_mse": "mean squared error of the validation images",
    "val_cosine": "cosine similarity of the validation images",
    "cosine": "cosine similarity in training",
}
_SHORT = {
    "val_loss": "val loss",
    "val_psnr": "PSNR dB",
    "val_ssim": "SSIM",
    "learning_rate": "lr",
    "images_per_second": "images/s",
}


class EpochList(SortedList[Epoch]):
    """One row an epoch; the best one, by its validation loss, is marked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            _fields(None), lambda epoch: epoch["epoch"], order="epoch", descending=True,
            empty="Epochs appear as they are trained", id=id,
        )  # fmt: skip
        self._run: str | None = None

    def show_history(self, run: str, history: History) -> None:
        """Show a run's epochs; with the cursor at the top it stays there, on the newest."""
        at_top = self.cursor == 0 or run != self._run
        self._run = run
        losses = [(row["val_loss"], row["epoch"]) for row in history if row.get("val_loss") is not None]
        self.fields = _fields(min(losses)[1] if losses else None)
        self.show_items([dict(row) for row in history])
        if at_top:
            self.cursor = 0


def _fields(best: float | None) -> tuple[Field[Epoch], ...]:
    def number(epoch: Epoch) -> str:
        return f"{MARK if epoch['epoch'] == best else ' '} {epoch['epoch']}"

    first = Field("epoch", 9, number, lambda e: e["epoch"], "right", f"its number; {MARK} is the best")
    return (first, *(_figure(name, about) for name, about in _TITLES.items()))


def _figure(name: str, about: str) -> Field[Epoch]:
    def show(epoch: Epoch) -> str:
        value = epoch.get(name)
        return "" if value is None else format_figure(value)

    title = _SHORT.get(name, name.replace("_", " "))
    return Field(title, max(9, len(title) + 2), show, lambda epoch: epoch.get(name), "right", about)
