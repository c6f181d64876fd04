"""Intervals and tests over questions; seeded, so that a figure can be repeated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SEED = 20261123


def bootstrap_interval(values: Sequence[float], rounds: int = 2000) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean (Efron, 1979); (nan, nan) for no values."""
    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        return float("nan"), float("nan")
    picks = np.random.default_rng(SEED).integers(0, len(data), size=(rounds, len(data)))
    low, high = np.percentile(data[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def paired_randomisation(a: Sequence[float], b: Sequence[float], rounds: int = 10000) -> float:
    """Two-sided p of the difference of paired means under random sign flips (Fisher; Smucker et al., 2007)."""
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    observed = abs(difference.mean())
    if not observed:
        return 1.0
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], size=(rounds, len(difference)))
    extreme = np.abs((signs * difference).mean(axis=1)) >= observed - 1e-12
    return float((extreme.sum() + 1) / (rounds + 1))
