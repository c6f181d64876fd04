"""ZeroGPU Spaces lend a GPU to one function for seconds: `lent` marks that function, and does nothing elsewhere.

The function runs in a process forked for the purpose, so its arguments and results are pickled and the lender's
own errors (no GPU free, quota used up) are told as a failed back end. It must be marked before the page is
launched. The package `spaces` is part of a Space's image; nothing else needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from index.encode import on_zerogpu
from ingest.errors import BackendError, PinciteError

T = TypeVar("T")
_SECONDS = 60  # asked for at most; what is not used is not charged


def lent(generate: Callable[..., Iterator[T]]) -> Callable[..., Iterator[T]]:
    """The generator function, run on a lent GPU on a ZeroGPU Space and as it is elsewhere."""
    if not on_zerogpu():
        return generate
    import spaces

    on_gpu = spaces.GPU(duration=_SECONDS)(generate)

    def call(*args: Any) -> Iterator[T]:
        try:
            yield from on_gpu(*args)
        except PinciteError:
            raise
        except Exception as error:  # of many kinds; every one means that there is no answer
            raise BackendError(f"the Space's GPU could not be used: {error}; ask again or choose quotes") from None

    return call
