"""What is sent again, what is not, and what people read when it failed."""

from __future__ import annotations

import gc
import json
import socket
import threading
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from smarksync.errors import (
    AuthFailed,
    ConfigError,
    Invalid,
    Malformed,
    PermissionDenied,
    SystemFailure,
    Throttled,
    Transient,
    Unknown,
)
from smarksync.kit.resolve import Kind, Verdict, errors_in_body
from smarksync.kit.session import OpenSession

URL = "https://crm.example.com/api"
OK = {"ok": True}


def ok(_: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(200, json=OK)


class Batch(dict[str, Any]):
    """A body that can be watched."""


def test_an_answer_and_what_was_sent_are_let_go_of_at_once(net):
    """Without help of the cycle collector, which a run hardly ever calls: a run of many calls would keep them all."""
    watched: list[weakref.ref[Any]] = []

    def answer(_: httpx.Request) -> httpx.Response:
        made = ok()
        watched.append(weakref.ref(made))
        return made

    net.will(httpx.Response(503), answer)
    client = net.session.client(URL)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            batch = Batch(rows=[{"name": "x"}])
            watched.append(weakref.ref(batch))
            assert client.request("POST", "/leads", json=batch, idempotent=True).json == OK
            del batch
            net.seen.clear()  # the net of this test remembers requests, and with them what was sent
        assert len(watched) == 6
        alive = [one() for one in watched[2:]]  # the first call failed once: an error and its traceback are a cycle
        assert alive == [None] * 4
    finally:
        gc.enable()


def test_a_read_is_sent_again_after_a_server_error(net):
    net.will(httpx.Response(502), httpx.Response(500), ok())
    assert net.session.client(URL).get("/leads").json == OK
    assert net.session.counts.as_dict() | {"budget_left": 0} == {
        "total": 3, "read": 3, "write": 0, "reread": 0, "auth": 0, "schema": 0, "throttled": 0, "retried": 2,
        "budget_left": 0,
    }  # fmt: skip


def test_a_read_that_fails_for_good_says_what_and_where(net):
    net.will(httpx.Response(502, text="<html>bad gateway for ada@example.com</html>"))
    with pytest.raises(Transient) as caught:
        net.session.client(URL).get("/leads", params={"email": "ada@example.com"})
    assert "crm: crm.example.com answers 502 (GET /api/leads)" in str(caught.value)
    assert caught.value.connection == "crm"
    assert "ada" not in str(caught.value)
    assert len(net.seen) == 4


@pytest.mark.parametrize(
    "lost",
    [
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        httpx.WriteTimeout("slow"),
        httpx.Response(500),
        httpx.Response(502),
        httpx.Response(503),
        httpx.Response(504),
        httpx.Response(408),
        httpx.Response(200, text="<html>captive portal</html>"),
        httpx.Response(200, text='{"id": "12'),
        httpx.Response(200),
    ],
    ids=lambda lost: type(lost).__name__ if isinstance(lost, Exception) else f"{lost.status_code} {lost.text[:6]}",
)
def test_a_write_whose_answer_is_lost_is_unknown_and_never_sent_twice(net, lost):
    net.will(lost)
    with pytest.raises(Unknown, match="may have been applied"):
        net.session.client(URL).request("POST", "/leads", json={"name": "x"})
    assert len(net.seen) == 1


def test_an_idempotent_write_is_sent_again(net):
    net.will(httpx.ReadTimeout("slow"), ok())
    assert net.session.client(URL).request("PUT", "/leads/1", json={}, idempotent=True).json == OK


def test_an_idempotent_write_that_was_lost_once_stays_unknown_whatever_follows(net):
    net.will(httpx.ReadTimeout("slow"), httpx.ConnectError("refused"))
    with pytest.raises(Unknown):
        net.session.client(URL).request("PUT", "/leads/1", json={}, idempotent=True)


def test_a_write_that_never_left_is_sent_again(net):
    net.will(httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), ok())
    assert net.session.client(URL).request("POST", "/leads", json={}).json == OK


def test_a_write_that_never_left_is_known_not_applied(net):
    net.will(httpx.ConnectError("refused"))
    with pytest.raises(Transient) as caught:
        net.session.client(URL).request("POST", "/leads", json={})
    assert not isinstance(caught.value, Unknown)


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthFailed), (403, PermissionDenied), (400, Invalid), (404, Invalid), (413, Invalid)]
)
def test_a_refusal_is_raised_at_once_and_means_not_applied(net, status, error):
    net.will(httpx.Response(status, json={"message": "no"}))
    with pytest.raises(error, match=str(status)):
        net.session.client(URL).request("POST", "/leads", json={})
    assert len(net.seen) == 1


