"""A release archive: its checksum, and its files, each looked at before any of them is written."""

from __future__ import annotations

import hashlib
import re
import stat
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from fext_engine.errors import FextError
from fext_engine.paths import escape_name

SUFFIXES = (".tar.gz", ".tgz", ".zip")
MOST_BYTES = 256 << 20  # of all files; a release has a few MB
PLACES = ("docs", "templates", "configurations")  # what a release may bring into resources
_FOREIGN = (".git", ".venv", ".update")
_NEEDED = ("pyproject.toml", "run.sh", "fext_engine/__init__.py")
_SUM = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")


@dataclass(frozen=True)
class ReleaseFile:
    """A file's bytes, and whether it is a program."""

    data: bytes
    executable: bool

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Release:
    """The files of a release by their paths in the project's folder, with `/` on every system."""

    version: str
    files: Mapping[str, ReleaseFile]


def is_archive_name(name: str) -> bool:
    """Whether a file of that name may be a release archive."""
    return name.lower().endswith(SUFFIXES)


def archive_at(typed: str) -> Path:
    """The path of an archive as a person typed it; raises FextError when there is no such file."""
    try:
        path = Path(typed).expanduser().absolute()
        is_file = path.is_file()
    except (OSError, RuntimeError, ValueError):  # ~somebody unknown, a zero byte
        is_file = False
    if not is_file:
        raise FextError(f"there is no file {escape_name(typed)}", "check the path")
    return path


def checksum_beside(archive: Path) -> str:
    """The SHA-256 in `<archive>.sha256`, as `sha256sum` writes it; empty when there is no such file.

    Raises FextError when the file holds none for this archive.
    """
    file = archive.with_name(f"{archive.name}.sha256")
    if not file.is_file():
        return ""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()[:1000]
    except OSError as error:
        raise _unreadable(file, error) from error
    sums = [(line, found.group()) for line in lines if (found := _SUM.search(line))]
    named = [checksum for line, checksum in sums if archive.name in line]
    if named or len(sums) == 1:
        return named[0] if named else sums[0][1]
    raise FextError(f"{escape_name(str(file))} holds no SHA-256 of the archive", "fetch it anew")


def read_release(archive: Path, checksum: str = "") -> Release:
    """Read an archive whose SHA-256 is `checksum`, by default the one in the file beside it.

    Raises FextError when there is no checksum or another one, and when the archive is damaged, is no release of
    FeXT, or holds what no release does: links, devices, and paths that lead elsewhere.
    """
    checksum = checksum.strip().lower() or checksum_beside(archive).lower()
    if not checksum:
        raise FextError(
            f"there is no {escape_name(archive.name)}.sha256 beside the archive",
            "fetch it too, or copy the checksum from where the archive is from",
        )
    if not _SUM.fullmatch(checksum):
        raise FextError(f"{checksum[:80]!r} is no SHA-256", "copy all of its 64 digits")
    try:
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != checksum:
                raise FextError(
                    f"{escape_name(archive.name)} is not what its checksum says: it has {found}",
                    "fetch the archive and its checksum anew",
                )
            file.seek(0)
            return _release(_unpack(file, archive))
    except (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile,
            RuntimeError, NotImplementedError, ValueError) as error:  # fmt: skip
        raise _unreadable(archive, error) from error


def _unreadable(file: Path, error: Exception) -> FextError:
    reason = (isinstance(error, OSError) and error.strerror) or error
    return FextError(f"{escape_name(str(file))} cannot be read: {reason}", "check the path, or fetch it anew")


def _unpack(file: IO[bytes], archive: Path) -> dict[str, ReleaseFile]:
    if not is_archive_name(archive.name):
        raise FextError(f"{escape_name(archive.name)} is no archive", "give a file " + ", ".join(SUFFIXES))
    read = _zip_files if archive.name.lower().endswith(".zip") else _tar_files
    files: dict[str, ReleaseFile] = {}
    for name, unpacked in read(file):
        if name in files:
            raise FextError(f"the archive holds {escape_name(name)} twice", "fetch it from another place")
        files[name] = unpacked
    return files


def _tar_files(file: IO[bytes]) -> Iterator[tuple[str, ReleaseFile]]:
    with tarfile.open(fileobj=file, mode="r:gz") as tar:
        total = 0
        for member in tar:
            name = _safe_name(member.name)
            if member.isdir():
                continue
            if not member.isreg():
                raise _refusal(member.name, "a link or a device")
            total = _counted(total, member.size)
            opened = tar.extractfile(member)
            yield name, ReleaseFile(opened.read() if opened else b"", bool(member.mode & 0o100))


def _zip_files(file: IO[bytes]) -> Iterator[tuple[str, ReleaseFile]]:
    with zipfile.ZipFile(file) as packed:
        total = 0
        for member in packed.infolist():
            name = _safe_name(member.orig_filename.rstrip("/"))
            mode = member.external_attr >> 16
            if member.is_dir():
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise _refusal(member.filename, "a link or a device")
            total = _counted(total, member.file_size)
            yield name, ReleaseFile(packed.read(member), bool(mode & 0o100))


def _counted(total: int, size: int) -> int:
    if total + size > MOST_BYTES:
        raise FextError(f"the archive holds more than {MOST_BYTES >> 20} MB", "no release of FeXT does")
    return total + size


def _safe_name(name: str) -> str:
    """The path of a member, if it stays below the folder that it is unpacked into, on every system."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not name.isprintable() or set('\\:*?"<>|') & set(name):
        raise _refusal(name, "a path that leads elsewhere")
    return str(path)


def _refusal(name: str, what: str) -> FextError:
    return FextError(
        f"the archive holds {escape_name(name)}, {what}", "no release of FeXT does: do not use it"
    )


def _release(files: dict[str, ReleaseFile]) -> Release:
    """The release in these files, which may all be in one folder."""
    roots = {name.partition("/")[0] for name in files}
    if "pyproject.toml" not in files and len(roots) == 1:
        files = {name.partition("/")[2]: file for name, file in files.items() if "/" in name}
    try:
        project = tomllib.loads(files["pyproject.toml"].data.decode())["project"]
        name, version = project["name"], str(project["version"])
    except (KeyError, TypeError, ValueError):
        name = version = ""
    if name != "fext" or not version.isprintable() or not all(path in files for path in _NEEDED):
        raise FextError("this archive is no release of FeXT", "give that of the whole project")
    for path in files:
        if path.partition("/")[0].lower() in _FOREIGN:
            raise _refusal(path, "which is no part of FeXT")
    return Release(version, {path: file for path, file in files.items() if _belongs(path)})


def _belongs(path: str) -> bool:
    """Of the resources a release brings pages, templates and presets; what people have there is theirs."""
    parts = path.split("/")
    return parts[0] != "resources" or (len(parts) > 2 and parts[1] in PLACES and parts[-1] != ".gitkeep")
