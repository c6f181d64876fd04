"""Which format a file has, told by its content; the suffix only decides where the content leaves it open."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import CorpusError

HEAD = 4096  # bytes that tell a format
SUFFIXES = {
    ".txt": "text",
    ".md": "text",
    ".markdown": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}
NAMED = "UTF-8 text, Markdown, HTML, PDF, DOCX or JSONL"
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_RECORD = re.compile(rb'\s*\{[ \t]*"[^"\n]{1,80}"[ \t]*:')
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class _Other:
    """A format that is not read, by its first bytes."""

    start: bytes
    name: str


_OTHERS = (
    _Other(b"\x1f\x8b", "gzip data"),
    _Other(b"BZh", "bzip2 data"),
    _Other(b"\xfd7zXZ", "xz data"),
    _Other(b"7z\xbc\xaf", "a 7z archive"),
    _Other(b"Rar!", "a RAR archive"),
    _Other(b"\x28\xb5\x2f\xfd", "Zstandard data"),
    _Other(b"\x89PNG", "a PNG image"),
    _Other(b"\xff\xd8\xff", "a JPEG image"),
    _Other(b"GIF8", "a GIF image"),
    _Other(b"II*\x00", "a TIFF image"),
    _Other(b"MM\x00*", "a TIFF image"),
    _Other(b"RIFF", "an image, a sound or a film"),
    _Other(b"\xd0\xcf\x11\xe0", "an old Office file; save it as .docx"),
    _Other(b"{\\rtf", "RTF; save it as .docx"),
    _Other(b"%!PS", "PostScript; convert it to PDF"),
    _Other(b"SQLite format 3", "an SQLite database"),
    _Other(b"\x7fELF", "a program"),
    _Other(b"\x93NUMPY", "a NumPy array"),
)


def tell_format(head: bytes, path: Path) -> str:
    """ "text", "jsonl", "html", "pdf", "docx" (any zip archive: see `check_docx`), by a file's first `HEAD` bytes.

    Raises:
        CorpusError: something else.
    """
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(_ZIP):
        return "docx"
    for other in _OTHERS:
        if head.startswith(other.start):
            raise CorpusError(f"{path}: unknown format ({other.name}); give {NAMED}")
    text = head.removeprefix(b"\xef\xbb\xbf")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16: letters of markup stand beside zeros
        text = head[2:].replace(b"\x00", b"")
    elif b"\x00" in head:
        raise CorpusError(f"{path}: unknown format (binary data, a NUL byte); give {NAMED}")
    if _HTML.match(text):
        return "html"
    named = SUFFIXES.get(path.suffix.lower(), "text")
    if named == "jsonl" or (_RECORD.match(text) and b'"text"' in text):
        return "jsonl"
    return "html" if named == "html" else "text"


def check_docx(data: bytes) -> None:
    """Whether a zip archive holds a Word document.

    Raises:
        CorpusError: it does not, or the archive is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CorpusError(f"a damaged zip archive ({error})") from None
    if "word/document.xml" not in names:
        kinds = {"xl/": "an Excel workbook", "ppt/": "a presentation", "META-INF/": "an e-book or archive"}
        seen = next((kind for start, kind in kinds.items() if any(n.startswith(start) for n in names)), "a zip archive")
        raise CorpusError(f"unknown format ({seen}, not a Word document); give {NAMED}")
