"""Intervals and tests over questions; seeded, so that a figure can be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

SEED = 20261123
_BLOCK = 1 << 21  # random numbers held at once


def bootstrap_intervals(values: np.ndarray, rounds: int = 2000) -> np.ndarray:
    """(m, 2) 95 % percentile bootstrap intervals of the means of the columns of (n, m) values (Efron, 1979).

    All columns share the resamples; (nan, nan) for no rows.
    """
    count, columns = values.shape
    if not count:
        return np.full((columns, 2), np.nan)
    rng = np.random.default_rng(SEED)
    means = np.empty((rounds, columns))
    for n in range(rounds):
        picks = rng.integers(0, count, size=count)
        means[n] = np.bincount(picks, minlength=count) @ values
    bounds: np.ndarray = np.percentile(means / count, [2.5, 97.5], axis=0).T
    return bounds


def bootstrap_interval(values: Sequence[float], rounds: int = 2000) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean; (nan, nan) for no values."""
    low, high = bootstrap_intervals(np.asarray(values, dtype=np.float64)[:, None], rounds)[0]
    return float(low), float(high)


def paired_randomisations(differences: np.ndarray, rounds: int = 10000) -> np.ndarray:
    """(m,) two-sided p of the mean of each column of (n, m) paired differences under random sign flips
    (Fisher; Smucker et al., CIKM 2007). All columns share the flips.
    """
    count, columns = differences.shape
    observed = np.abs(differences.mean(axis=0)) if count else np.zeros(columns)
    rng = np.random.default_rng(SEED)
    extreme = np.zeros(columns, dtype=np.int64)
    block = max(1, _BLOCK // max(count, 1))
    for start in range(0, rounds, block):
        kept = rng.integers(0, 2, size=(min(block, rounds - start), count)).astype(np.float64)
        means = (2.0 * (kept @ differences) - differences.sum(axis=0)) / max(count, 1)
        extreme += (np.abs(means) >= observed - 1e-12).sum(axis=0)
    p: np.ndarray = np.where(observed > 0, (extreme + 1) / (rounds + 1), 1.0)
    return p


def paired_randomisation(a: Sequence[float], b: Sequence[float], rounds: int = 10000) -> float:
    """Two-sided p of the difference of two paired means under random sign flips."""
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return float(paired_randomisations(difference[:, None], rounds)[0])


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """p values corrected for their number, step down (Holm, 1979); the keys' order is kept."""
    ordered = sorted(p, key=lambda name: p[name])
    corrected: dict[str, float] = {}
    reached = 0.0
    for n, name in enumerate(ordered):
        reached = max(reached, min(1.0, p[name] * (len(p) - n)))
        corrected[name] = reached
    return {name: corrected[name] for name in p}
