"""Hostile inputs out of small valid files, for `tests.fuzz`: changed in bytes, or in what their format is made of.

Changed bytes mostly stop a parser at once; changed trees and records (for HTML, DOCX, JSONL) get past it and reach
what comes behind. One input in a hundred is one piece repeated to the full length, which is what finds slow rules.
"""

from __future__ import annotations

import copy
import functools
import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

from index.config import DEFAULT_CORPUS
from tests.make_pdf import Type, make_pdf

LOADERS = ("text", "jsonl", "html", "pdf", "docx", "chunker")
LONGEST = 1 << 16  # bytes of an input; of each part inside a DOCX
_TEXT = (
    "  • Title\n\nTitle\n\n1. What is it?\nIt is. e.g. this, i.e. that.\n\n• one\n  • two\n\n"
    "A table:\n\nName\n\nAge\n\nAnn\n\n7\n"
)
_MARKED = (
    "---\ntitle: A\n---\n# A\n\nText.\n\n## B\n\n```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nQuestion 1: Why?"
)
_HTML = (
    "<!doctype html><html><head><title>T</title><meta charset='utf-8'><link rel='canonical' href='https://a.example/'>"
    "</head><body><nav>x</nav><h1 id=a>A</h1><p>Some text, long enough to be kept <b>as</b> content.</p>"
    "<ul><li>one<ul><li>two</ul></ul><h2><a name='b'>B</a></h2><ol><li>c<li>d</ol>"
    "<table><tr><th>a<td>b<tr><td>1<td>2</table><pre>x\ny</pre><blockquote>q<br>r</blockquote>"
    "<details><summary>s</summary>t</details><script>z()</script></body></html>"
)
PIECES = [
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\r\n", b"\n\n", b"\t", b"\xc2\xa0", b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80", b"# ", b"###### ", b"```\n", b"~~~", b"|a|b|\n", b"- ", b"1. ", b"999) ", b"Q1: ",
    b"Section 3: ", b"\xe2\x80\xa2 ", b"...", b"?A", b"e.g. ", b"A. ", b"[" * 300, b"{" * 300, b"a" * 2000, b" " * 2000,
    b"(" * 2000, b'"' * 500, b"\\ud800", b"\\u0000", b"1" * 5000, b'{"_id": 1, "text": "x"}\n', b'"text": ', b"null",
    b"NaN", b"1e999", b"-0", b"---\ntitle: x\n---\n", b"? a\n: b\n", b"&a [*a]\n", b"!!python/object:x ", b"<!--",
    b"-->", b"<div>" * 200, b"<table><tr><td>", b"<li>" * 100, b"</", b"&#x110000;", b"&lt;", b"&" * 300,
    b'<meta charset="utf-7">', b'<meta charset="punycode">', b"<!DOCTYPE html>", b"<![CDATA[", b"<?xml version='1.0'?>",
    b"<!ENTITY a 'b'>", b"<a id='x'>", b"<base href='//x'>", b"obj\n", b"endobj", b"stream\n", b"endstream",
    b"/Kids [2 0 R]", b"/Length 99999999", b"/Count -1", b"xref\n", b"trailer", b"startxref\n0", b"/Rotate 90",
    b"/Filter /FlateDecode", b"/Filter [/ASCIIHexDecode /LZWDecode]", b" 0 0 0 0 0 0 cm ", b" 1e38 Tf ", b" Tj ET BT ",
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"<w:p>", b"<w:t>", b"w:val=", b"../../x", b"%PDF-1.7", b"<html>",
    b"\x1b[31m", b"\x0c", b"\xe2\x80\xa8",
]  # fmt: skip
_VALUES: list[Any] = [None, True, 0, -1, 1e999, [], {}, [[]], {"a": {}}, "", "\ud800", "\x00", "../../x", "1" * 400]
_TAGS = """
    a b p h1 h2 h6 ul ol li table tr td th pre code br div span section article main nav aside script style template
    svg math form button details summary blockquote dl dt dd figure body head html title meta link base iframe
    """.split()  # noqa: SIM905
_WORD_NAMES = "p r t br tab pPr pStyle tbl tr tc hyperlink numPr drawing sdt ins del footnoteReference".split()  # noqa: SIM905
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


