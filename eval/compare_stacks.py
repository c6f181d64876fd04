"""Other stacks' default retrieval pipelines over one corpus: a JSON job in, a JSON run out.

`eval.compare` starts it inside a throw-away environment that holds those stacks; it knows nothing of this
project's packages. Job: `{"encoder": model folder, "depth": k, "sources": {name: text}, "queries": {id: text}}`.
Result: `{"versions": {stack: str}, "chunks": {stack: n}, "runs": {stack: {id: [{"source", "start", "end"}]}}}`,
hits best first. Every chunk is checked to be its span of the source text.

    python eval/compare_stacks.py JOB.json RUNS.json
"""

# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

Chunk = tuple[str, int, int]  # source, start, end
Runs = dict[str, list[Chunk]]  # query id -> chunks, best first


def langchain_chunks(sources: Mapping[str, str]) -> list[Chunk]:
    """1,000 characters with an overlap of 200, on the separators the splitter has by default."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
    chunks = []
    for name, text in sources.items():
        found = [(d.metadata["start_index"], d.page_content) for d in splitter.create_documents([text])]
        chunks += checked(name, text, found)
    return chunks


def langchain(job: Mapping[str, Any]) -> tuple[int, Runs]:
    """Recursive splitter, Hugging Face embeddings, the in-memory vector store (cosine)."""
    from langchain_core.documents import Document
    from langchain_core.vectorstores import InMemoryVectorStore
    from langchain_huggingface import HuggingFaceEmbeddings

    chunks = langchain_chunks(job["sources"])
    store = InMemoryVectorStore(HuggingFaceEmbeddings(model_name=job["encoder"]))
    store.add_documents([Document(job["sources"][s][a:b], metadata={"n": n}) for n, (s, a, b) in enumerate(chunks)])
    return len(chunks), {
        i: [chunks[d.metadata["n"]] for d in store.similarity_search(query, k=job["depth"])]
        for i, query in job["queries"].items()
    }


def llamaindex(job: Mapping[str, Any]) -> tuple[int, Runs]:
    """`VectorStoreIndex.from_documents`, one document a source: the default sentence splitter (1,024 tokens of
    cl100k, overlap 200, whose vocabulary comes inside the package) and the default in-memory store (cosine). Of
    such a chunk the encoder reads the first 256 of its own tokens, as it would for anyone with these defaults.
    """
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    documents = [Document(text=text, id_=name) for name, text in job["sources"].items()]
    index = VectorStoreIndex.from_documents(documents, embed_model=HuggingFaceEmbedding(model_name=job["encoder"]))
    nodes = list(index.docstore.docs.values())
    count = 0
    for name, text in job["sources"].items():
        own = [n for n in nodes if n.ref_doc_id == name]
        count += len(checked(name, text, [(n.start_char_idx, n.get_content()) for n in own]))
    retriever = index.as_retriever(similarity_top_k=job["depth"])
    return count, {
        i: [(h.node.ref_doc_id, h.node.start_char_idx, h.node.end_char_idx) for h in retriever.retrieve(query)]
        for i, query in job["queries"].items()
    }


def txtai_hybrid(job: Mapping[str, Any]) -> tuple[int, Runs]:
    """txtai's hybrid search (its BM25 and dense vectors, equal weights) over the LangChain chunks."""
    from txtai import Embeddings

    chunks = langchain_chunks(job["sources"])
    embeddings = Embeddings(hybrid=True, path=job["encoder"], content=True)
    embeddings.index([(n, job["sources"][s][a:b], None) for n, (s, a, b) in enumerate(chunks)])
    return len(chunks), {
        i: [chunks[int(row["id"])] for row in embeddings.search(query, job["depth"])]
        for i, query in job["queries"].items()
    }


# stack -> (the package whose version names it, its pipeline)
STACKS = {
    "LangChain": ("langchain-core", langchain),
    "LlamaIndex": ("llama-index-core", llamaindex),
    "txtai hybrid": ("txtai", txtai_hybrid),
}


def checked(source: str, text: str, found: Iterable[tuple[int | None, str]]) -> list[Chunk]:
    """Chunks as spans, in order; stops unless each is exactly its span and only whitespace lies between them.

    The second check shows that a repeated text was not located at the wrong one of its places.
    """
    chunks: list[Chunk] = []
    reach = 0
    for start, piece in found:
        if start is None or start < 0 or text[start : start + len(piece)] != piece:
            sys.exit(f"{source}: chunk {len(chunks)} is not the text at its offset {start}")
        if text[reach:start].strip() or (chunks and start <= chunks[-1][1]):
            sys.exit(f"{source}: chunk {len(chunks)} at {start} does not follow the one before it")
        chunks.append((source, start, start + len(piece)))
        reach = start + len(piece)
    if text[reach:].strip():
        sys.exit(f"{source}: the text after {reach} is in no chunk")
    return chunks


def main(job_path: str, out_path: str) -> None:
    """Run every stack on the job."""
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    result: dict[str, dict[str, Any]] = {"versions": {}, "chunks": {}, "runs": {}}
    for name, (package, pipeline) in STACKS.items():
        count, runs = pipeline(job)
        result["versions"][name] = f"{package} {version(package)}"
        result["chunks"][name] = count
        result["runs"][name] = {
            i: [{"source": s, "start": a, "end": b} for s, a, b in chunks] for i, chunks in runs.items()
        }
    Path(out_path).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
