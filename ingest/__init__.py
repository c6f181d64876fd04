"""Files in, articles and chunks out; every chunk is an exact span of its source text.

The package knows nothing of encoders, indexes or questions. Read it in this order: `values` (what is
passed around), `load` (file -> articles, by the reader of its format), `outline` (text -> blocks with
headings), `chunk` (article -> chunks). Command: `python -m ingest [PATH ...] --out DIR`.
"""
