"""Word documents (.docx): headings, lists and tables by way of HTML (`mammoth`)."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from ingest.errors import CorpusError
from ingest.extract import Extracted
from ingest.web import parse_html, read_tree

MAX_UNPACKED = 512 << 20  # bytes of all parts of the archive together
_TITLE_STYLE = "p[style-name='Title'] => h1:fresh"


def read_docx(data: bytes) -> Extracted:
    """The document's text; a paragraph in style Title is a heading of the highest rank.

    Raises:
        CorpusError: no Word document, no text in it, or an archive that unpacks to more than `MAX_UNPACKED`.
    """
    import mammoth

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > MAX_UNPACKED:
        raise CorpusError(f"it unpacks to {unpacked >> 20:,} MiB, at most {MAX_UNPACKED >> 20} MiB are read")
    page = mammoth.convert_to_html(io.BytesIO(data), style_map=_TITLE_STYLE, convert_image=_no_image).value
    if not page.strip():
        raise CorpusError("there is no text in it")
    return read_tree(parse_html(page))


def _no_image(_image: Any) -> list[Any]:
    return []
