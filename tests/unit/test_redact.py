"""What must not leave, and what must stay readable."""

from __future__ import annotations

import pytest

from smarksync.redact import redact, redact_facts, shorten, texts_in


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("write to ada.l+x@mail.example.co.uk now", "ada"),
        ("GET /x?email=ada%40example.com", "example.com"),
        ("Authorization: Bearer 0a1b2c3d4e5f6a7b8c9d", "0a1b2c3d"),
        ("Ghost eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE3OTUzMDc.c2lnbmF0dXJlX2hlcmU", "eyJ"),
        ("https://user:pa55w0rd@proxy.example.com:3128", "pa55w0rd"),
        ('{"password": "hunter22", "x": 1}', "hunter22"),
        ("api_key=abcdef&x=1", "abcdef"),
        ("admin_key: 6b02:08ccfd", "08ccfd"),
        ("08ccfd27fb96df9087999b3bb4412c012f1dc63db2233ce9dd4c4a8fd920b1d0", "08ccfd"),
        ("call +44 20 7946 0000 today", "7946"),
    ],
)
def test_private_things_are_taken_out(text, private):
    assert private not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "crm: 127.0.0.1:8707 answers 502 (GET /ghost/api/admin/members/6b02388d56215a431c9fb1f0/).",
        "2026-11-22T00:34:21.000Z members:8ef14e9d-421a-4668-8d50-b3171f4b8c4b",
        "Check the token setting and the password.",
        "smarksync.kit.client.Client failed",
        "login.example.com gives no token (400)",
    ],
)
def test_references_and_sentences_stay(text):
    assert redact(text) == text


def test_known_secrets_and_echoed_values():
    assert (
        redact("key k-1 of Ada LOVELACE", secrets=["k-1"], echoes=["ada lovelace", "of"]) == "key [redacted] of [value]"
    )


def test_facts_of_a_log_line():
    facts = redact_facts({"n": 3, "to": ["a@b.example"], "why": ValueError("a@b.example"), "in": {"k": "v"}})
    assert facts == {"n": 3, "to": ["[e-mail]"], "why": "[e-mail]", "in": {"k": "v"}}


def test_texts_and_lengths():
    assert list(texts_in({"a": ["x", {"b": "y"}], "c": 1, "d": None})) == ["x", "y"]
    assert shorten("a\n b" + "c" * 400).endswith("c…")
    assert len(shorten("a" * 400)) == 300
