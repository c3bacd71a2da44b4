"""Logging in (vendors/crm.md 1.1, 1.2): what is sent, what is told apart, what a session that ended costs."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError
from salesforce_org import Org
from smarksync_salesforce import SalesforceSettings
from smarksync_salesforce.simulator.access import CLIENT_SECRET, REFRESH_TOKEN, USERNAME

from smarksync.plugin import AuthFailed, Malformed, Transient

TOKEN = "/services/oauth2/token"


def test_one_login_serves_a_whole_run_although_its_life_is_not_told(org: Org) -> None:
    # 1.2: no expires_in
    org.pages()
    org.clock.move(3600)
    org.pages()
    assert org.sim.count(path=TOKEN) == 1
    assert org.session.counts["auth"] == 1


def test_session_that_ended_in_mid_read_is_renewed_once_and_the_page_comes(org: Org) -> None:
    # 1.2: 401 INVALID_SESSION_ID is the refresh signal
    org.sim.quirks.page = 200
    made = org.leads(450)
    pages = org.connector.read("Lead", cursor=None, until=None, fields=["LastName"])
    first = next(pages)
    org.sim.expire_sessions()
    rest = list(pages)
    assert {r.id for page in [first, *rest] for r in page.records} == set(made)
    assert org.sim.count(path=TOKEN) == 2


def test_session_that_is_refused_again_is_no_endless_loop(org: Org) -> None:
    org.fails(401, "INVALID_SESSION_ID", "Session expired or invalid", times=None, path="*/query")
    org.connector.describe("Lead")
    with pytest.raises(AuthFailed):
        org.pages()
    assert org.sim.count(path=TOKEN) == 2


def test_write_whose_session_ended_is_not_in_doubt(org: Org) -> None:
    rid = org.lead()
    org.connector.describe("Lead")
    org.sim.expire_sessions()
    assert org.update(rid, City="Bath").result == "updated"


def test_credentials_that_are_wrong_are_said_so_without_repeating_them(org: Org) -> None:
    # 1.2: 400 with error and error_description
    connector = org.open(client_secret="not-the-secret")
    with pytest.raises(AuthFailed) as caught:
        connector.check()
    assert "invalid client credentials" in str(caught.value) and "not-the-secret" not in str(caught.value)
    assert caught.value.connection == "sales"


def test_login_that_cannot_be_reached_names_its_own_setting(org: Org) -> None:
    with socket.socket() as bound:  # to a port where nobody listens
        bound.bind(("127.0.0.1", 0))
        connector = org.open(login_url=f"http://127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(Transient, match=r"refused the connection .*Check login_url and its port"):
            connector.check()


def test_org_is_where_the_login_says(org: Org) -> None:
    # 1.1: instance_url, never the login host
    org.open(login_url=org.sim.url.replace("127.0.0.1", "localhost"), hosts=["127.0.0.1"])
    hosts: list[str] = []
    org.sim.faults.answer(500, when=lambda request: bool(hosts.append(request.headers["host"].partition(":")[0])))
    org.pages()
    assert hosts == ["localhost", "127.0.0.1", "127.0.0.1"]


def test_org_elsewhere_is_not_believed_unless_it_is_listed(org: Org) -> None:
    connector = org.open(login_url=org.sim.url.replace("127.0.0.1", "localhost"))
    with pytest.raises(Malformed, match="another site"):
        connector.check()
    assert org.asked() == [f"POST {TOKEN}"]  # and no token went there


def test_my_domain_and_instance_are_one_site() -> None:
    from smarksync.kit.urls import Trust

    trust = Trust("https://login.salesforce.com")
    assert trust.url("https://acme.my.salesforce.com", handed=True) == "https://acme.my.salesforce.com"
    assert trust.url("https://acme--uat.sandbox.my.salesforce.com", handed=True).endswith("salesforce.com")


def test_refresh_token_that_rotates_is_kept_before_it_is_used(org: Org) -> None:
    # 1.2: the old one is dead at once
    org.sim.quirks.rotate_refresh_tokens = True
    org.open(refresh_token=REFRESH_TOKEN)
    org.pages()
    org.open(refresh_token=REFRESH_TOKEN)  # the next run, with the token of the config
    org.pages()
    assert org.sim.access.refresh_token != REFRESH_TOKEN


def test_refresh_token_that_another_run_replaced_is_no_wrong_credential(org: Org) -> None:
    org.sim.quirks.rotate_refresh_tokens = True
    org.open(refresh_token=REFRESH_TOKEN)
    org.pages()
    name = next(iter(org.tokens._kept))
    stored = org.tokens._kept[name]

    class Late:
        """The other run saves its token between our look and our question."""

        def __init__(self) -> None:
            self.looks = 0

        def get(self, name: str) -> str | None:
            self.looks += 1
            return None if self.looks % 2 else stored

        def set(self, name: str, value: str) -> None:
            raise AssertionError

    org.tokens = Late()
    with pytest.raises(Transient, match="replaced"):
        org.open(refresh_token=REFRESH_TOKEN).check()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _with_key(org: Org, key: rsa.RSAPrivateKey, **more: Any) -> None:
    numbers = key.public_key().public_numbers()
    org.sim.access.key = (numbers.n, numbers.e)
    org.open(**{"client_secret": None, "private_key": _pem(key), "username": USERNAME, **more})


def test_jwt_bearer(org: Org, key: rsa.RSAPrivateKey) -> None:
    _with_key(org, key)
    org.pages()
    assert org.sim.access.issued == 1


def test_jwt_of_another_user_or_key_is_refused(org: Org, key: rsa.RSAPrivateKey) -> None:
    _with_key(org, key, username="somebody@else.example")
    with pytest.raises(AuthFailed, match="approved"):
        org.connector.check()
    _with_key(org, key, private_key=_pem(rsa.generate_private_key(65537, 2048)))
    with pytest.raises(AuthFailed, match="assertion"):
        org.connector.check()
    _with_key(org, key, private_key="no key at all")
    with pytest.raises(AuthFailed, match="PEM"):
        org.connector.check()


def test_jwt_lives_minutes(org: Org, key: rsa.RSAPrivateKey) -> None:
    # 1.2: at most 300 s; a simulator whose clock is 4 minutes ahead of ours sees it expired
    _with_key(org, key)
    org.sim.elapse(timedelta(minutes=4).total_seconds())
    with pytest.raises(AuthFailed, match="expired"):
        org.connector.check()


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "x"},
        {"client_id": "x", "private_key": "k"},
        {"client_id": "x", "client_secret": "s", "login_url": "http://login.example.com"},
        {"client_id": "x", "client_secret": "s", "api_version": "45.0"},
        {"client_id": "x", "client_secret": "s", "user": "u"},
        {"client_id": "x", "client_secret": "s", "loss_reason_field": "Id FROM User"},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SalesforceSettings.model_validate(wrong)


def test_nothing_is_sent_before_it_is_needed(org: Org) -> None:
    assert org.asked() == []
    assert CLIENT_SECRET not in repr(org.connector.__dict__)


def test_closing_twice_is_fine(org: Org) -> None:
    org.pages()
    org.connector.close()
    org.connector.close()