@functools.cache
def seeds(loader: str) -> tuple[bytes, ...]:
    """Small valid files."""
    corpus = _corpus()
    if loader in ("text", "chunker"):
        made = [_TEXT, _MARKED, "one\ntwo\n\nthree"]
        return (*(t.encode() for t in (*made, *corpus)), "Ünïcode – text 中文。".encode("utf-16"))
    if loader == "jsonl":
        two = b'{"_id": "1", "title": "T", "text": "Some text. More."}\n{"id": 2, "text": "b", "url": "u"}\n'
        return two, *(json.dumps({"_id": n, "text": t}).encode() for n, t in enumerate((_TEXT, _MARKED, *corpus)))
    if loader == "html":
        return (_HTML.encode(), b"<html><body><p>x" + b"".join(b"<p>%b" % t[:300].encode() for t in corpus))
    if loader == "pdf":
        lines = [Type(50, 770 - 12 * n, f"Line {n} of text.") for n in range(9)]
        listed = [Type(50, 700 - 12 * n, f"{n}. item", bold=n == 0) for n in range(4)]
        pages = [[Type(50, 800, "A heading", 18, True), *lines, Type(300, 20, str(n))] for n in range(2)]
        return make_pdf(pages, "Title"), make_pdf([[Type(50, 700, "x")]]), make_pdf([listed])
    return (docx(word_parts()),)


