"""A question and its history in, a checked and cited answer out.

Read it in this order: `values` (answers, citations), `evidence` (hits -> sentences with spans), `engine`
(the protocol; `extractive`, `local`), `verify` (does the evidence say so?), `pipeline` (all of it, in the
order in which it happens), `prompts` (every word that is not the corpus's), `render` (answers as text).
Imports `ingest` and `index`. Command: `python -m bot ask|batch|verify`.
"""
