"""LangChain's default pipeline: `python -m eval.build_langchain CORPUS OUT MODEL` (see `build_bench`)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import faiss
from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter
from sentence_transformers import SentenceTransformer


def main(corpus: str, out: str, model: str) -> None:
    """Load, split, embed, index, write."""
    documents = [
        Document(path.read_text(encoding="utf-8"), metadata={"source": path.name})
        for path in sorted(Path(corpus).iterdir())
    ]
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    pieces = splitter.split_documents(documents)
    vectors = SentenceTransformer(model).encode([piece.page_content for piece in pieces])
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    folder = Path(out)
    folder.mkdir(parents=True)
    faiss.write_index(index, str(folder / "index.faiss"))
    store = [{"text": piece.page_content, **piece.metadata} for piece in pieces]
    (folder / "documents.json").write_text(json.dumps(store), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
