"""Records of dataset reports made of the summary and the tables in their folders."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from fext_engine.records.database import Records

_TABLES = {
    "statistics": "report_statistics", "drift": "report_drift", "classes": "report_classes",
    "class_statistics": "report_class_statistics",
}  # fmt: skip
_NAME = re.compile(r"analysis_(\d{8}T\d{6})")


def take_in_reports(records: Records, validation: Path) -> int:
    """Record every report below `validation` that can be read; return how many."""
    found = 0
    with suppress(OSError):
        for folder in sorted(validation.iterdir()):
            if not folder.name.startswith(".") and (folder / "summary.json").is_file():
                found += _take_in(records, folder)
    return found


def excluded_in_reports(records: Records, validation: Path) -> dict[tuple[str, str], str]:
    """The images that were excluded when the newest report of each folder was made: `(root, path)` and why."""
    found = {}
    newest = records.connection.execute("SELECT root, name, max(created_at) FROM reports GROUP BY root")
    for root, name, _ in newest.fetchall():
        with suppress(OSError, ValueError, KeyError, csv.Error):
            for row in _read(validation / name / "images.csv"):
                if row["excluded"] == "1":
                    found[root, row["path"]] = row["excluded_reason"]
    return found


def _take_in(records: Records, folder: Path) -> bool:
    """Record one report, all of it or nothing; False where a file of it is damaged."""
    try:
        with records.connection as connection:
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            values = (folder.name, summary["root"], _made(folder), summary["images"], summary["usable"])
            report_id = connection.execute(
                "INSERT INTO reports (name, root, created_at, images, usable, summary) VALUES (?, ?, ?, ?, ?, ?)",
                (*values, json.dumps(summary)),
            ).lastrowid
            for name, table in _TABLES.items():
                known = [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]
                for row in _read(folder / f"{name}.csv"):
                    kept = [column for column in known if column in row]
                    connection.execute(
                        f"INSERT INTO {table} (report_id, {', '.join(kept)}) VALUES (?{', ?' * len(kept)})",
                        (report_id, *(row[column] for column in kept)),
                    )
            for row in _read(folder / "distributions.csv"):
                quantiles = [float(row[f"q{i}"]) for i in range(sum(key[1:].isdigit() for key in row))]
                connection.execute(
                    "INSERT INTO report_distributions VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (report_id, row["split"], row["measure"], row["n"], row["mean"], row["std"],
                     json.dumps(quantiles)),
                )  # fmt: skip
            for issue, images in summary.get("issues", {}).items():
                connection.execute("INSERT INTO report_issues VALUES (?, ?, ?)", (report_id, issue, images))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error, sqlite3.Error):
        return False
    return True


def _read(file: Path) -> Iterator[dict[str, Any]]:
    if file.exists():
        with file.open(newline="", encoding="utf-8") as opened:
            yield from csv.DictReader(opened)


def _made(folder: Path) -> float:
    """When a report was made, by its name; one that was renamed by its file."""
    if (match := _NAME.match(folder.name)) is not None:
        with suppress(ValueError):
            return datetime.strptime(match[1], "%Y%m%dT%H%M%S").timestamp()
    return (folder / "summary.json").stat().st_mtime
