"""The base of simulators: what vendors build on must be strict, keep the order of a call and fail on demand."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smarksync.simulator import Answer, Refused, Request, Simulator, Window, route

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Shelf(Simulator):
    vendor = "shelf"

    def __init__(self, **more: Any) -> None:
        super().__init__(now=lambda: NOON, **more)
        self.rows: dict[str, Any] = {}

    def before(self, request: Request) -> Answer | None:
        return None if request.headers.get("x-key") == "k" else Answer(401, {"error": "who are you"})

    def after(self, request: Request, answer: Answer) -> Answer:
        answer.headers["X-Left"] = "9"
        return answer

    @route("GET", "/rows/{id}", query=("fields",))
    def read(self, request: Request) -> Answer:
        row = self.rows.get(request.params["id"])
        return Answer(200, row) if row is not None else self.not_found(request)

    @route("PUT", "/rows/{id}", query=())
    @route("PUT", "/files/{id:path}", query=())
    def put(self, request: Request) -> Answer:
        self.rows[request.params["id"]] = request.json()
        return Answer(204)

    @route("POST", "/rows/search", query=(), write=False)
    def search(self, request: Request) -> Answer:
        return Answer(200, [request.form()])

    @route("GET", "/page")
    def page(self, request: Request) -> Answer:
        return Answer(200, "<html></html>")

    @route("GET", "/odd")
    def odd(self, request: Request) -> Answer:
        if "refuse" in request.query:
            raise Refused(Answer(409, {"error": "no"}))
        raise ValueError("a bug")


class Caller:
    def __init__(self, sim: Simulator) -> None:
        host = sim.url.removeprefix("http://")
        self.http = http.client.HTTPConnection(host, timeout=5)

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body)
        kind = {"Content-Type": headers.pop("kind", "application/json")}
        self.http.request(method, path, sent, {"X-Key": "k", **kind, **headers})
        answer = self.http.getresponse()
        self.headers = answer.headers
        text = answer.read().decode()
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        try:
            return answer.status, json.loads(text) if is_json else text
        except ValueError:
            return answer.status, text


@pytest.fixture
def sim() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


@pytest.fixture
def call(sim: Shelf) -> Iterator[Caller]:
    with Caller(sim) as caller:
        yield caller


def test_a_call_goes_through_and_is_counted(sim: Shelf, call: Caller) -> None:
    assert call("PUT", "/rows/a%2Fb", {"n": 1}) == (204, "")
    assert call("PUT", "/files/c/d", {"n": 2}) == (204, "")
    assert sim.rows == {"a/b": {"n": 1}, "c/d": {"n": 2}}
    assert call("GET", "/files/a")[0] == 405
    assert call("GET", "/rows/a") == (404, {"error": "not found"})
    assert [(c.method, c.status, c.write) for c in sim.calls[1:]] == [
        ("PUT", 204, True),
        ("GET", 405, False),
        ("GET", 404, False),
    ]
    assert sim.count() == 4 and sim.count(write=True) == 2 and sim.count(path="/files") == 2


def test_one_connection_serves_many_calls_in_the_servers_time(sim: Shelf, call: Caller) -> None:
    call("PUT", "/rows/a", {"n": 1})
    assert call("GET", "/rows/a?fields=n") == (200, {"n": 1})
    assert call.headers["Date"] == "Sun, 22 Nov 2026 12:00:00 GMT" and call.headers["X-Left"] == "9"
    sim.elapse(60)
    call("GET", "/rows/a")
    assert call.headers["Date"] == "Sun, 22 Nov 2026 12:01:00 GMT"


def test_it_is_strict(sim: Shelf, call: Caller) -> None:
    assert call("GET", "/nothing")[0] == 404
    assert call("GET", "/rows/a?colour=red") == (400, {"error": "unknown parameters: colour"})
    assert call("DELETE", "/rows/a")[0] == 405 and call.headers["Allow"] == "GET, PUT"
    assert call("PUT", "/rows/a", b"{")[0] == 400
    assert call("PUT", "/rows/a", b"{}", kind="text/plain")[0] == 400
    assert call("GET", "/rows/a", **{"X-Key": "other"})[0] == 401
    assert sim.rows == {}


def test_forms_text_and_refusals(sim: Shelf, call: Caller) -> None:
    form = "application/x-www-form-urlencoded"
    assert call("POST", "/rows/search", b"a=1&b=", kind=form) == (200, [{"a": "1", "b": ""}])
    assert call("POST", "/rows/search", b"a=1&a=2", kind=form)[0] == 400
    assert call("POST", "/rows/search", {"a": 1})[0] == 400
    assert sim.count(write=True) == 0
    assert call("GET", "/page") == (200, "<html></html>") and call.headers["Content-Type"].startswith("text/html")
    assert call("GET", "/odd?refuse") == (409, {"error": "no"}) and sim.problems == []
    assert call("GET", "/odd")[0] == 500 and "a bug" in sim.problems[0]


def test_bodies_in_chunks_are_read(sim: Shelf, call: Caller) -> None:
    call.http.request(
        "PUT",
        "/rows/a",
        iter([b'{"n"', b":1}"]),
        {"X-Key": "k", "Content-Type": "application/json"},
        encode_chunked=True,
    )
    assert call.http.getresponse().read() == b""
    assert sim.rows == {"a": {"n": 1}}


def test_faults_happen_as_often_as_asked(sim: Shelf, call: Caller) -> None:
    sim.rows["a"] = {"n": 1}
    fault = sim.faults.answer(503, {"error": "later"}, headers={"Retry-After": "1"}, times=2, skip=1, path="/rows/*")
    assert [call("GET", "/rows/a")[0] for _ in range(4)] == [200, 503, 503, 200]
    assert fault.seen == 2
    sim.faults.garble(path="/rows/a")
    assert call("GET", "/rows/a")[1].startswith("<html>")
    sim.faults.cut(when=lambda request: request.method == "GET")
    assert call("GET", "/rows/a") == (200, '{"n')


@pytest.mark.parametrize("after", [True, False])
def test_an_answer_may_be_lost_before_or_after_the_call_is_done(sim: Shelf, call: Caller, after: bool) -> None:
    sim.faults.drop(after=after, method="PUT")
    with pytest.raises(http.client.RemoteDisconnected):
        call("PUT", "/rows/a", {"n": 1})
    assert ("a" in sim.rows) is after
    assert sim.calls[-1].status == 0
    with Caller(sim) as again:
        assert again("GET", "/rows/a")[0] == (200 if after else 404)


def test_a_server_that_is_down_comes_back_at_the_same_address(sim: Shelf, call: Caller) -> None:
    call("PUT", "/rows/a", {"n": 1})
    url = sim.url
    with sim.down(), pytest.raises(ConnectionRefusedError):
        Caller(sim)("GET", "/rows/a")
    with Caller(sim) as other:
        assert sim.url == url and other("GET", "/rows/a") == (200, {"n": 1})


def test_window() -> None:
    window = Window(2, 10)
    assert [window.take(NOON), window.take(NOON + timedelta(seconds=4)), window.take(NOON + timedelta(seconds=5))] == [
        True,
        True,
        False,
    ]
    assert window.resets_in(NOON + timedelta(seconds=5)) == 5.0
    assert window.left(NOON + timedelta(seconds=10)) == 1 and window.resets_in(NOON + timedelta(seconds=10)) == 0.0
