"""Web pages and saved sites: the main content with its headings, lists and tables (`trafilatura`), and its anchors.

A page in which no main content is recognised is read whole, without navigation and scripts. Word documents come
here as well, converted to HTML (`ingest.word`).
"""

from __future__ import annotations

import codecs
import logging
import re
from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import Any

from ingest.errors import CorpusError
from ingest.extract import Extracted, TextBuilder
from ingest.text import squeeze

_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_LISTS = {"ul", "ol", "list"}
_ITEMS = {"li", "item"}
_ROWS = {"tr", "row"}
_CELLS = {"td", "th", "cell"}
_LINE_BREAKS = {"br", "lb"}
_BLOCKS = set(
    """
    address article blockquote body caption center dd details div dl dt fieldset figcaption figure header hgroup main
    p quote section summary
    """.split()  # noqa: SIM905
)
_LEFT_OUT = set(
    """
    script style noscript template nav aside footer form button select svg math iframe object title meta link
    """.split()  # noqa: SIM905
)
_META_CHARSET = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w:.-]{2,40})", re.IGNORECASE)
_SAVED_FROM = re.compile(r"<!--\s*saved from url=\(\d+\)(https?://[^\s>]{1,2000})\s*-->", re.IGNORECASE)
_PERMALINK = re.compile(r"\s*[¶§#🔗]\s*$")
_LEAST_WORDS = 5  # of main content; a page with less is read whole
MAX_NESTING = 400  # of elements; text that stands deeper than a parser goes would be lost without a word
_MOST_ELEMENTS = 5000  # of a page for whose main content trafilatura asks jusText, which takes the square of them


def decode_html(data: bytes) -> str:
    """Bytes to text as a browser does it: byte order mark, declared charset, UTF-8, else Windows-1252."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(name, "replace").removeprefix("\ufeff")
    declared = _META_CHARSET.search(data[:2048])
    names = [declared.group(1).decode("ascii")] if declared else []
    for name in [*names, "utf-8"]:
        try:
            known = codecs.lookup(name).name
            return data.decode("cp1252" if known in ("iso8859-1", "ascii") else known)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("cp1252", "replace")


def read_html(data: bytes) -> Extracted:
    """The main content of a page, its title, and its address where the page names one.

    Raises:
        CorpusError: there is no text in it.
    """
    text = decode_html(data)
    tree = parse_html(text)
    title, url, anchors = _title(tree), _address(tree, text), _anchors(tree)
    main = _main_content(parse_html(text))
    if main is None or len(" ".join(main.itertext()).split()) < _LEAST_WORDS:
        main = tree.find("body") if tree.find("body") is not None else tree
    page = read_tree(main, title, url, anchors)
    tops = [block for block in page.blocks if block.kind == "heading" and block.level == 1]
    return replace(page, title=tops[0].label) if len(tops) == 1 else page


def parse_html(text: str) -> Any:
    """The root element of a page.

    Raises:
        CorpusError: its elements are nested more than `MAX_NESTING` deep.
    """
    from lxml import etree, html

    # without `huge_tree` the parser drops all that follows 256 levels or ten million characters
    root = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8", huge_tree=True))
    depth = 0
    for event, _element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_NESTING:
            raise CorpusError(f"its elements are nested more than {MAX_NESTING} deep; close those left open")
    return root


def _main_content(tree: Any) -> Any:
    """The main content in trafilatura's own tags, or None; `tree` is taken apart."""
    import trafilatura

    log = logging.getLogger("trafilatura")
    if not log.handlers:  # what it cannot make use of is reported by us
        log.addHandler(logging.NullHandler())
    options = {"favor_recall": True, "include_comments": False, "include_formatting": False}
    found = trafilatura.bare_extraction(tree, fast=sum(1 for _ in tree.iter()) > _MOST_ELEMENTS, **options)
    return found.body if found is not None else None


def read_tree(root: Any, title: str = "", url: str = "", anchors: dict[str, list[str]] | None = None) -> Extracted:
    """The text under an element of HTML, or of the main content that trafilatura returns.

    Raises:
        CorpusError: there is no text in it.
    """
    walk = _Walk(anchors or {})
    walk.inside(root)
    walk.flush()
    extracted = walk.out.finish(title, url)
    if not extracted.blocks:
        raise CorpusError("there is no text in it")
    return extracted


