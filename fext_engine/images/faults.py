"""Why an image cannot be used: the kinds of failure, and telling them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from fext_engine.paths import escape_name

FailureKind = Literal["empty", "not_an_image", "truncated", "corrupt", "bomb", "unreadable", "unsupported"]

FAILURES: dict[FailureKind, str] = {
    "empty": "the file has no bytes",
    "not_an_image": "the content is not an image",
    "truncated": "the file ends before the image does",
    "corrupt": "the content is damaged",
    "bomb": "too many pixels or bytes to decode safely",
    "unreadable": "the file cannot be read, or is gone",
    "unsupported": "an image, but of a kind that FeXT does not read",
}
assert tuple(FAILURES) == get_args(FailureKind)

# First bytes of what people rename to .jpg: the formats FeXT reads ...
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"BM": "BMP",
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",
}  # fmt: skip
# ... and those it does not, where a user is told the name.
_FOREIGN = {
    b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL", b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"8BPS": "Photoshop", b"%PDF": "PDF", b"%!PS": "PostScript", b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR", b"DDS ": "DDS", b"\0\0\x01\0": "icon",
}  # fmt: skip
_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
_SUFFIXES_OF = {"JPEG": _JPEG_SUFFIXES, "MPO": _JPEG_SUFFIXES, "TIFF": (".tif", ".tiff"), "DIB": (".bmp",)}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}


class DecodeError(Exception):
    """One file that cannot be used. `kind` is one of FAILURES, `reason` says it in words."""

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind: FailureKind = kind
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


def unreadable(error: OSError) -> DecodeError:
    """Put a failed open or read into words."""
    if isinstance(error, FileNotFoundError):
        return DecodeError("unreadable", "the file is not there (removed, or a link that leads nowhere)")
    return DecodeError("unreadable", error.strerror or type(error).__name__)


def unidentified(data: bytes) -> DecodeError:
    """Classify a whole file's bytes that no decoder recognises."""
    name = _signature(data)
    if _ends_early(data, name):
        return DecodeError("truncated", f"{name} content that ends within its header")
    if name is not None:
        return DecodeError("corrupt", f"starts like {name}, but the header cannot be read")
    for start, foreign in _FOREIGN.items():
        if data.startswith(start):
            return DecodeError("unsupported", f"{foreign} content; convert it to JPEG or PNG")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return DecodeError("unsupported", "HEIC content; convert it to JPEG or PNG")
    if not data.strip(b"\0"):
        return DecodeError("corrupt", "the file holds only zeros, as after an interrupted copy")
    return DecodeError("not_an_image", "text" if _is_text(data[:512]) else "no image format that is known")


def broken(error: Exception, data: bytes = b"") -> DecodeError:
    """Classify what a decoder raised half-way; `data` is the whole file where the header was at fault."""
    text = " ".join(str(error).split()) or type(error).__name__
    lowered = text.lower()
    if isinstance(error, MemoryError):
        return DecodeError("bomb", "there is not enough memory to decode it")
    cut = any(word in lowered for word in ("truncated", "end of file")) or isinstance(error, EOFError)
    if cut or _ends_early(data, _signature(data)):
        return DecodeError("truncated", escape_name(text))
    return DecodeError("corrupt", escape_name(text))


def suffix_notes(path: str | Path, format_name: str) -> tuple[str, ...]:
    """Return a remark when the name says another format than the content, else nothing."""
    belongs = _SUFFIXES_OF.get(format_name, (f".{format_name.lower()}",))
    suffix = Path(path).suffix.casefold()
    return () if suffix in belongs else (f"{format_name} content in a file named {escape_name(suffix)}",)


def _signature(data: bytes) -> str | None:
    for start, name in _SIGNATURES.items():
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return "AVIF" if data[4:12] in (b"ftypavif", b"ftypavis") else None


def _ends_early(data: bytes, name: str | None) -> bool:
    if name == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    closing = {"JPEG": b"\xff\xd9", "PNG": b"IEND", "GIF": b";"}.get(name or "")
    return closing is not None and closing not in data[-64:]


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:  # else only a character cut in two by the slice
            return False
        text = start[: error.start].decode()
    return all(c.isprintable() or c.isspace() for c in text)
