"""Real servers for tests: started on free ports of this machine, left as they were found.

Nothing here runs unless it is asked for: ``SMARKSYNC_LIVE=1`` (``make live``). Otherwise every test of this
folder is deselected. A server that cannot be had (no network for its packages, no npm, no Python 3.12, no
MariaDB) skips its tests and says what is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE / "servers"))  # tests are no package: this is how they share modules

from peers import Peer, Unavailable  # noqa: E402  (found by the line above)
from proxy import Proxy  # noqa: E402


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the tests of this folder ``live``, and leaves them out of an ordinary run."""
    ours = [item for item in items if item.path.is_relative_to(_HERE)]
    for item in ours:
        item.add_marker(pytest.mark.live)
    if ours and os.environ.get("SMARKSYNC_LIVE") != "1":
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


def _running(name: str) -> Iterator[Peer]:
    peer = Peer(name)
    try:
        try:
            peer.start()
        except Unavailable as missing:
            pytest.skip(f"no {name} on this machine: {missing}")
        yield peer
    finally:
        peer.end()


@pytest.fixture(scope="session")
def bottlecrm() -> Iterator[Peer]:
    """A BottleCRM with one administrator: ``url``, ``token``, ``token_leads_read``, ``session``;
    ``reset()``, ``restart()``. One per session: use addresses of your own, or reset."""
    yield from _running("bottlecrm")


@pytest.fixture(scope="session")
def ghost() -> Iterator[Peer]:
    """A Ghost with one newsletter: ``url``, ``admin_key``, ``newsletter_id``; ``reset()``, ``restart()``."""
    yield from _running("ghost")


@pytest.fixture
def proxied() -> Iterator[Callable[[str], Proxy]]:
    """``proxied(url)``: a proxy before a server that counts calls, loses answers and holds requests (proxy.py)."""
    running: list[Proxy] = []

    def before(url: str) -> Proxy:
        proxy = Proxy(url).__enter__()
        running.append(proxy)
        return proxy

    yield before
    for proxy in running:
        proxy.__exit__(None, None, None)
