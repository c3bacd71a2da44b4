"""Python's cycle collector during a run.

A run makes and drops values by the million and hardly ever a cycle; at its usual thresholds the collector walks
everything alive some thousand times, a quarter of the processor time of a large run. Reference counts free the
values all the same, so memory does not grow, as long as nothing large is part of a cycle: of the libraries that would make
one a call, kit/wire.py and kit/client.py take it apart.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: a young collection every so many more containers made than dropped; older generations every so many young ones
THRESHOLDS = (50_000, 20, 20)


@contextmanager
def rarely() -> Iterator[None]:
    """Collects seldom inside the block, and as before after it. What is alive at the start is not walked at all."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not frozen:  # else the program that runs us froze its own objects, and they stay so
            gc.unfreeze()
