"""The dashboard: who may see it, what its pages show, and that a decision taken there is the one that was meant."""

import re

import httpx
import pytest

from smarksync.ledger import conflicts, quarantine
from smarksync.web.guard import cookie_name

PAGES = ("/", "/handoffs", "/funnel", "/leads", "/conflicts", "/quarantine", "/plans", "/runs", "/mapping", "/report")


class Place:
    """A dashboard, and somebody in front of it."""

    def __init__(self, site):
        self.site, self.config, self.ledger, self.board, self.origin = (
            site,
            site.config,
            site.ledger,
            site.board,
            site.origin,
        )
        self.client = self.stranger(follow_redirects=True)

    def stranger(self, **how):
        return httpx.Client(base_url=self.origin, trust_env=False, timeout=30, **how)

    def enter(self):
        self.client.get(f"/?token={self.site.token}")
        return self

    def close(self):
        self.client.close()
        self.site.close()

    def post(self, path, form, origin=None):
        return self.client.post(path, data=form, headers={"origin": origin or self.origin})

    def text(self, path):
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def key(self):
        return re.search(r'name="key" value="([^"]+)"', self.text("/conflicts") + self.text("/quarantine"))[1]


@pytest.fixture
def place(tmp_path, open_site):
    found = Place(open_site(tmp_path, 300)).enter()
    yield found
    found.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, open_site):
    found = Place(open_site(tmp_path_factory.mktemp("dashboard"), 300)).enter()
    yield found
    found.close()


def ask(place, field="phone"):
    eid = place.ledger.value("SELECT eid FROM entities WHERE kind = 'lead' LIMIT 1")
    body = {
        "question": "Which phone is right?",
        "values": {"marketing": {"value": "+4930111"}, "sales": {"value": "+4930222"}},
    }
    conflicts.put(
        place.ledger, job="people", eid=eid, field=field, kind="field", body=body, run="r", now="2026-10-14T09:00:00Z"
    )
    return place.ledger.value("SELECT max(id) FROM conflicts")


# -- who may see it ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, "/leads/abc", "/static/page.css", "/nothing"])
def test_without_the_link_nothing_is_seen(shared, path):
    with shared.stranger() as stranger:
        answer = stranger.get(path)
    assert answer.status_code == 401 and "acme" not in answer.text


@pytest.mark.parametrize("token", ["%C3%BC", "%FF", "", "x" * 5_000])
def test_whatever_is_not_the_token_opens_nothing(shared, token):
    with shared.stranger(cookies={cookie_name(shared.site.token): "x"}) as stranger:
        assert stranger.get(f"/?token={token}").status_code == 401
        odd = cookie_name(shared.site.token).encode() + b"=\xfc"
        assert stranger.get("/", headers={"cookie": odd}).status_code == 401


def test_the_token_leaves_the_address_bar_and_becomes_a_cookie_that_scripts_cannot_read(shared):
    with shared.stranger() as stranger:
        answer = stranger.get(f"/handoffs?token={shared.site.token}&state=offered")
    assert (answer.status_code, answer.headers["location"]) == (303, "/handoffs?state=offered")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie


def test_the_dashboard_of_another_workspace_does_not_lock_this_one(shared, tmp_path, open_site):
    """A browser sends the cookies of 127.0.0.1 to all its ports."""
    other = Place(open_site(tmp_path, 0, "the-token-of-another-one"))
    with shared.stranger(follow_redirects=True) as browser:
        for one in (shared, other):
            assert browser.get(f"{one.origin}/?token={one.site.token}").status_code == 200
        for one in (shared, other):
            assert browser.get(f"{one.origin}/").status_code == 200
    other.close()


NAMES = (
    "attacker.example",
    "attacker.example:8765",
    "127.0.0.1.attacker.example",
    "localhost.attacker.example",
    "",
    "[::1]:80",
)


@pytest.mark.parametrize("name", NAMES)
def test_another_name_for_this_machine_is_refused_whatever_is_asked(shared, name):
    origin = {"host": name, "origin": f"http://{name}"}  # as a page there would ask once its name leads here
    asked = (
        shared.client.get("/", headers=origin),
        shared.client.get(f"/?token={shared.site.token}", headers=origin),
        shared.client.get("/static/style.css", headers=origin),
        shared.client.post("/conflicts/1", data={"answer": "x"}, headers=origin),
    )
    for answer in asked:
        assert answer.status_code == 421 and "set-cookie" not in answer.headers
        assert "127.0.0.1 and localhost only" in answer.text and "`smarksync dashboard`" in answer.text
        assert "acme" not in answer.text


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "localhost:9999"])
def test_its_own_names_are_let_in_by_any_forwarded_port(shared, name):
    assert shared.client.get("/", headers={"host": name}).status_code == 200


