"""The curve of a learning-rate range test: loss against rate, when it is enough, and which rate it suggests."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.signal import savgol_filter

SMOOTHING = 0.9
SETTLED = 10
"""Steps after which the smoothed loss is an average of enough losses to go by, 1 / (1 - SMOOTHING)."""

DIVERGED = 4.0
"""The test ends when the smoothed loss is this many times its lowest."""

_LAG = 9  # steps by which the smoothed loss is late, SMOOTHING / (1 - SMOOTHING)
_WINDOW = 11  # steps over which a slope is fitted, so that no single batch decides
_LEAST_FALL = 0.1  # of the loss before it: less is no descent
_LEAST_FALL_IN_NOISE = 2.0  # standard deviations of a batch's loss


@dataclass
class RateCurve:
    """Rates in rising order, the loss of a batch at each, and the losses smoothed, freed of the start's bias."""

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    ended: str = ""
    """Why it ended before the last rate; empty while it did not."""
    _average: float = 0.0

    def add(self, rate: float, loss: float) -> None:
        """Note the loss at the next rate, and see whether that is the end."""
        self._average = SMOOTHING * self._average + (1 - SMOOTHING) * loss
        self.rates.append(rate)
        self.losses.append(loss)
        self.smoothed.append(self._average / (1 - SMOOTHING ** len(self.rates)))
        if not math.isfinite(loss):
            self.ended = "the loss was not a number any more"
        elif self.smoothed[-1] > DIVERGED * min(self.smoothed):
            self.ended = f"the loss was over {DIVERGED:.0f} times its lowest"

    @property
    def points(self) -> list[tuple[float, float]]:
        """(rate, smoothed loss), without what is not a number."""
        return [(r, s) for r, s in zip(self.rates, self.smoothed, strict=True) if math.isfinite(s)]

    @property
    def lowest(self) -> int | None:
        """The step of the lowest smoothed loss, once there are enough to smooth."""
        smoothed = [loss for _, loss in self.points]
        return SETTLED + int(np.argmin(smoothed[SETTLED:])) if len(smoothed) > SETTLED else None

    @property
    def steepest(self) -> int | None:
        """The step at which the smoothed loss falls fastest over the logarithm of the rate; None without a descent.

        The rates rise by an equal factor each step, so the slope over the step is that slope but for a
        constant. The first steps, whose average is of a few losses only, are left out.
        """
        low = self.lowest
        if low is None or low <= SETTLED:
            return None
        smoothed = np.array([loss for _, loss in self.points])
        fall = smoothed[SETTLED] - smoothed[low]
        # Of the differences from batch to batch: unlike the distance to the average they hold no trend.
        noise = float(np.std(np.diff(self.losses[: low + 1]))) / math.sqrt(2)
        if fall < _LEAST_FALL * smoothed[SETTLED] or fall < _LEAST_FALL_IN_NOISE * noise:
            return None
        slopes = savgol_filter(smoothed, min(_WINDOW, len(smoothed)), 1, deriv=1)
        return SETTLED + int(np.argmin(slopes[SETTLED : low + 1]))

    @property
    def suggested(self) -> int | None:
        """The last step at which the loss still fell, None without a descent: the lowest one less the lag.

        Often the steepest descent is suggested, or a tenth of the rate of the lowest loss. Both suit plain
        gradient descent. The updates of Muon and AdamW are as large as the rate whatever the gradient is, so
        the loss falls fastest as soon as the sum of the rates so far is enough for the model's first lesson,
        the mean colours: that tells how far the start was, and is many times too low for the training that
        follows. Where the loss stops to fall its steps are too large for the valley that it is in.
        """
        low, steepest = self.lowest, self.steepest
        return None if low is None or steepest is None else max(steepest, low - _LAG)

    @property
    def highest_shown(self) -> float:
        """A loss above which the curve is not worth drawing: its end would press all else flat."""
        low = self.lowest or 0
        return 1.2 * max((loss for _, loss in self.points[: low + 1]), default=1.0)
