"""The conformance kit: what the contract promises, as numbered clauses that any connector can be asked.

::

    from smarksync.testing import ConnectorContract
    from smarksync_acme import SPEC

    class TestAcme(ConnectorContract):
        spec = SPEC                     # its simulator is started for each clause, empty

========= =====================================================================================
suite     ``ConnectorContract``: the class to subclass, one pytest test for each clause
stage     one system opened for one clause: the hooks that suites replace, ways to ask
clause    what a clause is; ``CLAUSES``, in order
score     runs clauses, with and without pytest, and counts
tap       stands on the wire: loses answers, refuses credentials, names limits
rows      rows that a system takes, made up from the live schema
trouble   calls that only look, and whether they say so when they fail
leaving   what ``gone`` tells of rows that leave meanwhile
roundtrip values of other types than text, written and read again
consent   opt-outs as the preset writes them, and what the system then holds
========= =====================================================================================

The clauses themselves: about_spec (1–4, 32), reading (5–14), writing (15–23), finding (24–26), manners (27–31).
"""

from __future__ import annotations

from .clause import CLAUSES, Clause, Failed, NotTested
from .score import Verdict, conforms, judge_all, score
from .stage import Stage
from .suite import ConnectorContract
from .tap import Answer

__all__ = [
    "CLAUSES",
    "Answer",
    "Clause",
    "ConnectorContract",
    "Failed",
    "NotTested",
    "Stage",
    "Verdict",
    "conforms",
    "judge_all",
    "score",
]
