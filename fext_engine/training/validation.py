"""How well a model reconstructs its validation images, in one pass."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fext_engine.model.autoencoder import Autoencoder
from fext_engine.model.losses import LOSSES
from fext_engine.model.metrics import METRICS, image_metrics
from fext_engine.ranks import ALONE, Ranks
from fext_engine.settings import Settings
from fext_engine.training.batches import ImageSet, validation_batches
from fext_engine.training.device import autocast


@torch.inference_mode()
def validate(
    model: Autoencoder,
    data: ImageSet,
    settings: Settings,
    device: torch.device,
    report: Callable[[int], None],
    *,
    ranks: Ranks = ALONE,
) -> dict[str, float]:
    """Means over the images of the loss and of every image metric, as `val_loss`, `val_mse` and so on.

    Nothing waits for the device until the end. `report` is called with the number of images that are done. Of
    several `ranks` each takes its share, and all get the means over the whole.
    """
    model.eval()
    loss = LOSSES[settings.training.loss]
    names = ("loss", *METRICS)
    sums, done = [torch.zeros(len(names), device=device)], 0
    for inputs, targets, *_ in validation_batches(data, settings, device, ranks):
        with autocast(device, settings.training.mixed_precision):
            output = model(inputs)
        output = output.float()
        metrics = image_metrics(output, targets)
        sums.append(torch.stack([loss(output, targets) * len(targets), *(m.sum() for m in metrics.values())]))
        done += len(targets)
        report(done * ranks.count)
    summed = ranks.sum(torch.stack(sums).cpu().double().sum(0).tolist())
    return {f"val_{name}": total / len(data) for name, total in zip(names, summed, strict=True)}
