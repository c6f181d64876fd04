"""Word documents (.docx): headings, lists and tables by way of HTML (`mammoth`).

`mammoth` calls itself several times for each level of nesting, builds objects for each element, copies what stands in a
table that holds no rows, and writes a note or an address out wherever it is referred to. So the XML is measured first.
"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from typing import IO, Any
from xml.parsers import expat

from ingest.errors import CorpusError
from ingest.extract import MAX_TEXT, Extracted
from ingest.web import parse_html, read_tree

MAX_UNPACKED = 512 << 20  # bytes of all parts of the archive together
MAX_ELEMENTS = 1_000_000  # of all parts together
MAX_NESTING = 100  # of elements, each as heavy as `_HEAVY` says
MAX_REFERENCES = 10  # to one note
MAX_FIELDS = 50  # that are open at once: every run of text is compared with all of them
_HEAVY = {"tbl": 3, "r": 4, "p": 9}  # nested tables are copied; runs and list items become several elements of HTML
_REFERENCES = ("footnoteReference", "endnoteReference")
_MAX_NAME = 255  # characters of a style's name, which a warning repeats
_STYLES = "p[style-name='Title'] => h1:fresh\nr =>"


def read_docx(data: bytes) -> Extracted:
    """The document's text; a paragraph in style Title is a heading of the highest rank.

    Raises:
        CorpusError: no Word document, no text in it, or more than is read of one (see the limits above).
    """
    import mammoth

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MAX_UNPACKED:
            raise CorpusError(f"it unpacks to {unpacked >> 20:,} MiB, at most {MAX_UNPACKED >> 20} MiB are read")
        _measure(archive)
    page = mammoth.convert_to_html(
        io.BytesIO(data),
        style_map=_STYLES,
        include_embedded_style_map=False,  # it could ask for any HTML
        transform_document=_without_addresses,
        convert_image=_no_image,
    ).value
    if not page.strip():
        raise CorpusError("there is no text in it")
    return read_tree(parse_html(page))


def _measure(archive: zipfile.ZipFile) -> None:
    measure = _Measure()
    for part in archive.infolist():
        try:
            with archive.open(part) as file:
                measure.read(file)
        except CorpusError:
            raise
        except Exception:  # no XML, or damaged: whether that matters is for the library to say, which reads some parts
            continue


class _Measure:
    """Counts over all parts, up to a limit."""

    def __init__(self) -> None:
        self._nesting = self._elements = self._characters = self._fields = 0
        self._references: Counter[tuple[str, str]] = Counter()

    def read(self, part: IO[bytes]) -> None:
        """Count what stands in one part.

        Raises:
            CorpusError: it is too much.
            expat.ExpatError: it is not XML.
        """
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        self._nesting = self._fields = 0
        parser.ParseFile(part)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = _local(name)
        self._nesting += _HEAVY.get(local, 1)
        if self._nesting > MAX_NESTING:
            raise CorpusError("its elements are nested too deeply; take tables out of tables and save it anew")
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise CorpusError(f"more than {MAX_ELEMENTS:,} elements of XML; split the document")
        if local == "fldChar":
            self._field(attributes)
        if local in _REFERENCES:
            self._refer(local, attributes)

    def _field(self, attributes: dict[str, str]) -> None:
        kinds = [value for name, value in attributes.items() if _local(name) == "fldCharType"]
        self._fields += kinds.count("begin") - kinds.count("end")
        if self._fields > MAX_FIELDS:
            raise CorpusError(f"more than {MAX_FIELDS} fields in it begin and do not end; save it anew")

    def _refer(self, kind: str, attributes: dict[str, str]) -> None:
        for note in [(kind, value) for name, value in attributes.items() if _local(name) == "id"]:
            self._references[note] += 1
            if self._references[note] > MAX_REFERENCES:
                raise CorpusError(f"more than {MAX_REFERENCES} references to one note; take some out")

    def _end(self, name: str) -> None:
        self._nesting -= _HEAVY.get(_local(name), 1)

    def _text(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > MAX_TEXT:
            raise CorpusError(f"more than {MAX_TEXT:,} characters in it; split the document")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _without_addresses(document: Any) -> Any:
    """Links without their address, in notes as well, and names of styles cut to a length."""
    from mammoth import documents, transforms

    def plain(element: Any) -> Any:
        if isinstance(element, documents.Hyperlink):
            return element.copy(href="", anchor=None)
        if isinstance(element, documents.Paragraph) and element.style_name:
            return element.copy(style_name=element.style_name[:_MAX_NAME])
        return element

    each = transforms.element_of_type(documents.Element, plain)
    for reference in transforms.get_descendants_of_type(document, documents.NoteReference):
        note = document.notes.resolve(reference)
        note.body = [each(element) for element in note.body]
    return each(document)


def _no_image(_image: Any) -> list[Any]:
    return []
