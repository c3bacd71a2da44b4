"""A deliberately bad connector for each clause of the contract: it breaks that promise, in a way seen in the wild, and
keeps all others. What the conformance kit does not catch here, it would not catch in anybody's plugin.

Each is the in-memory connector behind HTTP (web_memory.py) with one thing changed.
"""

from __future__ import annotations

import bad_writers
from bad import Bad, suite_of
from bad_readers import Reads

#: every bad connector that breaks a clause
BAD = [one for one in [*Bad.__subclasses__(), *Reads.__subclasses__()] if one.breaks != "no clause"]

__all__ = ["BAD", "Bad", "bad_writers", "suite_of"]
