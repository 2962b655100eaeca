"""What a file is by its first bytes, for the errors of those who expected another."""

import dataclasses
import re
from collections.abc import Iterable

_UNPACK = "unpack it"
_AS_TEXT = "save it as plain text"
_AS_PICTURE = "save it as JPEG or PNG"
_LONGEST = 64  # bytes that tell


@dataclasses.dataclass(frozen=True)
class Format:
    """A format that a file has instead of the expected one.

    Attributes:
        name: with its article.
        remedy: what to do; None: save it in the expected format.
    """

    name: str
    remedy: str | None = None


# Patterns of first bytes; the first that fits. None of them begins a text.
_OTHERS = (
    (rb"\x1f\x8b", Format("a gzip file", _UNPACK)),
    (rb"PK(\x03\x04|\x05\x06)", Format("a zip file, as .xlsx, .docx and .npz are")),
    (rb"BZh[1-9]1AY&SY", Format("a bzip2 file", _UNPACK)),
    (rb"\xfd7zXZ\0", Format("an xz file", _UNPACK)),
    (rb"\(\xb5/\xfd", Format("a zstd file", _UNPACK)),
    (rb"\x04\x22M\x18", Format("an lz4 file", _UNPACK)),
    (rb"7z\xbc\xaf\x27\x1c", Format("a 7z file", _UNPACK)),
    (rb"Rar!\x1a\x07", Format("a rar file", _UNPACK)),
    (rb"%PDF-", Format("a PDF")),
    (rb"\{\\rtf", Format("a document in RTF")),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format("a document of Word or Excel")),
    (rb"PAR1[\0-\x08\x0e-\x1f]", Format("a Parquet file")),
    (rb"ARROW1\0\0", Format("an Arrow file")),
    (rb"\x89HDF\r\n\x1a\n", Format("an HDF5 file")),
    (rb"SQLite format 3\0", Format("an SQLite database")),
    (rb"\x93NUMPY", Format("a NumPy array")),
    (rb"\x80[\x02-\x05]", Format("a Python pickle")),
    (rb"version https://git-lfs\.github\.com/spec/", Format("a pointer of Git LFS", "fetch it with git lfs pull")),
)
_PICTURES = (
    (rb"\x89PNG\r\n\x1a\n", Format("a PNG picture")),
    (rb"\xff\xd8\xff", Format("a JPEG picture")),
    (rb"GIF8[79]a", Format("a GIF picture")),
    (rb"II\*\0|MM\0\*", Format("a TIFF picture")),
    (rb"RIFF....WEBP", Format("a WebP picture")),
)
_UNREAD_PICTURES = (
    (rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", Format("a HEIC picture")),
    (rb"\s*<(\?xml|svg)\b", Format("SVG or other XML")),
)
_PAGES = ((rb"\s*<(?i:!doctype html|html)\b", Format("a web page", "look whether its download failed")),)


def instead_of_text(content: bytes) -> str | None:
    """What a file of no text is and what to do, ` but a PDF; save it as plain text`; None where nothing tells."""
    return _told(content, (*_OTHERS, *_PICTURES), _AS_TEXT)


def instead_of_table(content: bytes) -> str | None:
    """As `instead_of_text`; web pages are no tables."""
    return _told(content, (*_OTHERS, *_PICTURES, *_PAGES), "save it as CSV")


def instead_of_picture(content: bytes) -> str | None:
    """As `instead_of_text`, of a file that is no picture of a format that is read."""
    return _told(content, (*_OTHERS, *_UNREAD_PICTURES, *_PAGES), _AS_PICTURE)


def instead_of_pickle(content: bytes) -> str | None:
    """As `instead_of_text`, of a file that is no pickle."""
    others = (row for row in (*_OTHERS, *_PICTURES, *_PAGES) if row[1].name != "a Python pickle")
    return _told(content, others, "give the published files")


def _told(content: bytes, formats: Iterable[tuple[bytes, Format]], remedy: str) -> str | None:
    start = content[:_LONGEST]
    for pattern, format in formats:
        if re.match(pattern, start, re.DOTALL):
            return f" but {format.name}; {format.remedy or remedy}"
    return None