class _Walk:
    """One pass over a tree; inline text gathers in a buffer that the next block flushes."""

    def __init__(self, anchors: dict[str, list[str]]) -> None:
        self.out = TextBuilder()
        self._anchors = anchors
        self._buffer: list[str] = []
        self._marker = ""  # of a list item whose text has not come yet
        self._depth = -1

    def inside(self, element: Any) -> None:
        """The element's text and children, in order."""
        self._take(element.text)
        for child in element:
            if isinstance(child.tag, str) and child.tag not in _LEFT_OUT:
                self._child(child, child.tag)
            self._take(child.tail)

    def flush(self) -> None:
        """Close the block that gathers."""
        text = "".join(self._buffer)
        self._buffer.clear()
        if not text.strip():
            return
        if self._marker:
            self.out.item(text, self._marker, self._depth)
            self._marker = ""
        else:
            self.out.paragraph("\n".join(squeeze(line) for line in text.split("\n")))

    def _take(self, text: str | None) -> None:
        if text:
            self._buffer.append(re.sub(r"\s+", " ", text))

    def _child(self, child: Any, tag: str) -> None:
        level = _HEADINGS.get(tag) or (tag == "head" and _HEADINGS.get(child.get("rend", ""), 2))
        if level:
            self.flush()
            self._heading("".join(child.itertext()), level)
        elif tag in _LINE_BREAKS:
            self._buffer.append("\n")
        elif tag in _LISTS:
            self.flush()
            self._items(child, tag == "ol" or child.get("rend") == "ol")
        elif tag == "table":
            self.flush()
            self._table(child)
        elif tag == "pre" or (tag == "code" and "\n" in "".join(child.itertext())):
            self.flush()
            self.out.paragraph("".join(child.itertext()).strip("\n"))
        elif tag in _BLOCKS:
            self.flush()
            self.inside(child)
            self.flush()
        else:
            self.inside(child)

    def _heading(self, text: str, level: int) -> None:
        label = _heading_text(text)
        if known := self._anchors.get(label):
            self.out.place(anchor=known.pop(0))
        self.out.heading(label, level)

    def _items(self, element: Any, ordered: bool) -> None:
        self._depth += 1
        numbers = count(1)
        for child in element:
            if child.tag in _ITEMS:
                self._marker = f"{next(numbers)}." if ordered else "-"
                self.inside(child)
                self.flush()
                self._marker = ""
            elif isinstance(child.tag, str) and child.tag not in _LEFT_OUT:
                self._child(child, child.tag)
        self._depth -= 1

    def _table(self, element: Any) -> None:
        rows = [r for r in element.iter(*_ROWS) if next(r.iterancestors("table"), None) is element]
        widths = [sum(cell.tag in _CELLS for cell in row) for row in rows]
        if max(widths, default=0) < 2:  # a table for the layout only
            for row in rows:
                for cell in row:
                    self.inside(cell)
                    self.flush()
            return
        for row in rows:
            self.out.row(["".join(c.itertext()) for c in row if c.tag in _CELLS])


def _heading_text(text: str) -> str:
    return _PERMALINK.sub("", squeeze(text))


def _title(tree: Any) -> str:
    tops = [_heading_text("".join(h.itertext())) for h in tree.iter("h1")]
    if len(tops) == 1 and tops[0]:
        return tops[0]
    named = [m.get("content", "") for m in tree.iter("meta") if m.get("property") == "og:title"]
    named += ["".join(t.itertext()) for t in tree.iter("title")]
    return next((squeeze(name) for name in named if name.strip()), "")


def _address(tree: Any, text: str) -> str:
    """The page's own address, http or https: canonical link, og:url, or what a browser noted on saving."""
    named = [link.get("href", "") for link in tree.iter("link") if link.get("rel") == "canonical"]
    named += [m.get("content", "") for m in tree.iter("meta") if m.get("property") == "og:url"]
    named += _SAVED_FROM.findall(text[:4096])
    return next((url.strip() for url in named if url.strip().startswith(("http://", "https://"))), "")


def _anchors(tree: Any) -> dict[str, list[str]]:
    """The anchors of the headings, by their text, in order; a heading has its own or its section's."""
    found: dict[str, list[str]] = defaultdict(list)
    for heading in tree.iter(*_HEADINGS):
        inner = (a.get("id") or a.get("name") for a in heading.iter("a"))
        parent = heading.getparent()
        outer = parent.get("id") if parent is not None and len(parent) and parent[0] is heading else None
        anchor = heading.get("id") or next(filter(None, inner), None) or outer
        found[_heading_text("".join(heading.itertext()))].append(anchor or "")
    return found
