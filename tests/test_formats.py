"""Real files of every format: what a reader would see in them comes out, in order, with page or anchor."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import docx
import pytest

from bot.engine import ExtractiveEngine
from bot.pipeline import Pipeline
from index.build import build_index
from index.encode import SentenceEncoder
from index.retrieve import Retriever
from index.store import open_index
from ingest.chunk import chunk_articles
from ingest.errors import CorpusError
from ingest.load import load_corpus, read_file
from ingest.values import Article
from tests.conftest import Run, one_clear_line
from tests.make_pdf import Type, make_pdf

PAGE = """<!DOCTYPE html>
<html><head><title>Kilns – The Potter's Site</title><meta charset="utf-8">
<link rel="canonical" href="https://pots.example/kilns"></head>
<body><nav><ul><li><a href="/">Home</a></li><li><a href="/shop">Buy our glazes</a></li></ul></nav>
<article><h1>Firing a kiln</h1>
<p>A kiln turns clay into stone. The ware must be bone dry before it goes in, or steam will burst it apart.</p>
<h2 id="cones">Cones<a class="headerlink" href="#cones">¶</a></h2>
<p>Cone 6 bends at 1222 degrees Celsius when the kiln climbs at 60 degrees an hour, which suits most stoneware.</p>
<ol><li>Candle the kiln overnight.</li><li>Close the lid<ul><li>and the peephole plugs.</li></ul></li></ol>
<section id="cooling"><h2>Cooling</h2>
<p>Cool slowly through 573 degrees, where quartz changes its form and cracks the ware.</p>
<table><tr><th>Ware</th><th>Hours</th></tr><tr><td>Tiles</td><td>24</td></tr><tr><td>Mugs</td><td>12</td></tr></table>
</section></article>
<footer>Copyright The Potter's Site. All rights reserved.</footer><script>var x = "tracking";</script></body></html>
"""


def read(folder: Path, name: str, content: bytes | str) -> Article:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    (article,) = read_file(folder / name, name)
    assert all(article.text[c.start : c.end] == c.text for c in chunk_articles([article]))
    return article


def blocks(article: Article, kind: str) -> list[str]:
    return [article.text[b.start : b.end] for b in article.blocks if b.kind == kind]


# --- HTML ------------------------------------------------------------------------------------------------


def test_a_web_page_gives_its_content_headings_and_anchors(tmp_path: Path) -> None:
    article = read(tmp_path, "kilns.html", PAGE)
    assert (article.title, article.url) == ("Firing a kiln", "https://pots.example/kilns")
    assert blocks(article, "heading") == ["Cones", "Cooling"]
    assert blocks(article, "cell") == ["| Ware | Hours |", "| Tiles | 24 |", "| Mugs | 12 |"]
    items = blocks(article, "item")
    assert items[0] == "1. Candle the kiln overnight." and items[1].startswith("2. Close the lid")
    assert not any(word in article.text for word in ("Buy our glazes", "tracking", "All rights"))
    chunks = {c.headings: c.where(c.start) for c in chunk_articles([article])}
    assert chunks[("Cones",)]["anchor"] == "cones"
    assert chunks[("Cooling",)]["url"] == "https://pots.example/kilns#cooling"
    assert chunks[()] == {"page": None, "anchor": "", "url": "https://pots.example/kilns"}


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="iso-8859-1">', "latin-1"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">', "cp1252"),
        ('<meta charset="koi8-r">', "koi8-r"),
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
    ],
)
def test_a_page_is_read_in_the_encoding_it_declares(tmp_path: Path, head: str, encoding: str) -> None:
    text = "Обжиг в печи длится всю ночь" if encoding == "koi8-r" else "Naïve café, crème brûlée"
    page = f"<html><head>{head}<title>T</title></head><body><p>{text}, and so on.</p></body></html>"
    assert text in read(tmp_path, "page.html", page.encode(encoding)).text


def test_a_page_saved_by_a_browser_keeps_its_address(tmp_path: Path) -> None:
    saved = (
        "<!-- saved from url=(0026)https://pots.example/wheel -->\n<html><body><p>Centre the clay.</p></body></html>"
    )
    assert read(tmp_path, "wheel.htm", saved).url == "https://pots.example/wheel"


# --- PDF -------------------------------------------------------------------------------------------------


def two_columns() -> bytes:
    words = "Warblers of the {} column sing at dawn, line {:02}, in the reeds"
    first = [Type(60, 800, "Proceedings of the Reed Society", 9), Type(60, 740, "Songs of the marsh", 20, True)]
    for x, column in ((60, "left"), (310, "right")):
        first.append(Type(x, 700, f"The {column} bank", 13, True))
        first += [Type(x, 680 - 12 * n, words.format(column, n), 8) for n in range(20)]
        first.append(Type(x, 680 - 12 * 20, "and then they are silent.", 8))
    second = [
        Type(60, 800, "Proceedings of the Reed Society", 9),
        Type(60, 700, "Migration", 13, True),
        Type(60, 680, "The reed warbler leaves for the Sahel in the last week of August.", 8),
        Type(60, 660, "• It flies by night.", 8),
        Type(60, 645, "• It rests in maize fields.", 8),
    ]
    for number, page in enumerate((first, second), 1):
        page.append(Type(290, 30, str(number), 9))
    return make_pdf([first, second], "marsh_final.doc")


def test_a_pdf_in_two_columns_is_read_column_by_column(tmp_path: Path) -> None:
    article = read(tmp_path, "marsh.pdf", two_columns())
    assert article.title == "Songs of the marsh"
    assert blocks(article, "heading") == ["The left bank", "The right bank", "Migration"]
    places = [article.text.index(f"{c} column sing at dawn, line {n:02}") for c in ("left", "right") for n in range(20)]
    assert places == sorted(places)
    assert "Proceedings" not in article.text
    assert blocks(article, "item") == ["- It flies by night.", "- It rests in maize fields."]
    pages = {c.headings[-1]: c.where(c.start)["page"] for c in chunk_articles([article])}
    assert pages == {"The left bank": 1, "The right bank": 1, "Migration": 2}


def test_a_paragraph_over_a_page_break_keeps_both_pages(tmp_path: Path) -> None:
    first = [Type(60, 740, "Otters", 16), Type(60, 700, "Otters hunt eels along the bank and"), Type(60, 688, "then")]
    article = read(tmp_path, "otters.pdf", make_pdf([first, [Type(60, 740, "they sleep in the reeds until dusk.")]]))
    (chunk,) = chunk_articles([article])
    assert [chunk.where(article.text.index(word))["page"] for word in ("hunt", "then", "sleep")] == [1, 1, 2]


def test_a_pdf_without_text_says_that_it_needs_ocr(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="OCR"):
        read(tmp_path, "scan.pdf", make_pdf([[]]))


# --- DOCX ------------------------------------------------------------------------------------------------


def a_document() -> bytes:
    document = docx.Document()
    document.add_heading("Keeping bees", 0)
    document.add_paragraph("A hive holds one queen.")
    document.add_heading("Swarming", 1)
    document.add_paragraph("A colony swarms in May.")
    document.add_paragraph("Give them room.", style="List Bullet")
    document.add_paragraph("Clip the queen.", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        (c for row in table.rows for c in row.cells), ("Month", "Work", "March", "Feed"), strict=True
    ):
        cell.text = text
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_a_word_document_keeps_headings_lists_and_tables(tmp_path: Path) -> None:
    article = read(tmp_path, "bees.docx", a_document())
    assert article.title == "Keeping bees"
    assert blocks(article, "heading") == ["Swarming"]
    assert blocks(article, "item") == ["- Give them room.", "- Clip the queen."]
    assert blocks(article, "cell") == ["| Month | Work |", "| March | Feed |"]
    assert next(c for c in chunk_articles([article]) if "May" in c.text).headings == ("Swarming",)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    bomb = io.BytesIO(a_document())
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("word/media/x.xml", "w") as part:
        for _ in range(600):
            part.write(bytes(1 << 20))
    assert len(bomb.getvalue()) < 1 << 20
    with pytest.raises(CorpusError, match="512 MiB"):
        read(tmp_path, "bomb.docx", bomb.getvalue())


# --- text ------------------------------------------------------------------------------------------------


def test_front_matter_gives_the_title_and_is_not_indexed(tmp_path: Path) -> None:
    source = "---\ntitle: Sourdough: the long way\ntags: [bread]\n---\n\nFeed the starter.\n\n## Day two\n\nFold it.\n"
    source = source.replace("Sourdough: the long way", '"Sourdough: the long way"')
    article = read(tmp_path, "bread.md", source)
    assert article.title == "Sourdough: the long way" and article.text == source
    chunks = list(chunk_articles([article]))
    assert chunks[0].text.startswith("Feed the starter.") and not any("tags" in c.text for c in chunks)
    assert chunks[0].start == source.index("Feed")


def test_a_rule_at_the_top_is_not_front_matter(tmp_path: Path) -> None:
    assert "Not a field" in blocks(read(tmp_path, "rule.md", "---\nNot a field\n---\n\nText.\n"), "paragraph")[0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_title(tmp_path: Path, encoding: str) -> None:
    article = read(tmp_path, "crème.txt", "Crème\n\nWhisk it.\n\nChill it.\n".encode(encoding))
    assert article.title == "Crème"
    decoded = (tmp_path / "crème.txt").read_bytes().decode(encoding.removesuffix("-sig"))
    assert article.text == decoded


# --- by content, and what cannot be read -----------------------------------------------------------------


def test_the_content_tells_the_format(tmp_path: Path) -> None:
    assert read(tmp_path, "paper.txt", two_columns()).title == "Songs of the marsh"
    assert read(tmp_path, "page.md", PAGE).title == "Firing a kiln"
    assert read(tmp_path, "letter.pdf", a_document()).title == "Keeping bees"
    assert read(tmp_path, "note.html", "Only words, no tag.").text == "Only words, no tag."
    assert read(tmp_path, "records.txt", '{"_id": "r1", "title": "R", "text": "One record."}\n').article_id == "r1"
    assert read(tmp_path, "about-html.md", "# Tags\n\n`<html>` opens a page.\n").title == "Tags"


def workbook() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


BROKEN = {
    "cut.pdf": (two_columns()[:300], "PDF"),
    "cut.docx": (a_document()[:2000], "zip"),
    "sheet.docx": (workbook(), "Excel"),
    "packed.txt": (gzip.compress(b"text"), "gzip"),
    "picture.md": (b"\x89PNG\r\n\x1a\n0000", "PNG"),
    "noise.txt": (b"\x00\x01\x02", "NUL"),
    "empty.html": (b"<html><body></body></html>", "no text"),
    "latin.md": ("Caf\xe9".encode("latin-1"), "UTF-8"),
}


def test_broken_files_are_listed_and_the_others_indexed(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name, (content, _words) in BROKEN.items():
        (folder / name).write_bytes(content)
    (folder / "good.html").write_text(PAGE)
    skipped = load_corpus([folder]).skipped
    assert len(skipped) == len(BROKEN)
    for name, (_content, words) in BROKEN.items():
        assert any(f"{name}:" in line and words in line for line in skipped), (name, skipped)
    for command in (["ingest", str(folder)], ["index", "build", "--corpus", str(folder)]):
        done = run("-m", *command, "--out", str(tmp_path / command[0]))
        assert done.returncode == 0, done.stderr
        assert f"skipped {len(BROKEN)} file" in done.stderr and "Traceback" not in done.stderr
        assert all(name in done.stderr for name in BROKEN)
    one_clear_line(run("-m", "ingest", str(folder / "cut.pdf"), "--out", str(tmp_path / "x")), "cut.pdf")


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "huge.txt", "wb") as file:
        file.write(b"words\n" * 1000)
        file.truncate((256 << 20) + 7)
    with pytest.raises(CorpusError, match="256 MiB"):
        read_file(tmp_path / "huge.txt", "huge.txt")
    with pytest.raises(CorpusError, match="20,000,000"):
        read(tmp_path, "long.txt", b"word " * 4_000_001)


# --- to the answer ---------------------------------------------------------------------------------------


def test_answers_cite_page_and_anchor_and_spans_hold(tmp_path: Path, encoder: SentenceEncoder) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "marsh.pdf").write_bytes(two_columns())
    (folder / "kilns.html").write_text(PAGE)
    (folder / "bees.docx").write_bytes(a_document())
    build_index([folder], tmp_path / "out", encoder=encoder)
    pipeline = Pipeline(Retriever(open_index(tmp_path / "out"), encoder))
    for question, source, page, anchor in (
        ("When does the reed warbler leave for the Sahel?", "marsh.pdf", 2, ""),
        ("Which cone suits most stoneware?", "kilns.html", None, "cones"),
        ("When does a colony swarm?", "bees.docx", None, ""),
    ):
        first = pipeline.ask(question, ExtractiveEngine()).record()["citations"][0]
        assert (first["source"], first["page"], first["anchor"]) == (source, page, anchor)
        text = pipeline.retriever.index.articles[first["article_id"]].text
        assert text[first["start"] : first["end"]] == first["quote"]
        hit = pipeline.retriever.search(question, 1).hits[0].record()
        assert (hit["source"], hit["page"], hit["anchor"]) == (source, page, anchor)


def test_a_citation_names_its_own_section_where_a_passage_holds_several(
    tmp_path: Path, encoder: SentenceEncoder
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "club.html").write_text(
        "<h1>Rowing club</h1><h2>House rules</h2><h3>Boats</h3><p>Boats are carried by four people.</p>"
        "<h3>Keys</h3><p>The key to the boathouse hangs in the porch of the Anchor inn.</p>"
        "<h3>Fees</h3><p>Members pay 90 euros a year.</p>"
    )
    build_index([folder], tmp_path / "out", encoder=encoder)
    pipeline = Pipeline(Retriever(open_index(tmp_path / "out"), encoder))
    assert len(pipeline.retriever.index.chunks) == 1
    for question, section in (
        ("Where does the key to the boathouse hang?", "House rules > Keys"),
        ("How much do members pay a year?", "House rules > Fees"),
    ):
        first = pipeline.ask(question, ExtractiveEngine()).record()["citations"][0]
        assert first["section"] == section
