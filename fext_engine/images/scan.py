"""Finds the image files below a folder, in one order on every machine, with memory that does not grow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from fext_engine.errors import FextError
from fext_engine.images.presence import require_folder
from fext_engine.paths import escape_name, unescape_name

SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".avif"]
)
"""What counts as an image file by its name, compared without regard to case."""

_VECTORS = "latents.npy"
"""A folder that holds it is an encoding: the pictures in it are results, not images to look at."""

Problem = Callable[[str, str], None]
"""Called with the escaped relative path of a folder that could not be listed, and the reason."""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """One file that is an image by its name; whether it is one, decoding decides."""

    path: str
    """Relative to the scanned root, with `/`, escaped by `escape_name`."""
    size: int
    """Bytes; 0 where the file could not be asked, such as a link that leads nowhere."""
    mtime_ns: int
    class_name: str
    """The folder it lies in, relative to the root and escaped; empty directly below the root."""
    suffix: str
    """In lower case, with its dot."""


def scan(root: str | Path, on_problem: Problem | None = None) -> Iterator[ScannedFile]:
    """Yield every image file below `root`, sorted by the bytes of its path.

    Names that start with a dot are skipped, and so are folders that hold an encoding. Links are followed; a linked
    folder that really lies below the root is met at its real place only, and no folder is entered twice, so
    loops end. A folder that cannot be listed is reported to `on_problem` and passed over.

    Raises FextError at once when `root` is missing, is not a folder, or cannot be listed, and later when it
    goes away meanwhile.
    """
    start = os.fspath(root)
    shown = escape_name(start)
    advice = "put images there or point dataset.images at another folder"
    if not os.path.lexists(start):
        raise FextError(f"the images folder {shown} does not exist", advice)
    if not Path(start).is_dir():
        raise FextError(
            f"{shown} is not a folder", "point dataset.images at the folder that holds the images"
        )
    try:
        os.scandir(start).close()
    except OSError as error:
        raise FextError(
            f"the images folder {shown} cannot be read: {error.strerror}",
            "change its permissions or point dataset.images at another folder",
        ) from error
    return _walk(start, on_problem or (lambda path, reason: None))


def image_path(root: str | Path, path: str) -> Path:
    """Return the true path of a stored (relative, escaped) image path below `root`."""
    return Path(root) / unescape_name(path)


def stays_below(path: str) -> bool:
    """Tell whether a stored path, which somebody else may have written, names a file below the root it is joined to.

    It does not when it is absolute, climbs by `..`, or holds what no file name can; links below the root are the
    user's own, and are followed.
    """
    name = unescape_name(path)
    if name.isascii() and name.isprintable() and ".." not in name and name[:1] not in "/\\" and ":" not in name:
        return bool(name)  # nearly all of a million
    pure = PurePath(name)
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return bool(name) and not pure.anchor and ".." not in pure.parts and "\0" not in name


def is_image_name(name: str) -> bool:
    """Tell whether `name` looks like an image that FeXT reads: known suffix, not hidden."""
    return not name.startswith(".") and Path(name).suffix.casefold() in SUFFIXES


def _walk(start: str, on_problem: Problem) -> Iterator[ScannedFile]:
    """Walk depth first with a stack of our own: no recursion limit, one sorted folder per level in memory."""
    real_root = os.path.realpath(start)
    entered = {_identity(start)}
    found = False

    def report(path: str, reason: str) -> None:
        if found:
            require_folder(start)
        on_problem(path, reason)

    stack = [("", iter(_list_folder(start, "", report)))]
    while stack:
        prefix, names = stack[-1]
        name = next(names, None)
        if name is None:
            stack.pop()
        elif name.endswith("/"):
            folder = prefix + name
            path = os.path.join(start, folder[:-1])  # noqa: PTH118 - a Path costs more than the listing
            if _may_enter(path, real_root, entered):
                stack.append((folder, iter(_list_folder(path, folder[:-1], report))))
        else:
            found = True
            yield _describe(start, prefix, name)
    if found:
        require_folder(start)  # whoever forgets what was not found must know that it was looked for


def _list_folder(path: str, relative: str, on_problem: Problem) -> list[str]:
    """Return the sub-folders (with a closing slash) and image files of a folder, sorted by bytes.

    With the slash in the key the walk comes out in the order of the whole paths: `a.png` before `a/b.png`.
    """
    names: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.name == _VECTORS and relative:
                    return []
                if _is_folder(entry):
                    names.append(entry.name + "/")
                elif is_image_name(entry.name):
                    names.append(entry.name)
    except OSError as error:
        on_problem(escape_name(relative) or ".", error.strerror or str(error))
    names.sort(key=os.fsencode)
    return names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _may_enter(path: str, real_root: str, entered: set[tuple[int, int]]) -> bool:
    if os.path.islink(path) and Path(os.path.realpath(path)).is_relative_to(real_root):  # noqa: PTH114
        return False
    identity = _identity(path)
    if identity in entered:
        return False
    entered.add(identity)
    return True


def _identity(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return (-1, hash(path))
    return (status.st_dev, status.st_ino)


def _describe(start: str, prefix: str, name: str) -> ScannedFile:
    try:
        status = os.stat(f"{start}/{prefix}{name}")  # noqa: PTH116 - a million times, Path would double the scan
        size, mtime_ns = status.st_size, status.st_mtime_ns
    except OSError:  # a dead link, or gone since the listing: reading it will name the reason
        size, mtime_ns = 0, 0
    folder = escape_name(prefix[:-1])
    path = f"{folder}/{escape_name(name)}" if folder else escape_name(name)
    return ScannedFile(path, size, mtime_ns, folder, os.path.splitext(name)[1].casefold())  # noqa: PTH122
