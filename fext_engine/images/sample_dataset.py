"""The job that generates the sample dataset: drawn images in classes, with planted faults and oddities."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fext_engine.errors import FextError, JobStopped, room_to_write
from fext_engine.images.sample_oddities import encode, odd_files
from fext_engine.images.sample_pictures import CLASSES
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.workspace import write_atomic

PER_CLASS = 56
SEED = 20260101
ABOUT = "ABOUT.txt"  # says what is planted, and is the sign by which a folder is known as a sample dataset
TITLE = "FeXT sample dataset"


def generate(job: Job) -> dict[str, Any]:
    """Write the sample dataset into the argument `output`, else into the workspace's images folder.

    The same files come out every time. Raises FextError when the folder holds something else, so that
    no one's images are mixed up with it, or when it cannot be written.
    """
    output = Path(job.arguments.get("output") or job.workspace.images).expanduser().absolute()
    shown = escape_name(str(output))
    try:
        _make_room(output)
        count, planted = _write(job, output)
    except OSError as error:
        raise FextError(
            f"cannot write the sample dataset to {shown}: {error.strerror or error}",
            f"{room_to_write(error)}; some megabytes are enough",
        ) from error
    job.log(f"{count} files in {shown}; {len(planted)} of them are odd or broken on purpose, see {ABOUT}")
    return {"folder": shown, "files": count, "classes": len(CLASSES), "planted": planted}


def _make_room(output: Path) -> None:
    """Remove an older sample dataset; refuse any other folder that is not empty."""
    output.mkdir(parents=True, exist_ok=True)
    present = [entry for entry in output.iterdir() if not entry.name.startswith(".")]
    about = output / ABOUT
    if present and not (about.is_file() and about.read_bytes().startswith(TITLE.encode())):
        raise FextError(
            f"{escape_name(str(output))} is not empty",
            "the sample dataset goes into an empty folder: name one with --output",
        )
    for name in CLASSES:
        shutil.rmtree(output / name, ignore_errors=True)


def _write(job: Job, output: Path) -> tuple[int, dict[str, str]]:
    """Write every file; returns their number and the planted ones with what is odd about them."""
    write_atomic(output / ABOUT, f"{TITLE}, unfinished\n")
    for name in CLASSES:
        (output / name).mkdir()
    total = PER_CLASS * len(CLASSES)
    count, planted = 0, {}
    for path, content, oddity in _all_files():
        if job.stop_requested:
            raise JobStopped(f"stopped after {count} files; the next time the sample begins anew")
        (output / path).write_bytes(content)
        if oddity:
            planted[escape_name(path)] = oddity
        count += 1
        job.progress("generate", count, max(total, count), "files")
    lines = "".join(f"  {path}: {oddity}\n" for path, oddity in planted.items())
    write_atomic(
        output / ABOUT, f"{TITLE}: images drawn by a program. Odd or broken on purpose are\n\n{lines}"
    )
    return count, planted


def _all_files() -> Iterator[tuple[str, bytes, str]]:
    """Yield (relative path, content, what is odd about it or nothing)."""
    rng = np.random.default_rng(SEED)
    for name, draw in CLASSES.items():
        for number in range(PER_CLASS):
            height, width = (int(x) for x in rng.integers(128, 193, 2))
            pixels = draw(rng, height, width)
            if number % 4 == 3:
                yield f"{name}/{name}_{number:03d}.png", encode(pixels, "PNG"), ""
            else:
                yield f"{name}/{name}_{number:03d}.jpg", encode(pixels, "JPEG", quality=90), ""
    yield from odd_files(rng)
