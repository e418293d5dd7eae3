"""Numbers, times and events in words, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fext_engine.jobs.events import Event
from fext_engine.records.times import local_time

EPOCH_FIGURES = ("loss", "val_loss", "val_mae", "val_psnr", "val_ssim", "images_per_second")

_EVERY = 12  # points of a curve, for one line of its table
_MARKS = (("steepest_lr", "steepest"), ("lowest_loss_lr", "lowest"), ("suggested_lr", "suggested"))


def duration(seconds: float) -> str:
    """`0:07`, `12:34`, `3:00:00` or `2 days 4:00:00`."""
    whole = max(0, round(seconds))
    days, rest = divmod(whole, 86_400)
    hours, minutes, secs = rest // 3600, rest // 60 % 60, rest % 60
    clock = f"{hours}:{minutes:02d}:{secs:02d}" if hours or days else f"{minutes}:{secs:02d}"
    return f"{days} day{'s' if days > 1 else ''} {clock}" if days else clock


def moment(seconds: float | None) -> str:
    """A time as `2026-11-23 21:45:00`, local; nothing for None."""
    return f"{local_time(seconds):%Y-%m-%d %H:%M:%S}" if seconds else ""


def iso_moment(seconds: float) -> str:
    """A time as ISO 8601 has it, with the local zone."""
    return local_time(seconds).astimezone().isoformat(timespec="seconds")


def figure(value: Any) -> str:
    """A number as people read it: whole ones whole, others with four or five figures."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return str(value) if isinstance(value, int) else f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def size(count: int) -> str:
    """Bytes as `512 B`, `1.5 MB`."""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def progress_text(data: Mapping[str, Any]) -> str:
    """How far: `training  320 of 800 images  40 %  25.1 images/s  0:19 left`."""
    done, total, unit = data.get("done", 0), data.get("total"), data.get("unit", "")
    parts = [str(data.get("stage", ""))]
    parts.append(f"{done} of {total} {unit}" if total is not None else f"{done} {unit}")
    if total:
        parts.append(f"{100 * done // total} %")
    return "  ".join([*parts, *speed_texts(data)])


def speed_texts(data: Mapping[str, Any]) -> list[str]:
    """Rate and remaining time, as far as they are known."""
    rate, eta = data.get("rate"), data.get("eta")
    return [
        *([f"{figure(rate)} {data.get('unit', '')}/s"] if rate else []),
        *([f"{duration(eta)} left"] if eta else []),
    ]


def event_text(event: Event) -> str | None:
    """The line of an event, or None for one that is not said in words (progress, and how a job ended)."""
    data = event.data
    if event.kind == "log":
        level, message = data.get("level", "info"), str(data.get("message", ""))
        if level == "debug":
            return None
        return message if level == "info" else f"{level}: {message}"
    if event.kind == "metric":
        return _epoch_text(data)
    return None


def _epoch_text(data: Mapping[str, Any]) -> str:
    """The figures of an epoch that tell how training goes; history.csv has them all."""
    values = {key: value for key, value in (data.get("values") or {}).items() if value is not None}
    planned = f" of {data['epochs']}" if data.get("epochs") else ""
    parts = [f"epoch {data.get('epoch')}{planned}"]
    parts += [f"{key} {figure(values[key])}" for key in EPOCH_FIGURES if key in values]
    if "seconds" in values:
        parts.append(duration(values["seconds"]))
    return "  ".join(parts)


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """The plain values of a finished job's summary, aligned; tables and lists stay in its files."""
    plain = {
        key.removesuffix("_bytes").removesuffix("_seconds").replace("_", " "): _with_unit(key, value)
        for key, value in summary.items()
        if isinstance(value, str | int | float) and value != ""
    }
    width = max((len(name) for name in plain), default=0)
    return [f"{name:<{width}}  {value}" for name, value in plain.items()]


def curve_lines(summary: Mapping[str, Any]) -> list[str]:
    """Some points of the curve of a learning-rate test as a table; nothing for other summaries."""
    curve: list[list[float]] = summary.get("curve") or []
    marks = {
        min(range(len(curve)), key=lambda i: abs(curve[i][0] - summary[key])): words
        for key, words in _MARKS
        if curve and summary.get(key)
    }
    shown = sorted({*range(0, len(curve), _EVERY), *range(len(curve))[-1:], *marks})
    lines = [f"{curve[i][0]:<13.1e}  {curve[i][1]:<8.4f}  {marks.get(i, '')}".rstrip() for i in shown]
    return ["", "learning rate  loss", *lines] if lines else []


def _with_unit(key: str, value: Any) -> str:
    """A value whose key says what it counts as people read it."""
    if key.endswith("_bytes"):
        return size(value)
    return duration(value) if key.endswith("_seconds") else figure(value)
