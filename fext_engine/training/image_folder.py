"""Finding a run's images again, on this machine or another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.images.presence import require_folder
from fext_engine.images.scan import ScannedFile, image_path
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.settings import Settings
from fext_engine.training.run_folder import SplitRow

_NAMED = 5


def find_images(job: Job, settings: Settings, rows: Sequence[SplitRow]) -> Path:
    """The folder that holds the images of a run's split: the run's own, else the one that the job names.

    Raises FextError when neither has any of them.
    """
    own = job.workspace.images_root(settings)
    for root in dict.fromkeys((own, job.workspace.images_root(job.settings))):
        if any(image_path(root, row.path).exists() for row in rows):
            return root
    shown = escape_name(str(own))
    problem = "holds none of the run's images" if own.is_dir() else "does not exist"
    raise FextError(
        f"the images folder {shown} {problem}", "say where they are now: --images DIR on the command line"
    )


def describe_files(job: Job, root: Path, rows: Sequence[SplitRow]) -> list[ScannedFile]:
    """The files of a split that are still there, as scanning would give them; the missing are named in the log.

    Raises FextError when the folder itself is gone.
    """
    files, missing = [], []
    for row in rows:
        try:
            status = image_path(root, row.path).stat()
        except OSError:
            missing.append(row.path)
            continue
        folder, _, name = row.path.rpartition("/")
        suffix = Path(name).suffix.casefold()
        files.append(ScannedFile(row.path, status.st_size, status.st_mtime_ns, folder, suffix))
    if missing:
        require_folder(root)
        shown = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
        job.log(
            f"{len(missing)} of {len(rows)} images are missing in {escape_name(str(root))}: {shown}",
            "warning",
        )
    return files