@functools.cache
def _corpus() -> tuple[str, ...]:
    """Pieces of the bundled articles."""
    text = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(DEFAULT_CORPUS.glob("*.txt")))
    return tuple(text[at : at + 700] for at in range(0, len(text), len(text) // 12))


def docx(parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A Word document of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


@functools.cache
def word_parts() -> dict[str, bytes]:
    """The parts of a small Word document, by name."""

    def paragraph(text: str, style: str = "", more: str = "") -> str:
        named = f"<w:pStyle w:val='{style}'/>" if style else ""
        return f"<w:p><w:pPr>{named}{more}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"

    number = "<w:numPr><w:ilvl w:val='0'/><w:numId w:val='1'/></w:numPr>"
    cells = "".join(f"<w:tc>{paragraph(t)}</w:tc>" for t in "ab")
    body = (
        paragraph("T", "Title") + paragraph("A", "Heading1") + paragraph("Some text.") + paragraph("one", more=number)
        + f"<w:tbl><w:tr>{cells}</w:tr><w:tr>{cells}</w:tr></w:tbl>"
        "<w:p><w:hyperlink r:id='r3'><w:r><w:t>link</w:t></w:r></w:hyperlink>"
        "<w:r><w:br/><w:footnoteReference w:id='1'/></w:r></w:p>"
    )  # fmt: skip
    word = f"xmlns:w='{_WORD}' xmlns:r='{_OFFICE}'"
    style = "<w:style w:type='paragraph' w:styleId='{0}'><w:name w:val='{1}'/></w:style>"
    listed = "<w:lvl w:ilvl='0'><w:numFmt w:val='bullet'/></w:lvl>"
    links = (("r1", "styles"), ("r2", "numbering"), ("r4", "footnotes"))
    parts = {
        "[Content_Types].xml": f"<Types xmlns='{_PACKAGE}/content-types'>"
        "<Default Extension='xml' ContentType='x'/></Types>",
        "_rels/.rels": f"<Relationships xmlns='{_PACKAGE}/relationships'><Relationship Id='r1' "
        f"Type='{_OFFICE}/officeDocument' Target='word/document.xml'/></Relationships>",
        "word/_rels/document.xml.rels": f"<Relationships xmlns='{_PACKAGE}/relationships'>"
        + "".join(f"<Relationship Id='{i}' Type='{_OFFICE}/{n}' Target='{n}.xml'/>" for i, n in links)
        + f"<Relationship Id='r3' Type='{_OFFICE}/hyperlink' Target='http://a.example' TargetMode='External'/>"
        "</Relationships>",
        "word/document.xml": f"<w:document {word}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": f"<w:styles {word}>"
        + "".join(style.format(*names) for names in (("Title", "Title"), ("Heading1", "heading 1")))
        + "</w:styles>",
        "word/numbering.xml": f"<w:numbering {word}><w:abstractNum w:abstractNumId='0'>{listed}</w:abstractNum>"
        "<w:num w:numId='1'><w:abstractNumId w:val='0'/></w:num></w:numbering>",
        "word/footnotes.xml": f"<w:footnotes {word}><w:footnote w:id='1'>{paragraph('note')}"
        "</w:footnote></w:footnotes>",
    }
    return {name: part.encode() for name, part in parts.items()}


def mutations(loader: str, seed: int) -> Callable[[int], bytes]:
    """Input number n of an endless, repeatable series."""
    return lambda n: _mutated(loader, random.Random(f"{seed}/{n}"))


def _mutated(loader: str, rnd: random.Random) -> bytes:
    if loader == "docx" and rnd.random() < 0.9:
        parts = dict(word_parts())
        name = rnd.choice(["word/document.xml"] * 4 + list(parts))
        parts[name] = (_changed_tree if rnd.random() < 0.8 else changed)(parts[name], rnd)
        return docx(parts, rnd.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    data = rnd.choice(seeds(loader))
    if loader == "jsonl" and rnd.random() < 0.7:
        data = _changed_record(data, rnd)
        return data if rnd.random() < 0.7 else changed(data, rnd)
    if loader == "html" and rnd.random() < 0.5:
        return _changed_tree(data, rnd)
    if loader == "pdf" and rnd.random() < 0.5:
        return re.sub(rb"\d+", lambda m: _number(rnd) if rnd.random() < 0.02 else m.group(), data)[:LONGEST]
    return changed(data, rnd)


def changed(data: bytes, rnd: random.Random) -> bytes:
    """A few pieces put in, repeated, replaced, taken out; or one repeated to the full length."""
    out = bytearray(data)
    for _ in range(rnd.choice((1, 1, 2, 3, 6, 12))):
        at = rnd.randint(0, len(out))
        kind = rnd.random()
        if kind < 0.35:
            out[at:at] = rnd.choice(PIECES) * rnd.choice((1, 1, 1, 3, 30))
        elif kind < 0.55:
            out[at : at + rnd.randint(1, 4)] = rnd.randbytes(rnd.randint(0, 4))
        elif kind < 0.75:
            out[at:at] = out[at : at + rnd.randint(1, 80)] * rnd.choice((1, 2, 50))
        elif kind < 0.9:
            del out[at : at + rnd.randint(1, 200)]
        else:
            del out[at:]
        del out[4 * LONGEST :]
    if rnd.random() < 0.01:
        at = rnd.randint(0, len(out))
        piece = bytes(out[at : at + rnd.randint(1, 40)]) or rnd.choice(PIECES)
        out[at:at] = piece * (LONGEST // len(piece))
    return bytes(out[:LONGEST])


def _number(rnd: random.Random) -> bytes:
    return b"%d" % rnd.choice((0, 1, 2, 3, 5, -1, 255, 65535, 1 << 31, 1 << 63, rnd.randint(0, 1000)))


def _string(rnd: random.Random) -> str:
    return changed(rnd.choice(seeds("text")), rnd).decode("utf-8", rnd.choice(("replace", "surrogateescape")))


def _changed_record(data: bytes, rnd: random.Random) -> bytes:
    record = json.loads(data.splitlines()[0])
    for _ in range(rnd.choice((1, 1, 2, 4))):
        key = rnd.choice(("_id", "id", "text", "title", "url", "more"))
        record[key] = _string(rnd) if rnd.random() < 0.7 else rnd.choice(_VALUES)
        if rnd.random() < 0.1:
            record.pop(rnd.choice(list(record)))
    line = json.dumps(record, ensure_ascii=rnd.random() < 0.7).encode("utf-8", "replace")
    return b"\n".join([line] * rnd.choice((1, 1, 1, 2)))[:LONGEST]


def _changed_tree(data: bytes, rnd: random.Random) -> bytes:
    """Elements taken out, doubled, moved, nested, renamed; text and attributes exchanged. Well-formed but for cuts."""
    from lxml import etree, html

    word = b"schemas.openxmlformats.org" in data
    root = etree.fromstring(data) if word else html.document_fromstring(data)
    for _ in range(rnd.choice((1, 2, 4, 8))):
        elements = [e for e in root.iterdescendants() if isinstance(e.tag, str)]
        if not elements:
            break
        _change_element(rnd.choice(elements), rnd.choice(elements), rnd, word)
    return (etree.tostring(root) if word else html.tostring(root))[: 4 * LONGEST if word else LONGEST]


def _change_element(element: Any, other: Any, rnd: random.Random, word: bool) -> None:
    from lxml import etree

    kind, parent = rnd.randrange(7), element.getparent()
    tag = f"{{{_WORD}}}{rnd.choice(_WORD_NAMES)}" if word else rnd.choice(_TAGS)
    if kind == 0:
        parent.remove(element)
    elif kind == 1:
        parent.extend([copy.deepcopy(element) for _ in range(rnd.choice((1, 1, 3, 60)))])
    elif kind == 2 and other not in (element, *element.iterdescendants()):
        other.append(element)
    elif kind == 3:
        for _ in range(rnd.choice((1, 5, 400))):
            element = etree.SubElement(element, tag)
        element.text = "deep"
    elif kind == 4:
        element.tag = tag
    elif kind == 5:
        element.text = _said(rnd)
    else:
        for name in element.attrib:
            element.set(name, rnd.choice(("", "x", "-1", "99999999999", "1", "#", _said(rnd)[:300])))


def _said(rnd: random.Random) -> str:
    """Text that XML can hold."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", _string(rnd))
