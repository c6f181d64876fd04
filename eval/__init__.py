"""Measuring retrieval and answers, on judged questions, with intervals.

`data` reads questions, `metrics` scores hits against evidence, `stats` gives intervals and tests, `run` does
the work, `report` writes it down. Nothing imports this package. Command: `python -m eval retrieve|run|beir`.
"""
