"""Chunks in, a searchable index out, and the search itself.

Read it in this order: `config` (settings and paths), `encode` (text -> sentence and token vectors),
`lexical` (BM25), `late` (late interaction over token vectors), `store` (the folder on disk), `build`
(corpus -> folder), `query` (question + history -> query), `retrieve` (query -> ranked hits).
Imports `ingest` only. Command: `python -m index build|info|search`.
"""
