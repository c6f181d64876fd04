"""LangChain's own interfaces over ours: a `BaseRetriever` and a `Runnable`, to drop into existing chains.

retriever = PinciteRetriever(source=Retriever.open(default_index_dir()), k=4)
retriever.invoke("What is dropout?")[0].metadata["start"]
"""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda

from bot.engine import Engine
from bot.pipeline import Pipeline


class PinciteRetriever(BaseRetriever):
    """Documents with `page_content` = the passage and `metadata` = rank, score and its exact span."""

    source: Any  # an index.retrieve.Retriever
    k: int = 5
    mode: str = "full"

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun | None = None
    ) -> list[Document]:
        records = [hit.record() for hit in self.source.search(query, self.k, self.mode).hits]
        return [Document(page_content=str(r.pop("text")), metadata=r) for r in records]


def as_runnable(pipeline: Pipeline, engine: Engine) -> Runnable[str, dict[str, Any]]:
    """The pipeline as a Runnable: a question in, the answer's record (see `bot batch`) out."""
    return RunnableLambda(lambda question: pipeline.ask(question, engine).record())
