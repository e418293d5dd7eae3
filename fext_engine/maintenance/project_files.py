"""Which files of an unpacked release are FeXT's own, and which of them were changed here.

`python -m fext_engine.maintenance.project_files` notes them: the first set-up does so, where there is no git.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.maintenance.software import project_folder
from fext_engine.paths import escape_name
from fext_engine.workspace import STOCK_PRESETS, write_atomic

LIST = ".release.json"
_FOLDERS = ("fext_engine", "fext_tui", "tests", ".ci", "resources/docs", "resources/templates")
_FILES = (
    "LICENSE", "README.md", "pyproject.toml", "run.sh", "run.bat", ".gitignore",
    *(f"resources/configurations/{preset}.toml" for preset in STOCK_PRESETS),
)  # fmt: skip


def own_files(project: Path) -> Iterator[str]:
    """The paths of this release's files below the project's folder, with `/` on every system."""
    yield from (path for path in _FILES if (project / path).is_file())
    for top in _FOLDERS:
        for folder, folders, files in os.walk(project / top):
            folders[:] = [name for name in folders if name != "__pycache__" and not name.endswith("_cache")]
            here = Path(folder).relative_to(project).as_posix()
            yield from (f"{here}/{name}" for name in files)


def note_files(project: Path) -> None:
    """Note the files' digests as they are now, unless git does better, or they are noted already."""
    if (project / ".git").exists() or (project / LIST).exists():
        return
    document = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    digests = {path: digest for path in own_files(project) if (digest := _digest(project / path))}
    write_atomic(project / LIST, list_text(document["project"]["version"], digests))


def list_text(version: str, digests: Mapping[str, str]) -> str:
    """What the list of a release's files holds."""
    return json.dumps({"version": version, "files": dict(sorted(digests.items()))}, indent=0) + "\n"


def noted_files(project: Path) -> dict[str, str]:
    """SHA-256 of each of the installed release's files, as it came; raises FextError when they are not known."""
    try:
        files = json.loads((project / LIST).read_text(encoding="utf-8"))["files"]
        return {str(path): str(digest) for path, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise FextError(
            f"which files of {escape_name(str(project))} were changed cannot be told: there is no {LIST}",
            "unpack the new release into a new folder, and move resources there",
        ) from None


def changed_files(project: Path, noted: Mapping[str, str]) -> list[str]:
    """Which of these files are gone, or are not as they came."""
    return [path for path, digest in noted.items() if _digest(project / path) != digest]


def _digest(file: Path) -> str:
    """Of a file; empty when it is none that can be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""


if __name__ == "__main__" and (folder := project_folder()) is not None:
    note_files(folder)