def test_pages_forbid_scripts_and_frames_of_others(shared):
    headers = shared.client.get("/").headers
    assert (
        "default-src 'none'" in headers["content-security-policy"]
        and "unsafe" not in headers["content-security-policy"]
    )
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"


# -- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_pages_of_a_year_of_work(shared, path):
    assert "acme" in shared.text(path)


@pytest.mark.parametrize("path", PAGES)
def test_pages_of_an_empty_ledger_say_what_comes_next(tmp_path, open_site, path):
    place = Place(open_site(tmp_path, 0)).enter()
    assert "acme" in place.text(path)
    place.close()


def test_the_scorecard_names_the_promise_and_how_it_stands(shared):
    text = shared.text("/")
    assert "speed" in text and re.search(r'class="status (breached|met|at_risk|on_track)"', text)


def test_open_hand_offs_are_counted_and_those_that_can_still_be_saved_stand_first(shared):
    total = shared.ledger.value("SELECT count(*) FROM cases WHERE closed_at IS NULL")
    assert f"<p>{total:,} open: first those that can still be called in time" in shared.text("/handoffs")
    rows = shared.ledger.rows(
        "SELECT e.ref, c.due_at FROM cases c JOIN entities e ON e.eid = c.eid WHERE c.closed_at IS NULL AND c.state = 'offered'"
    )
    now = shared.site.now.timestamp() * 1e6
    running = sorted((due, ref) for ref, due in rows if due >= now)
    late = sorted(((due, ref) for ref, due in rows if due < now), reverse=True)
    assert late, "somebody is overdue"
    shown = list(dict.fromkeys(re.findall(r'href="/leads/(\w+)"', shared.text("/handoffs"))))
    wanted = [ref for _, ref in (*running, *late)]
    assert shown[: len(wanted)] == wanted[: len(shown)]


def overdue(place):
    found = re.search(r"<b>([\d,]+)</b><span>late, and still without a first attempt</span>", place.text("/"))
    return int(found[1].replace(",", ""))


def test_whoever_was_called_or_whose_clock_stands_still_is_not_late(place):
    now = place.site.now.timestamp() * 1e6
    place.ledger.run("DELETE FROM activities WHERE attempt = 1")
    late = "FROM cases WHERE closed_at IS NULL AND state = 'offered' AND due_at < ?"
    (_, eid, offered), (paused, _, _), (accepted, _, _), *_ = place.ledger.rows(
        f"SELECT cid, eid, offered_at {late}", (now,)
    )
    before = overdue(place)
    place.ledger.run("UPDATE cases SET state = 'accepted' WHERE cid = ?", (accepted,))
    assert overdue(place) == before  # yes was said, and nobody has called
    place.ledger.run(
        "INSERT INTO activities (sid, rid, eid, type, at, actor, attempt, body) VALUES (1, 'c1', ?, 'call', ?, 'sales', 1, '{}')",
        (eid, offered - 1),
    )
    assert overdue(place) == before  # that was before the offer
    place.ledger.run("UPDATE activities SET at = ? WHERE rid = 'c1'", (offered + 1,))
    assert overdue(place) == before - 1
    place.ledger.run(
        "INSERT INTO pauses VALUES (?, 'waiting', (SELECT due_at FROM cases WHERE cid = ?) + 1, NULL)", (paused,) * 2
    )
    assert overdue(place) == before - 1  # it was late already
    place.ledger.run("UPDATE pauses SET from_at = 1")
    assert overdue(place) == before - 2


@pytest.mark.parametrize(
    "asked",
    [
        "page=999999999",
        "page=-1",
        "page=x",
        "page=²",
        f"page={'9' * 5_000}",
        "state='; DROP TABLE cases",
        "owner=nobody",
    ],
)
def test_odd_questions_get_a_page_and_no_error(shared, asked):
    shared.text(f"/handoffs?{asked}")
    assert shared.ledger.value("SELECT count(*) FROM cases") > 0


def test_a_lead_is_found_by_address_and_its_whole_story_told(shared):
    eid, ref, address = shared.ledger.one(
        "SELECT e.eid, e.ref, json_extract(e.agreed, '$.email') FROM entities e JOIN cases c ON c.eid = e.eid WHERE c.state = 'won' LIMIT 1"
    )
    shared.ledger.run("INSERT OR IGNORE INTO keys (kind, value, eid) VALUES ('email', ?, ?)", (address, eid))
    text = shared.text(f"/leads?q={address}")
    assert f"entity {ref}" in text
    for word in ("qualified", "offered", "won", "form submitted"):
        assert word in text


