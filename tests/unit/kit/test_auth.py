"""One token for many threads, one refresh on a 401, rotated tokens saved before use."""

from __future__ import annotations

import threading
from datetime import timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from smarksync.errors import AuthFailed, Throttled, Transient, Unknown
from smarksync.kit.auth import ClientCredentials, HeaderToken, JwtGrant, RefreshToken, SignedToken
from smarksync.kit.session import MemoryTokens

URL = "https://crm.example.com"
TOKEN_URL = "https://login.example.com/token"


class Vendor:
    """Gives tokens t1, t2 …; takes those in ``good``; rotates refresh tokens r1, r2 …"""

    def __init__(self, rotating=False, life=3600):
        self.good = set()
        self.made = 0
        self.refresh = "r0"
        self.rotating = rotating
        self.life = life
        self.token_answer = None
        self.forms = []
        self.lock = threading.Lock()
        self.everybody_is_here = lambda: None

    def __call__(self, request):
        if request.url == TOKEN_URL:
            return self.token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return httpx.Response(200, json={"token": token}) if token in self.good else httpx.Response(401, json={})

    def token(self, request):
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.forms.append(form)
        if self.token_answer is not None:
            return self.token_answer
        self.everybody_is_here()
        with self.lock:
            if form.get("refresh_token", self.refresh) != self.refresh:
                return httpx.Response(400, json={"error": "invalid_grant"})
            self.made += 1
            answer = {"access_token": f"t{self.made}", "expires_in": self.life}
            self.good = {f"t{self.made}"}
            if self.rotating:
                self.refresh = f"r{self.made}"
                answer["refresh_token"] = self.refresh
        return httpx.Response(200, json=answer)


def client_credentials(net, **more):
    return ClientCredentials(TOKEN_URL, client_id="id", client_secret="sec-ret", now=net.session.now, **more)


def test_a_header_token(net):
    net.will(lambda r: httpx.Response(200, json=dict(r.headers)))
    assert net.session.client(URL, auth=HeaderToken("k")).get("/").json["authorization"] == "Bearer k"
    keyed = net.session.client(URL, auth=HeaderToken("k", header="X-Api-Key", prefix=""))
    assert keyed.get("/").json["x-api-key"] == "k"


