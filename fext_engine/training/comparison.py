"""Two runs compared: the settings that differ, and what came of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fext_engine.documents import read_json, read_toml
from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.training.history import best_epoch, read_history
from fext_engine.training.run_folder import RunFolder, read_split

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Difference:
    """A setting or a result of two runs; None where a run does not have it."""

    name: str
    a: Value
    b: Value

    @property
    def change(self) -> float | None:
        """How much more `b` is than `a`, where both are numbers."""
        numbers = [v for v in (self.a, self.b) if isinstance(v, int | float) and not isinstance(v, bool)]
        return numbers[1] - numbers[0] if len(numbers) == 2 else None


@dataclass(frozen=True)
class RunComparison:
    """What differs between the runs `a` and `b`.

    `settings` holds those that differ, `results` all that one of them has. `same_validation` says whether
    they were validated on the same images, so that their figures are of the same thing; None is unknown.
    """

    a: str
    b: str
    settings: tuple[Difference, ...]
    results: tuple[Difference, ...]
    same_validation: bool | None


def compare_runs(a: Path, b: Path) -> RunComparison:
    """Compare the runs in two folders, by their own files; raises FextError naming a damaged one."""
    runs = RunFolder(a), RunFolder(b)
    settings, results = [_settings(run) for run in runs], [_results(run) for run in runs]
    validated = [_validation_images(run) for run in runs]
    return RunComparison(
        a.name,
        b.name,
        tuple(d for d in _pair(*settings) if d.a != d.b),
        tuple(_pair(*results)),
        None if None in validated else validated[0] == validated[1],
    )


def _pair(a: Mapping[str, Value], b: Mapping[str, Value]) -> list[Difference]:
    """All that one of the two has, in their order."""
    return [Difference(name, a.get(name), b.get(name)) for name in {**a, **b}]


def _settings(run: RunFolder) -> dict[str, Value]:
    """The configuration as `section.key`, as it was written: also by a FeXT with other settings than this one."""
    try:
        data = read_toml(run.configuration)
    except (OSError, ValueError) as error:
        raise FextError(
            f"cannot read {escape_name(str(run.configuration))}: {error}", "restore the file"
        ) from error
    return {
        f"{section}.{key}": value if isinstance(value, str | int | float) else str(value)
        for section, table in data.items()
        for key, value in (table.items() if isinstance(table, dict) else [("", table)])
    }


def _results(run: RunFolder) -> dict[str, Value]:
    """The run's figures: of its best epoch, of its last one, its time, and its evaluation where there is one."""
    history = read_history(run.history)
    found: dict[str, Value] = {"epochs": len(history)}
    best = best_epoch(history)
    if best is not None:
        found |= {"best epoch": best.epoch, "best val_loss": best.val_loss, "best val_psnr": best.val_psnr}
        last = history[-1].values()
        found |= {
            f"last {name}": value
            for name, value in last.items()
            if name not in ("seconds", "images_per_second")
        }
        seconds = sum(epoch.seconds for epoch in history)
        found |= {"seconds": seconds, "seconds an epoch": seconds / len(history)}
        found["images a second"] = sum(epoch.images_per_second for epoch in history) / len(history)
    return found | {f"evaluation {name}": value for name, value in _evaluation(run).items()}


def _evaluation(run: RunFolder) -> dict[str, float]:
    """The means of the run's evaluation; nothing where it was not evaluated, or the report cannot be read."""
    try:
        report = read_json(run.evaluation / "report.json")
        found: dict[str, Any] = dict(report["mean"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, int | float)}


def _validation_images(run: RunFolder) -> frozenset[tuple[str, str]] | None:
    """Path and digest of the validation images, None where the split cannot be read."""
    try:
        return _read_validation(run, run.split.stat().st_mtime_ns)
    except (FextError, OSError):
        return None


@lru_cache(maxsize=4)
def _read_validation(run: RunFolder, _changed: int) -> frozenset[tuple[str, str]]:
    return frozenset((row.path, row.digest) for row in read_split(run) if row.split == "validation")