def test_nobody_of_that_name(shared):
    assert "Nobody here is called nobody@nowhere.example" in shared.text("/leads?q=nobody@nowhere.example")
    assert shared.client.get("/leads/unknown").status_code == 404
    assert shared.client.get("/runs/unknown").status_code == 404


def test_a_name_that_looks_like_markup_stays_a_name(place):
    place.ledger.run(
        "UPDATE entities SET agreed = json_set(agreed, '$.first_name', '<b onclick=x>') WHERE kind = 'lead'"
    )
    text = place.text("/handoffs")
    assert "<b onclick" not in text and "&lt;b onclick" in text


def test_a_period_that_is_none_is_explained(shared):
    answer = shared.client.get("/funnel?period=soon")
    assert answer.status_code == 404 and "2026-Q3" in answer.text


# -- decisions -----------------------------------------------------------------------------------


def test_a_conflict_is_answered_with_the_value_that_was_chosen(place):
    number = ask(place)
    done = place.post(f"/conflicts/{number}", {"key": place.key(), "act": "take", "connection": "sales"})
    assert done.status_code == 200 and "Noted" in done.text
    assert place.ledger.one("SELECT state, answer FROM conflicts WHERE id = ?", (number,))[0] == "answered"


@pytest.mark.parametrize(
    ("form", "origin", "code"),
    [
        ({"act": "take", "connection": "sales"}, None, 403),
        ({"key": "guessed", "act": "take", "connection": "sales"}, None, 403),
        ({"key": "REAL", "act": "take", "connection": "sales"}, "https://evil.example", 403),
        ({"key": "REAL", "act": "drop"}, None, 409),
        ({"key": "REAL", "act": "take", "connection": "nobody"}, None, 409),
        ({"key": "REAL", "act": "value", "value": "x" * 30_000}, None, 413),
    ],
)
def test_forms_that_are_not_ours_or_say_nothing_change_nothing(place, form, origin, code):
    number = ask(place)
    form = {name: place.key() if value == "REAL" else value for name, value in form.items()}
    answer = place.post(f"/conflicts/{number}", form, origin)
    assert answer.status_code == code
    assert place.ledger.value("SELECT state FROM conflicts WHERE id = ?", (number,)) == "open"


@pytest.mark.parametrize("queue", ["conflicts", "quarantine"])
def test_a_number_that_no_entry_can_have_is_told_so(place, queue):
    ask(place)
    answer = place.post(f"/{queue}/{10**20}", {"key": place.key(), "act": "same" if queue == "conflicts" else "retry"})
    assert answer.status_code == 409 and "9,223,372,036,854,775,807" in answer.text


def test_a_quarantined_record_is_ignored_until_something_else_is_wanted(place):
    eid, sid = place.ledger.one("SELECT eid, sid FROM links LIMIT 1")
    quarantine.put(
        place.ledger, job="people", eid=eid, sid=sid, kind="value", field="phone", code="SMK-VALUE-TYPE",
        message="That is no phone number.", wanted="x", facts={}, run="r", now="2026-10-14T09:00:00Z",
    )  # fmt: skip
    number = place.ledger.value("SELECT max(id) FROM quarantine")
    assert "That is no phone number." in place.text("/quarantine")
    place.post(f"/quarantine/{number}", {"key": place.key(), "act": "ignore"})
    assert place.ledger.value("SELECT state FROM quarantine WHERE id = ?", (number,)) == "ignored"


@pytest.mark.parametrize("queue", ["conflicts", "quarantine"])
def test_a_page_of_a_long_queue_says_that_it_is_not_all(place, queue):
    eid, sid = place.ledger.one("SELECT eid, sid FROM links LIMIT 1")

    def fill(numbers):
        for number in numbers:
            if queue == "conflicts":
                ask(place, f"field_{number}")
            else:
                quarantine.put(
                    place.ledger, job="people", eid=eid, sid=sid, kind="value", field=f"f{number}", code="SMK-VALUE-TYPE",
                    message="No phone.", wanted="x", facts={}, run="r", now="2026-10-14T09:00:00Z",
                )  # fmt: skip

    fill(range(200))
    assert "The newest" not in place.text(f"/{queue}")
    fill(range(200, 203))
    text = place.text(f"/{queue}")
    assert "The newest 200 of 203 stand here" in text and f"<code>smarksync {queue} list --limit 203</code>" in text


def test_looking_changes_nothing(shared):
    before = shared.ledger.value("SELECT total_changes()"), shared.ledger.one("SELECT count(*), max(seq) FROM changes")
    for path in PAGES:
        shared.text(path)
    assert shared.ledger.one("SELECT count(*), max(seq) FROM changes") == before[1]
