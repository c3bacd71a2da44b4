"""A connector that stumbles over an answer which it did not expect: its call fails, said as such, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from smarksync.kit.session import OpenSession
from smarksync.simulator import Answer, Request, Simulator, route
from smarksync.testing.memory_connector import MemoryConnector

SECRET = "ada.lovelace@example.com"


class VendorsOwn(Exception):
    """What a vendor's library raises."""


def stumble(
    monkeypatch: pytest.MonkeyPatch, method: str, system: str, spoil: Callable[[Iterator[Any]], Iterator[Any]]
) -> None:
    """The named method of one system's connector, spoilt."""
    honest = getattr(MemoryConnector, method)

    def stumbling(self: MemoryConnector, *args: Any, **more: Any) -> Iterator[Any]:
        found = honest(self, *args, **more)
        return spoil(found) if self.system.name == system else found

    monkeypatch.setattr(MemoryConnector, method, stumbling)


def numbers(found: Iterator[Any]) -> Iterator[Any]:
    """As int() stumbles over an id that is no number; its words repeat the value."""
    for _ in found:
        yield int(SECRET)


def missing(found: Iterator[Any]) -> Iterator[Any]:
    """As a key that is not there, before anything is given."""
    raise KeyError(SECRET)


def giving_up(found: Iterator[Any]) -> Iterator[Any]:
    """As the library of a vendor gives up, in words of its own."""
    yield from found
    raise VendorsOwn(SECRET)


def unplugged(found: Iterator[Any]) -> Iterator[Any]:
    """As a library that is not ours says that nobody is there."""
    raise ConnectionResetError(104, SECRET)


SAID = {
    numbers: "did not expect what was answered",
    missing: "did not expect what was answered",
    giving_up: "failed, and does not say why",
    unplugged: "failed, and does not say why",
}


@pytest.mark.parametrize("spoil", list(SAID), ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("method", ["read", "gone"])
def test_its_job_stops_and_the_others_go_on(
    world: Any, monkeypatch: pytest.MonkeyPatch, spoil: Any, method: str
) -> None:
    tickets = {"between": ["marketing", "desk"], "fields": {"*": None, "description": {}}}
    jobs = {"people": {"between": ["marketing", "sales"]}, "tickets": tickets}
    w = world("marketing", "sales", "desk", jobs=jobs, also=["description"], maps={"sales": {"description": None}})
    ada = w.person("Ada Lovelace", "marketing desk")
    stumble(monkeypatch, method, "desk", spoil)
    ran = w.run()
    assert ran.exit_code == 5
    assert w.shows(ada, "sales", email=SECRET)
    assert f"desk:people: The connector memory {SAID[spoil]} ({method}: " in ran.text
    assert SECRET not in ran.text and "test_stumbling_connectors.py:" in ran.text
    monkeypatch.undo()
    assert w.run().exit_code == 0
    w.quiet()


@pytest.mark.parametrize("error", [ValueError, VendorsOwn])
def test_writes_whose_receipts_were_lost_that_way_are_looked_up_before_they_are_sent_again(
    world: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing")

    def lost(found: Iterator[Any]) -> Iterator[Any]:
        yield from list(found)[:0]
        raise error(SECRET)

    stumble(monkeypatch, "write", "sales", lost)
    ran = w.run(check=False)
    assert ran.exit_code == 5 and w.count("sales") == 1
    monkeypatch.undo()
    w.run()
    assert w.count("sales") == 1 and w.shows(ada, "sales", first_name="Ada")
    w.quiet()


class Elsewhere(Simulator):
    """Something that is not the vendor, and answers all the same."""

    @route("GET", "/people", query=("email",))
    def people(self, request: Request) -> Answer:
        """Nothing of what was asked for."""
        return Answer(200, {})


def test_the_call_is_named_whose_answer_it_was(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads it must know which address was asked, and that it may be the wrong one."""
    w = world()
    w.person("Ada Lovelace", "marketing")
    with closing(OpenSession("sales")) as session, Elsewhere() as server:
        client = session.client(server.url)

        def stumbling(found: Iterator[Any]) -> Iterator[Any]:
            yield client.get("/people", params={"email": SECRET}).json["people"]

        stumble(monkeypatch, "read", "sales", stumbling)
        ran = w.run()
    assert ran.exit_code == 5 and SECRET not in ran.text
    assert "The connector memory did not expect what GET /people answered (read: KeyError at " in ran.text
    assert "Check that base_url is the vendor's address" in ran.text