def test_the_limits_own_wait_is_kept(net):
    net.will(httpx.Response(429, headers={"Retry-After": "7"}), ok())
    net.session.client(URL).request("POST", "/leads", json={})
    assert net.clock.slept == [7.0]
    assert (net.session.counts["throttled"], net.session.counts["retried"]) == (1, 1)


def test_a_limit_told_as_a_date_is_read_in_the_servers_clock(net):
    headers = {"Retry-After": "Sun, 22 Nov 2026 01:00:09 GMT", "Date": "Sun, 22 Nov 2026 01:00:00 GMT"}
    net.will(httpx.Response(503, headers=headers), ok())
    net.session.client(URL).request("POST", "/leads", json={})
    assert net.clock.slept == [9.0]


def test_a_limit_that_lasts_too_long_ends_the_call_with_its_wait(net):
    net.will(httpx.Response(429, headers={"Retry-After": "3600"}))
    with pytest.raises(Throttled) as caught:
        net.session.client(URL).get("/leads")
    assert caught.value.retry_after == 3600
    assert net.clock.slept == []


def test_a_limit_pauses_everybody_on_the_account_and_nobody_twice(net):
    net.will(httpx.Response(429, headers={"Retry-After": "30"}), ok())
    net.session.client(URL).get("/leads")
    assert net.clock.slept == [30.0]
    net.will(httpx.Response(503, headers={"Retry-After": "50"}))
    with pytest.raises(Throttled):
        net.session.client(URL, rate_limit=None).get("/leads")
    net.will(ok())
    net.clock.slept.clear()
    net.session.client(URL).get("/accounts")
    assert net.clock.slept == [50.0], "another client of the account waits as well"


def test_a_long_limit_fails_every_further_call_at_once_and_unsent(net):
    net.will(httpx.Response(429, headers={"Retry-After": "3600"}))
    client = net.session.client(URL)
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            client.request("POST", "/leads", json={})
        assert caught.value.retry_after == 3600
    assert len(net.seen) == 1
    net.clock.move(3590)
    net.will(ok())
    assert client.get("/leads").json == OK


