"""The images that `fext anomalies` ranked, as a table or a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fext_engine.cli.common import Common
from fext_engine.cli.tables import aligned, stream_csv
from fext_engine.paths import escape_name


def show_ranked(common: Common, encoding: Path, top: int, csv_file: str | None) -> None:
    """Print the `top` most anomalous images of an encoding, or write all to a CSV file.

    With --json the job's last event has said them already.
    """
    from fext_engine.latents.anomaly.results import FOLDER, read_anomalies  # NumPy, which others do without

    found = read_anomalies(encoding / FOLDER)
    rows: list[dict[str, Any]] = [
        {"rank": line.rank, "score": round(line.score, 4), "path": line.path, "tail": line.tail,
         "flagged": line.flagged, "strongest": line.strongest, "label": line.label}
        for line in found.ranked
    ]  # fmt: skip
    if csv_file:
        count = stream_csv(csv_file, rows)
    if common.json:
        return
    if csv_file:
        print(f"{count} rows written to {escape_name(csv_file)}")
        return
    print()
    shown = [
        {"rank": row["rank"], "score": f"{row['score']:.2f}", "path": row["path"],
         "": "flagged" if row["flagged"] else ""}
        for row in rows[:top]
    ]  # fmt: skip
    for text in aligned(shown) if shown else ["no image has a score"]:
        print(text)
