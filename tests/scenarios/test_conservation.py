"""The figures of a run against what the simulated systems have really seen and become."""

from __future__ import annotations

from typing import Any

from smarksync.plugin import WriteResult


def test_figures_are_what_the_systems_have_seen(world: Any) -> None:
    w = world(
        where={"marketing": "lead.company != 'Test'"},
        deletes={"sales": "delete"},
        infos={"sales": {"last_name": {"required": True}}},
    )
    known = w.people(6, "marketing sales", company="Old")
    w.run()
    rows = {name: w.count(name) for name in w.names}
    w.edit(known[0], "marketing", company="New")  # updated there
    w.edit(known[1], "marketing", company="New")  # refused there
    w.edit(known[2], "marketing", company="Test")  # leaves
    w.delete(known[3], "marketing")  # deleted there
    w.edit(known[4], "marketing", phone="1")
    w.edit(known[4], "sales", phone="2")  # a conflict: read on both sides, settled, waiting
    w.person("New Person", "marketing", company="New")  # created there
    w.person("Nameless", "marketing", last_name=None, company="New")  # quarantined
    w.person("Out", "marketing", company="Test")  # filtered
    refused = w.place(known[1], "sales")[1]
    w.faults.answer(WriteResult.REJECTED, lambda write: write.id == refused)
    ran = w.run()
    figures = {k: n for k, n in ran["marketing"].items() if n}
    assert figures == {"read": 7, "filtered": 2, "settled": 3, "quarantined": 2, "conflicts": 1}
    figures = {k: n for k, n in ran["sales"].items() if n}
    assert figures == {
        "read": 1, "settled": 1, "planned": 4, "written": 3, "created": 1, "updated": 1, "deleted": 1, "rejected": 1,
        "conflicts": 1,
    }  # fmt: skip
    sent = [str(write.op) for write in ran.sent["sales"]]
    assert sorted(sent) == ["create", "delete", "update", "update"]
    assert w.count("sales") == rows["sales"] + 1 - 1
    assert w.count("marketing") == rows["marketing"] + 3 - 1


def test_one_quarantined_earlier_and_the_same_since_counts_as_unchanged(world: Any) -> None:
    w = world(marketing={"full_scan": True}, infos={"sales": {"company": {"required": True}}})
    w.person("Ada Lovelace")
    assert w.run()["marketing"]["quarantined"] == 1
    again = w.run()
    assert (again["marketing"]["read"], again["marketing"]["unchanged"]) == (1, 1)
    assert again.exit_code == 3  # a state, not news


def test_calls_are_those_that_the_system_received(world: Any) -> None:
    w = world()
    w.people(3)
    w.run()
    before = dict(w.systems["sales"].counted)
    w.people(3, start=10)
    ran = w.run()
    counted = {kind: n - before.get(kind, 0) for kind, n in w.systems["sales"].counted.items()}
    said = ran.report["calls"]["sales"]
    assert said["write"] == counted["write"] == 1
    assert said["total"] == sum(counted.values())