def test_the_rate_limit_holds_threads_together(net):
    net.will(ok())
    client = net.session.client(URL, rate_limit="5/s")
    threads = [threading.Thread(target=lambda: [client.get("/leads") for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(net.seen) == 20
    assert net.clock.monotonic() >= 3.0, "20 calls at 5 a second take 3 s after the first five"


def test_vendor_words_are_repeated_without_what_we_sent_and_without_addresses(net):
    words = (
        'Ada Lovelace <ada@example.com> (+44 20 7946 0000) exists; token=abc123secret "Bearer bcrm_pat_123456789012"'
    )
    net.will(httpx.Response(422, json={"errors": [{"message": words}]}))
    with pytest.raises(Invalid) as caught:
        net.session.client(URL).request("POST", "/leads", json={"name": "ada lovelace"})
    said = str(caught.value)
    assert "exists" in said
    for private in ("Lovelace", "ada@", "7946", "abc123secret", "bcrm_pat"):
        assert private not in said


def test_secrets_in_the_path_or_url_never_reach_errors_or_logs(net):
    session = OpenSession(
        "crm", clock=net.clock, log=net, secrets=["s3cr3t"], transport=httpx.MockTransport(net._answer)
    )
    net.will(httpx.Response(500))
    with pytest.raises(Transient) as caught:
        session.client(URL).get("/hook/s3cr3t/ada@example.com?key=s3cr3t")
    assert net.log
    for text in (str(caught.value), repr(net.log)):
        assert "s3cr3t" not in text
        assert "ada@" not in text


def test_html_instead_of_json_is_malformed_at_once_and_points_to_base_url(net):
    net.will(httpx.Response(200, html="<html>login</html>"))
    with pytest.raises(Malformed, match="a web page"):
        net.session.client(URL).get("/leads")
    assert len(net.seen) == 1


def test_json_that_breaks_off_is_asked_for_again(net):
    net.will(httpx.Response(200, text='{"rows": [1, 2'), ok())
    assert net.session.client(URL).get("/leads").json == OK


def test_an_accepted_status_is_handed_back_only_as_json(net):
    client = net.session.client(URL)
    net.will(httpx.Response(404, json={"detail": "Not found."}))
    assert client.get("/leads/1", accept=(404,)).status == 404
    net.will(httpx.Response(404, html="<h1>nginx</h1>"))
    with pytest.raises(Malformed):
        client.get("/leads/1", accept=(404,))


def test_an_empty_answer_is_fine_where_it_is_expected(net):
    client = net.session.client(URL)
    net.will(httpx.Response(204))
    assert client.request("DELETE", "/leads/1").json is None
    net.will(httpx.Response(200))
    assert client.request("DELETE", "/leads/1", expect="json?").json is None


def test_errors_inside_http_200(net):
    own = errors_in_body(
        lambda body: None if body["success"] else body["errors"][0]["code"],
        {"601": Kind.AUTH, "606": Kind.THROTTLED, "611": Kind.TRANSIENT},
    )
    client = net.session.client(URL)
    limit = httpx.Response(200, json={"success": False, "errors": [{"code": "606", "message": "Max rate limit"}]})
    net.will(limit, httpx.Response(200, json={"success": True}))
    assert client.request("POST", "/leads", json={}, resolve=own).json["success"]
    net.will(
        httpx.Response(200, json={"success": False, "errors": [{"code": "601", "message": "Access token invalid"}]})
    )
    with pytest.raises(AuthFailed, match="error 601"):
        client.get("/leads", resolve=own)


def test_a_resolver_comes_first(net):
    net.will(httpx.Response(500, json={"error": "no such field"}))
    with pytest.raises(Invalid, match="does not know a field"):
        net.session.client(URL).request(
            "POST", "/leads", json={}, resolve=lambda r: Verdict(Kind.INVALID, "does not know a field", applied=False)
        )
    assert len(net.seen) == 1


def test_the_servers_clock_comes_from_its_date_and_is_never_ahead(net):
    client = net.session.client(URL)
    assert client.server_time() is None
    net.will(httpx.Response(200, json=OK, headers={"Date": "Sun, 22 Nov 2026 10:00:00 GMT", "Age": "60"}))
    client.get("/")
    net.clock.move(5)
    assert client.server_time().isoformat() == "2026-11-22T10:01:05+00:00"


def test_cookies_are_not_kept(net):
    net.will(
        lambda r: httpx.Response(200, json={"cookie": r.headers.get("cookie")}, headers={"Set-Cookie": "sid=1; Path=/"})
    )
    client = net.session.client(URL)
    client.get("/")
    assert client.get("/").json == {"cookie": None}


def test_building_and_closing_does_no_io_and_closing_twice_is_fine(net):
    client = net.session.client(URL, ca_file="/nowhere/ca.pem")
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get("/")
    with pytest.raises(ConfigError, match="ca_file"):
        net.session.client(URL, ca_file="/nowhere/ca.pem").get("/")


# --- over real sockets -------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_listens_there(net):
    session = OpenSession("audience", clock=net.clock)
    port = free_port()
    with pytest.raises(Transient) as caught:
        session.client(f"http://127.0.0.1:{port}").request("POST", "/leads?key=1", json={})
    session.close()
    said = str(caught.value)
    assert f"audience: 127.0.0.1:{port} refused the connection (POST /leads)." in said
    assert "Check base_url and its port, and that the server is running" in said


class Rude(BaseHTTPRequestHandler):
    """Breaks off answers in the ways that servers do."""

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b'{"a": 1')
        elif self.path == "/fine":
            body = json.dumps({"by": self.headers["User-Agent"]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def rude():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Rude)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("method", "error"), [("GET", Transient), ("POST", Unknown)])
@pytest.mark.parametrize("path", ["/short", "/silent"])
def test_answers_that_break_off(net, rude, path, method, error):
    session = OpenSession("crm", clock=net.clock)
    with pytest.raises(SystemFailure) as caught:
        session.client(rude).request(method, path)
    assert type(caught.value) is error
    assert session.client(rude).get("/fine").json == {"by": "SmarkSync"}
    session.close()


def test_what_is_kept_for_hand_offs_is_kept_from_reads_and_writes_of_others(net):
    net.session.counts.reserve, net.session.counts.may_use_reserve = 100, False
    net.session.counts.budget_left = 101
    net.will(ok(), ok(), ok())
    client = net.session.client(URL)
    client.get("/leads")
    net.session.counts.budget_left = 100
    for kind in ("read", "write", "reread"):
        with pytest.raises(Throttled, match="kept for hand-offs"):
            client.request("POST", "/leads", json={}, kind=kind)
    assert net.session.counts["total"] == 1, "nothing left, nothing was tried twice"
    client.get("/fields", kind="schema")
    net.session.counts.may_use_reserve = True
    client.request("POST", "/leads", json={}, kind="write")
