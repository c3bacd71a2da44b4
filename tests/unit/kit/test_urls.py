"""Where a server may send us."""

from __future__ import annotations

import httpx
import pytest

from smarksync.errors import ConfigError, Malformed
from smarksync.kit.settings import HttpSettings
from smarksync.kit.urls import Trust


def trust(base="https://app.example.com/api", **how):
    how.setdefault("lookup", lambda host: ["8.8.8.8"])
    return Trust(base, **how)


@pytest.mark.parametrize(
    ("base", "what"),
    [
        ("app.example.com", "web address"),
        ("ftp://app.example.com", "web address"),
        ("https://app.example.com:port", "web address"),
        ("http://app.example.com", "plain http"),
        ("http://192.168.1.9", "plain http"),
        ("https://me:pw@app.example.com", "password"),
        ("https://app.example.com/?key=1", "query"),
    ],
)
def test_a_base_url_that_is_refused(base, what):
    with pytest.raises(ConfigError, match=what) as caught:
        trust(base)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1", "https://10.0.0.1"])
def test_a_base_url_that_is_taken(base):
    assert trust(base).url("/leads/") == base + "/leads/"


def test_plain_http_elsewhere_needs_a_word():
    assert trust("http://crm.lan", allow_http=True).url("leads") == "http://crm.lan/leads"


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://app.example.com/api?page=2", True),
        ("https://na7.example.com/api", True),
        ("https://files.example.org/x", True),  # listed
        ("https://example.com.evil.net/", False),
        ("https://evil.net/", False),
        ("http://app.example.com/api", False),  # would go back to plain http
        ("https://app.example.com:8443/", False),
        ("https://127.0.0.1/", False),
        ("https://[::ffff:10.0.0.1]/", False),
        ("https://169.254.169.254/latest/meta-data", False),
        ("//evil.net/x", False),
        ("https://me:pw@app.example.com/", False),
        ("file:///etc/passwd", False),
    ],
)
def test_an_address_that_a_server_hands_us(url, fine):
    judge = trust(hosts=["files.example.org"])
    if fine:
        assert judge.url(url) == url
    else:
        with pytest.raises(Malformed):
            judge.url(url)


def test_names_that_lead_into_a_private_network_are_refused_unless_we_are_in_one():
    inner = {"app.example.com": ["8.8.8.8"], "in.example.com": ["10.1.2.3"]}
    with pytest.raises(Malformed, match="private"):
        trust(lookup=inner.__getitem__).url("https://in.example.com/")
    inner["app.example.com"] = ["10.1.2.2"]
    assert trust(lookup=inner.__getitem__).url("https://in.example.com/")


def test_shared_suffixes_are_no_site():
    with pytest.raises(Malformed):
        trust("https://mine.github.io").url("https://yours.github.io/")


def test_an_address_on_this_machine_stays_on_its_port():
    with pytest.raises(Malformed):
        trust("http://127.0.0.1:8000").url("http://127.0.0.1:22/")
    assert trust("http://127.0.0.1:8000").url("/next?page=2", handed=True) == "http://127.0.0.1:8000/next?page=2"


def test_redirects_are_followed_on_the_same_site_only(net):
    client = net.session.client("http://127.0.0.1:1/api")
    net.will(httpx.Response(301, headers={"Location": "/api/leads/"}), httpx.Response(200, json={"at": 1}))
    assert client.get("/leads").json == {"at": 1}
    assert str(net.seen[-1].url) == "http://127.0.0.1:1/api/leads/"
    net.will(httpx.Response(302, headers={"Location": "https://evil.net/"}))
    with pytest.raises(Malformed, match="another site"):
        client.get("/leads")
    net.will(httpx.Response(302, headers={"Location": "http://evil.net/"}))
    with pytest.raises(Malformed, match=r"another site, evil\.net"):  # and not that it lacks encryption
        client.get("/leads")
    net.will(httpx.Response(302, headers={"Location": "/api/leads"}))
    with pytest.raises(Malformed, match="circles"):
        client.get("/leads")


def test_a_write_is_not_turned_into_a_read_by_a_redirect(net):
    client = net.session.client("http://127.0.0.1:1/api")
    net.will(httpx.Response(301, headers={"Location": "/api/leads/"}))
    with pytest.raises(Malformed, match="Check the address in the config"):
        client.request("POST", "/leads", json={"a": 1})
    net.will(httpx.Response(308, headers={"Location": "/api/leads/"}), httpx.Response(200, json={}))
    client.request("POST", "/leads", json={"a": 1})
    assert net.seen[-1].content == b'{"a":1}'
    assert net.seen[-1].headers["content-type"] == "application/json"


def test_settings_refuse_what_they_do_not_know_without_repeating_it():
    for wrong in ({"tiemout": 3}, {"rate_limit": "fast"}, {"timeout": 0}, {"base_url": "http://crm.example.com"}):
        with pytest.raises(ValueError) as caught:
            HttpSettings.model_validate({"base_url": "https://x.example.com", "proxy": "http://u:pw@proxy", **wrong})
        assert "pw@" not in str(caught.value)
