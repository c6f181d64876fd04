"""Settings as frozen values, their hash, and where the index lives."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ingest.chunk import ChunkConfig

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_CORPUS = ROOT / "corpus"
DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
FORMAT_VERSION = 4
STORES = ("faiss", "milvus")
SPACE_STORAGE = Path("/data")  # where a Hugging Face Space mounts what outlives a restart
MODES = ("bm25", "dense", "hybrid", "full")


def data_dir() -> Path:
    """The one folder that is written to: `PINCITE_DATA` if set, a Space's storage where it has some, the repository
    where it can be written, else the user's cache folder.
    """
    if named := os.environ.get("PINCITE_DATA"):
        return Path(named)
    if os.environ.get("SPACE_ID") and os.access(SPACE_STORAGE, os.W_OK):
        return SPACE_STORAGE
    return ROOT if os.access(ROOT, os.W_OK) else user_cache()


def user_cache() -> Path:
    """`pincite` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pincite"


def default_index_dir() -> Path:
    """`PINCITE_INDEX` if set, else `.index/` in the data folder (in the repository, git ignores it)."""
    return Path(os.environ.get("PINCITE_INDEX") or data_dir() / ".index")


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """Everything that decides what an index holds. `max_tokens` caps a passage, in WordPiece tokens; up to
    `exact_up_to` chunks dense search scans every vector, beyond that it looks into inverted lists. Without
    `token_vectors` (41 KB a chunk) late interaction encodes its candidates at query time; in an index of more than
    `compact_above` chunks they take two bits a coordinate (10 KB a chunk).
    """

    encoder: str = DEFAULT_ENCODER
    max_tokens: int = 256
    exact_up_to: int = 20_000
    token_vectors: bool = True
    compact_above: int = 50_000
    chunking: ChunkConfig = field(default_factory=ChunkConfig)

    @property
    def hash(self) -> str:
        """12 hex digits of the SHA-256 over all settings."""
        return config_hash(self)


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Which store keeps chunks, vectors and BM25: `faiss` in the index folder, or `milvus` at `uri` (an address, or a
    file for Milvus Lite). `collection` is the alias under which the newest build can be read.
    """

    name: str = "faiss"
    uri: str = ""
    collection: str = ""

    def __post_init__(self) -> None:
        if self.name not in STORES:
            raise ValueError(f"unknown store {self.name!r}; choose one of {', '.join(STORES)}")


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """How a query is answered.

    `candidates`: how many chunks of each of dense and BM25 are re-scored by late interaction.
    `rrf_k`: the constant of reciprocal rank fusion in mode `hybrid` (Cormack et al., SIGIR 2009).
    `bm25_weight`, `dense_weight`: in mode `full`, beside late interaction (weight 1), all as z-scores over
    the candidates.
    `reranker`: name or path of a cross-encoder that orders the best `reranked` hits of mode `full` anew; none
    by default.
    `encoded`: how many candidates late interaction re-scores when the index has no token vectors, so that their
    passages must be encoded for every question.
    """

    candidates: int = 60
    rrf_k: int = 10
    bm25_weight: float = 0.2
    dense_weight: float = 0.2
    reranker: str = ""
    reranked: int = 20
    encoded: int = 16

    @property
    def hash(self) -> str:
        """12 hex digits of the SHA-256 over all settings."""
        return config_hash(self)


def config_hash(config: IndexConfig | SearchConfig) -> str:
    """12 hex digits of the SHA-256 over the settings as sorted JSON."""
    return hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode()).hexdigest()[:12]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
