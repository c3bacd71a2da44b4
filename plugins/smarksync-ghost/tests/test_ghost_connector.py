"""What a server rarely shows on tape: broken answers, expiry in mid-run, long logs, resuming, settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points

import httpx
import jwt
import pytest
from smarksync_ghost import SPEC, smarksync_connectors
from smarksync_ghost.members import GhostConnector

from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.plugin import (
    Can,
    Connector,
    Fetches,
    Finds,
    Invalid,
    Malformed,
    Op,
    PermissionDenied,
    Sweeps,
    TellsTime,
    Transient,
    Write,
    WriteResult,
    Writes,
)

SECRET = "ab" * 32
SETTINGS = {"base_url": "https://news.example.com", "admin_key": f"6b02388c56215a431c9fb1ea:{SECRET}"}
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
EXPIRED = {"errors": [{"message": "Invalid token: jwt expired", "type": "UnauthorizedError", "code": "INVALID_JWT"}]}

Handler = Callable[[httpx.Request], httpx.Response]


def opened(handler: Handler, clock: ManualClock | None = None, **how):
    clock = clock or ManualClock(START)
    session = OpenSession("audience", clock=clock, transport=httpx.MockTransport(handler))
    return GhostConnector(SPEC.settings.model_validate(SETTINGS), session, **how)


def member(number, at="2026-11-22T08:00:00.000Z", **more):
    row = {
        "id": f"{number:024x}",
        "email": f"m{number}@example.com",
        "subscribed": False,
        "labels": [],
        "newsletters": [],
    }
    return {**row, "created_at": at, "updated_at": at, **more}


def page(name, rows, total=None):
    return httpx.Response(
        200, json={name: rows, "meta": {"pagination": {"total": len(rows) if total is None else total}}}
    )


def write(connector, op=Op.CREATE, id=None, **fields):
    (receipt,) = connector.write("members", [Write("ref", op, fields, id)])
    return receipt


def test_the_plugin_is_found_and_says_what_it_can():
    (found,) = [point for point in entry_points(group="smarksync") if point.name == "ghost"]
    assert found.load().smarksync_connectors is smarksync_connectors
    members = SPEC.stream("members")
    connector = opened(lambda request: pytest.fail("building asked the server"))
    for ability, protocol in ((Can.CREATE, Writes), (Can.FIND, Finds), (Can.FETCH, Fetches), (Can.SWEEP, Sweeps)):
        assert ability in members.can
        assert isinstance(connector, protocol)
    assert isinstance(connector, Connector)
    assert isinstance(connector, TellsTime)
    assert members.subscribes_on_create
    connector.close()
    connector.close()


def test_the_preset_names_fields_that_exist():
    from ruamel.yaml import YAML

    preset = YAML(typ="safe").load(SPEC.preset)
    described = {info.name: info for info in opened(lambda r: httpx.Response(500)).describe("members")}
    for name, field in preset["streams"]["members"]["fields"].items():
        vendor, direction = (field, "both") if isinstance(field, str) else (field["field"], field["direction"])
        assert described[vendor].writable == (direction == "both"), name


@pytest.mark.parametrize(
    "wrong",
    [
        {"admin_key": "22444f78447824223cefc48062"},  # a Content API key
        {"admin_key": "6b02388c56215a431c9fb1ea:not hex"},
        {"token": "x"},
        {"base_url": "http://news.example.com"},
        {"base_url": "news.example.com"},
    ],
)
def test_settings_that_are_wrong(wrong):
    with pytest.raises(ValueError) as caught:
        SPEC.settings.model_validate({**SETTINGS, **wrong})
    assert SECRET not in str(caught.value)
    assert "22444f78" not in str(caught.value)


@pytest.mark.parametrize(
    "base", ["https://x.example/blog", "https://x.example/blog/ghost/", "https://x.example/blog/ghost/api/admin"]
)
def test_the_address_may_be_given_in_any_of_its_forms(base):
    settings = SPEC.settings.model_validate({**SETTINGS, "base_url": base})
    assert settings.api_url == "https://x.example/blog/ghost/api/admin"
    assert SECRET not in repr(settings)


def test_requests_are_signed_as_ghost_wants():
    seen = []
    connector = opened(lambda request: seen.append(request) or page("members", []))
    connector.count("members")
    kind, token = seen[0].headers["authorization"].split()
    assert kind == "Ghost"
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "6b02388c56215a431c9fb1ea", "typ": "JWT"}
    claims = jwt.decode(
        token, bytes.fromhex(SECRET), ["HS256"], audience="/admin/", options={"verify_exp": False, "verify_iat": False}
    )
    assert claims["exp"] - claims["iat"] == 300
    assert seen[0].headers["accept-version"] == "v6.0"


def test_the_token_is_renewed_before_five_minutes_and_once_after_a_401():
    clock = ManualClock(START)
    tokens = []

    def server(request):
        tokens.append(request.headers["authorization"])
        late = len(tokens) == 3
        return httpx.Response(401, json=EXPIRED) if late else page("members", [])

    connector = opened(server, clock)
    connector.server_time()
    clock.move(275)
    connector.server_time()
    assert tokens[0] != tokens[1], "renewed in time"
    clock.move(1)
    connector.server_time()
    assert len(tokens) == 4
    assert tokens[2] != tokens[3], "a 401 brings a new token"


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (httpx.ReadTimeout("slow"), WriteResult.UNKNOWN),
        (httpx.Response(500, json={"errors": [{"message": "x"}]}), WriteResult.UNKNOWN),
        (httpx.Response(502, html="<html>"), WriteResult.UNKNOWN),
        (httpx.Response(201, text='{"members": [{"id"'), WriteResult.UNKNOWN),
        (httpx.Response(201, html="<html>"), WriteResult.UNKNOWN),
        (httpx.Response(422, html="<html>"), WriteResult.UNKNOWN),
        (httpx.Response(422, json={"detail": "another program"}), WriteResult.UNKNOWN),
        (httpx.Response(429, headers={"Retry-After": "900"}), WriteResult.RETRY),
        (httpx.Response(400, json={"errors": [{"message": "Mara is odd"}]}), WriteResult.REJECTED),
    ],
    ids=str,
)
def test_a_create_that_goes_wrong(fault, result):
    calls = []

    def server(request):
        calls.append(request)
        if isinstance(fault, Exception):
            raise fault
        return fault

    receipt = write(opened(server), email="mara@example.com", name="Mara")
    assert receipt.result is result
    assert len(calls) == 1, "a create is never sent twice on its own"
    assert "mara" not in (receipt.message or "").lower()


def test_a_change_is_sent_again_since_it_means_the_same_twice():
    answers = iter([httpx.Response(502), page("members", [member(1, name="x")])])
    receipt = write(opened(lambda request: next(answers)), Op.UPDATE, f"{1:024x}", name="x")
    assert receipt.result is WriteResult.UPDATED


def test_when_ghost_is_out_of_reach_the_rows_are_known_not_written():
    def server(request):
        raise httpx.ConnectError("refused")

    batch = [Write(ref, Op.CREATE, {"email": f"{ref}@example.com"}) for ref in "ab"]
    receipts = opened(server).write("members", batch)
    assert [next(receipts).result for _ in batch] == [WriteResult.RETRY] * 2
    with pytest.raises(Transient, match="audience"):
        next(receipts)


def test_rights_are_told_apart_from_keys():
    no = {"errors": [{"message": "You do not have permission to browse members", "type": "NoPermissionError"}]}
    connector = opened(lambda request: httpx.Response(403, json=no))
    assert not connector.check().ok
    with pytest.raises(PermissionDenied):
        connector.count("members")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>the site itself</html>"),
        httpx.Response(200, json={"ok": True}),
        httpx.Response(200, json={"members": {}, "meta": {"pagination": {"total": 1}}}),
        httpx.Response(200, json={"members": []}),
    ],
    ids=["html", "other", "object", "no total"],
)
def test_an_answer_that_is_not_ghosts_is_no_empty_list(answer):
    with pytest.raises(Malformed):
        list(opened(lambda request: answer).ids("members"))


def test_lists_and_fields_that_cannot_be_written():
    connector = opened(lambda request: pytest.fail("nothing is sent"))
    with pytest.raises(Invalid):
        list(connector.write("labels", [Write("r", Op.CREATE, {"name": "x"})]))
    assert write(connector, Op.ARCHIVE, "x").result is WriteResult.REJECTED


class Site:
    """A list of members and two logs, for reads that need many."""

    def __init__(self, members, events=(), event_total=None, edits=(), log_status=200):
        self.members = members
        self.events = list(events)
        self.event_total = event_total
        self.edits = list(edits)
        self.log_status = log_status
        self.asked = []

    def __call__(self, request):
        path, query = request.url.path.removeprefix("/ghost/api/admin"), dict(request.url.params)
        self.asked.append((path, query.get("filter", "")))
        if path == "/members/events/":
            return page("events", [{"type": "newsletter_event", "data": e} for e in self.events], self.event_total)
        if path == "/actions/":
            if self.log_status != 200:
                return httpx.Response(self.log_status, json={"errors": [{"message": "no"}]})
            return page("actions", self.edits)
        where = query.get("filter", "")
        if "updated_at" in where:
            rows = []
        elif "id:[" in where:
            rows = [row for row in self.members if row["id"] in where]
        else:
            after = where.removeprefix("id:>'").rstrip("'")
            rows = [row for row in self.members if row["id"] > after] if after else self.members
        limit = min(int(query.get("limit", 15)), 100)
        return page("members", rows[:limit], len(rows))

    def paths(self):
        return [path for path, _ in self.asked]


def recent(**more):
    at = (START - timedelta(minutes=10)).isoformat()
    return {"v": 1, "since": at, "full": at, **more}


def read(connector, cursor, fields=("email",)):
    return list(connector.read("members", cursor=cursor, until=START, fields=fields))


def test_a_long_list_is_asked_for_changes_in_three_calls():
    site = Site(
        [member(n) for n in range(1, 402)],
        edits=[{"resource_id": f"{7:024x}", "created_at": "2026-11-22T08:55:00.000Z"}],
    )
    connector = opened(site)
    pages = read(connector, recent())
    assert [record.fields["email"] for page in pages for record in page.records] == ["m7@example.com"]
    assert site.paths() == ["/members/", "/members/events/", "/actions/", "/members/", "/members/"], (
        "probe, logs, list, rows"
    )
    assert pages[-1].cursor["since"] == START.isoformat()
    assert pages[0].more and not pages[-1].more


@pytest.mark.parametrize("fault", [{"event_total": 101}, {"log_status": 403}, {"log_status": 404}])
def test_logs_that_do_not_tell_all_mean_reading_everything(fault):
    site = Site([member(n) for n in range(1, 402)], **fault)
    pages = read(opened(site), recent())
    assert sum(len(page.records) for page in pages) == 401
    assert pages[-1].cursor["full"] == START.isoformat()


def test_a_full_read_resumes_where_it_stopped():
    site = Site([member(n) for n in range(1, 402)])
    first = next(iter(opened(site).read("members", cursor=None, until=START, fields=("email",))))
    assert first.more
    cursor = json.loads(json.dumps(first.cursor))
    site.members.insert(0, member(0))  # changed while we were away: the next read begins at the first one's start
    rest = list(opened(site).read("members", cursor=cursor, until=START + timedelta(hours=1), fields=("email",)))
    emails = [record.fields["email"] for page in (first, *rest) for record in page.records]
    assert emails == [f"m{n}@example.com" for n in range(1, 402)]
    assert rest[-1].cursor["since"] == START.isoformat(), "not the later until: rows behind us may have changed since"


def test_a_cursor_of_another_version_means_reading_everything():
    site = Site([member(n) for n in range(1, 402)])
    assert sum(len(page.records) for page in read(opened(site), recent(v=99))) == 401


def test_a_list_that_repeats_itself_is_no_endless_loop():
    connector = opened(lambda request: page("members", [member(n) for n in range(1, 101)], 500))
    with pytest.raises(Malformed, match="does not move on"):
        read(connector, None)


def test_who_came_back_on_their_own_is_told_with_both_acts():
    def event(number, subscribed, minute):
        at = f"2026-11-22T08:{minute}:00.000Z"
        return {"member_id": f"{number:024x}", "subscribed": subscribed, "source": "member", "created_at": at}

    site = Site(
        [member(1, subscribed=True), member(2)], events=[event(1, True, 58), event(1, False, 57), event(2, True, 55)]
    )
    records = {r.id[-1]: r for p in read(opened(site), recent(mark="other"), ("unsubscribed",)) for r in p.records}
    (act,) = records["1"].history["unsubscribed"]
    assert (act.value, act.own_act) == (False, True)
    assert records["1"].changed_at == act.at
    assert records["2"].history is None, "the feed says subscribed, the member is not: a bulk edit came after"