def test_many_threads_fetch_one_token(net):
    vendor = Vendor()
    net.will(vendor)
    client = net.session.client(URL, auth=client_credentials(net))
    got = []
    asking = threading.Semaphore(0)
    vendor.everybody_is_here = lambda: [asking.acquire(timeout=5) for _ in range(8)]

    def ask():
        asking.release()
        got.append(client.get("/").json["token"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["t1"] * 8
    assert (net.session.counts["auth"], net.session.counts["read"], net.session.counts["total"]) == (1, 8, 9)


def test_a_token_is_renewed_before_it_runs_out(net):
    vendor = Vendor(life=600)
    net.will(vendor)
    client = net.session.client(URL, auth=client_credentials(net))
    client.get("/")
    net.clock.move(535)
    assert client.get("/").json == {"token": "t1"}
    net.clock.move(10)
    assert client.get("/").json == {"token": "t2"}


def test_a_401_brings_one_new_token_and_one_more_try(net):
    vendor = Vendor()
    net.will(vendor)
    client = net.session.client(URL, auth=client_credentials(net))
    client.get("/")
    vendor.good = set()
    assert client.request("POST", "/", json={}).json == {"token": "t2"}


def test_a_second_401_is_an_auth_error_and_not_a_loop(net):
    net.will(lambda r: httpx.Response(200, json={"access_token": "x"}) if r.url == TOKEN_URL else httpx.Response(401))
    with pytest.raises(AuthFailed, match="Check the credentials"):
        net.session.client(URL, auth=client_credentials(net)).request("POST", "/", json={})
    assert len(net.seen) == 4


@pytest.mark.parametrize(
    ("answer", "error", "calls"),
    [
        (httpx.Response(400, json={"error_description": "client sec-ret is wrong"}), AuthFailed, 1),
        (httpx.Response(401, json={}), AuthFailed, 1),
        (httpx.Response(200, html="<html>"), AuthFailed, 1),
        (httpx.Response(200, json={"access_token": ""}), AuthFailed, 1),
        (httpx.Response(503), Transient, 4),
        (httpx.Response(429, headers={"Retry-After": "600"}), Throttled, 1),
    ],
)
def test_a_token_that_is_not_given(net, answer, error, calls):
    vendor = Vendor()
    vendor.token_answer = answer
    net.will(vendor)
    with pytest.raises(error) as caught:
        net.session.client(URL, auth=client_credentials(net)).request("POST", "/", json={})
    assert "login.example.com" in str(caught.value)
    assert "sec-ret" not in str(caught.value)
    assert caught.value.connection == "crm"
    assert len(net.seen) == calls
    assert net.session.counts["write"] == 0


def test_a_token_fetch_that_is_lost_leaves_the_write_known_not_applied(net):
    def lost(request):
        raise httpx.ReadTimeout("slow", request=request)

    net.will(lost)
    with pytest.raises(Transient) as caught:
        net.session.client(URL, auth=client_credentials(net)).request("POST", "/", json={})
    assert not isinstance(caught.value, Unknown)


def test_a_refresh_that_is_lost_after_a_401_leaves_the_write_known_not_applied(net):
    vendor = Vendor()
    net.will(vendor)
    client = net.session.client(URL, auth=client_credentials(net))
    client.get("/")
    vendor.good = set()

    def lost(request):
        if request.url == TOKEN_URL:
            raise httpx.ReadTimeout("slow", request=request)
        return vendor(request)

    net.will(lost)
    with pytest.raises(Transient) as caught:
        client.request("POST", "/", json={})
    assert not isinstance(caught.value, Unknown)


class SlowDisk(MemoryTokens):
    """Notes how far the vendor was when a token was saved; can be full."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        self.full = False
        self.saved_at = []

    def set(self, name, value):
        if self.full:
            raise OSError("disk full")
        self.saved_at.append(len(self.net.seen))
        super().set(name, value)


def refresh_token(net, tokens, first="r0"):
    return RefreshToken(TOKEN_URL, refresh_token=first, tokens=tokens, now=net.session.now, client_id="id")


def test_a_rotated_token_is_saved_before_the_new_access_token_is_used(net):
    disk = SlowDisk(net)
    net.will(Vendor(rotating=True))
    net.session.client(URL, auth=refresh_token(net, disk)).get("/")
    assert disk.saved_at == [1], "saved after the token answer and before the call"
    net.session.client(URL, auth=refresh_token(net, disk)).get("/")  # the next run, with the same config
    assert len(disk.saved_at) == 2


def test_a_rotated_token_that_cannot_be_saved_is_not_used(net):
    disk = SlowDisk(net)
    disk.full = True
    net.will(Vendor(rotating=True))
    with pytest.raises(OSError, match="disk full"):
        net.session.client(URL, auth=refresh_token(net, disk)).get("/")
    assert len(net.seen) == 1


def test_a_token_that_another_run_rotated_meanwhile_is_taken_up(net):
    vendor, tokens = Vendor(rotating=True), MemoryTokens()
    auth = refresh_token(net, tokens)
    other = refresh_token(net, tokens)
    stale = {"once": True}

    def meanwhile(request):
        if request.url == TOKEN_URL and stale.pop("once", False):
            answer = vendor(httpx.Request("POST", TOKEN_URL, data=dict(other.grant())))
            other.arrived({"refresh_token": answer.json()["refresh_token"]})
        return vendor(request)

    net.will(meanwhile)
    assert net.session.client(URL, auth=auth).get("/").json == {"token": "t2"}


def test_a_new_refresh_token_in_the_config_starts_afresh(net):
    vendor, tokens = Vendor(rotating=True), MemoryTokens()
    net.will(vendor)
    net.session.client(URL, auth=refresh_token(net, tokens)).get("/")
    vendor.refresh = "pasted"
    net.session.client(URL, auth=refresh_token(net, tokens, first="pasted")).get("/")
    assert vendor.forms[-1]["refresh_token"] == "pasted"


def test_a_signed_token_is_made_anew_in_time_and_after_a_401(net):
    made = []

    def sign(now, until):
        made.append((now, until))
        return f"jwt{len(made)}"

    auth = SignedToken(sign, life=timedelta(minutes=5), now=net.session.now, prefix="Ghost ")
    net.will(lambda r: httpx.Response(200, json=r.headers["authorization"]))
    client = net.session.client(URL, auth=auth)
    assert [client.get("/").json for _ in range(2)] == ["Ghost jwt1"] * 2
    net.clock.move(271)
    assert client.get("/").json == "Ghost jwt2"
    net.will(httpx.Response(401), lambda r: httpx.Response(200, json=r.headers["authorization"]))
    assert client.get("/").json == "Ghost jwt3"


def test_a_jwt_grant(net):
    vendor = Vendor()
    net.will(vendor)
    auth = JwtGrant(TOKEN_URL, sign=lambda now: f"assertion at {now:%H:%M}", now=net.session.now)
    net.session.client(URL, auth=auth).get("/")
    assert vendor.forms == [
        {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "assertion at 09:00"}
    ]
