"""Read bit by bit, a simulated system is seen whole: otherwise engine tests would blame the engine."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from smarksync.testing import MemoryStream, MemorySystem, text_fields


@settings(max_examples=60)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("insert"), st.integers(0, 9)),
            st.tuples(st.just("edit"), st.integers(0, 9)),
            st.tuples(st.just("delete"), st.integers(0, 9)),
            st.tuples(st.just("pull"), st.just(0)),
        ),
        max_size=60,
    ),
    seconds=st.sampled_from([0, 1, 60]),
    late=st.sampled_from([0, 2]),
)
def test_incremental_pulls_see_what_the_system_holds(steps, seconds, late):
    """Whatever happens between pulls, stamps of any grain and late indexing included, no last value is missed."""
    leads = MemoryStream(
        "leads",
        fields=text_fields("name"),
        page_size=3,
        resolution=timedelta(seconds=seconds) or timedelta(microseconds=1),
        late=timedelta(milliseconds=late),
    )
    crm = MemorySystem("crm", [leads])
    connector, mirror, cursor, feed = crm.connect(), {}, None, None

    def pull():
        nonlocal cursor, feed
        for page in connector.read("leads", cursor=cursor, until=crm.server_time(), fields=("name",)):
            mirror.update({r.id: r.fields["name"] for r in page.records})
            cursor = page.cursor
        for gone, at in connector.gone("leads", cursor=feed, until=None):
            for one in gone:
                mirror.pop(one.id, None)
            feed = at

    for number, (what, which) in enumerate(steps):
        ids = list(crm.rows("leads"))
        if what == "insert":
            crm.insert("leads", name=f"n{number}")
        elif what == "pull":
            pull()
        elif ids:
            id = ids[which % len(ids)]
            crm.edit("leads", id, name=f"n{number}") if what == "edit" else crm.delete("leads", id)
    crm.clock.advance(1)
    pull()
    assert mirror == {id: row["name"] for id, row in crm.rows("leads").items()}
