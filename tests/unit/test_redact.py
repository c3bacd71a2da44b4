"""Personal data and secrets must not appear in any line that goes out; what makes a log useful must stay."""

from __future__ import annotations

import time

import pytest

from smarksync.redact import forget_hidden, hide, redact, redact_facts, redact_value, shorten, texts_in


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("mail ada@acme.com now", "mail [e-mail] now"),
        ("GET /x?email=ada%40acme.com&page=2", "GET /x?email=[e-mail]&page=2"),
        ("no person marketing:contacts:ada@acme.com", "no person marketing:contacts:[e-mail]"),
        ("name ü@bücher.de, o'neil@acme.ie", "name [e-mail], [e-mail]"),
        ("call +49 30 123456 or 030/1234567", "call [phone] or [phone]"),
        ("(415) 555-0100; 415-555-0100; +4930123456;ext=12", "[phone]; [phone]; [phone]"),
        ("0049 30 1234567", "[phone]"),
        ("Authorization: Bearer abcdefgh.123", "Authorization: [redacted]"),
        ("sent Bearer abcdefgh.123", "sent Bearer [redacted]"),
        ("https://user:pa55@host/x", "https://[redacted]@host/x"),
        ("access_token=abc&x=1", "access_token=[redacted]&x=1"),
        ('{"client_secret": "abc def", "n": 1}', '{"client_secret": "[redacted]", "n": 1}'),
        ("pat-na1-12345678-1234-1234-1234-123456789012", "[redacted]"),
        ("6489a1b2c3d4e5f6a7b8c9d0:" + "ab" * 32, "[redacted]"),
        ("key bcrm_0a1b2c3d4e", "key [redacted]"),
        ("sha " + "0a" * 20, "sha [redacted]"),
        ("a1" * 10 + "." + "b2" * 10 + "." + "c3" * 10, "[redacted]"),
        ("eyJhbGciOiJIUzI1.eyJpc3MiOiJ4.abc", "[redacted]"),
    ],
)
def test_what_goes(text, out):
    assert redact(text) == out
    assert redact(out) == out


@pytest.mark.parametrize(
    "text",
    [
        "at 2026-11-22T00:07:44.113Z and 2026-11-22 02:32:23",
        "run 3f2b6c1e-1111-4222-8333-123456789012, v1.35.0 at 127.0.0.1:8080",
        "hubspot:contacts:12345678901 and id 12345678901, 003AB00000XYZ",
        "wrote 1024 of 20000 rows in 12.5 s, 0 errors, tokens: 5",
        "a ratio of 0.123456789 after 00:01:02.123456",
        "rule people.phone on sales:Lead",
        "basic settings, token feeds",
    ],
)
def test_what_stays(text):
    assert redact(text) == text


def test_what_the_reader_typed_is_shown_to_them_and_nothing_else():
    said = "ada@acme.com, bob@acme.com; +49 30 123456; token=abcdef1"
    typed = ("explain", "crm:leads:ada@acme.com", "--x=+49 30 123456", "token=abcdef1")
    assert redact(said, typed=typed) == "ada@acme.com, [e-mail]; +49 30 123456; token=[redacted]"
    assert redact(said, typed=("explain",)) == redact(said) == "[e-mail], [e-mail]; [phone]; token=[redacted]"


def test_known_secrets_vanish_wherever_they_stand():
    hide("s3cr3t-value", "s3cr3t-value-longer", "no")
    try:
        assert redact("x s3cr3t-value-longer y s3cr3t-value no") == "x [redacted] y [redacted] no"
    finally:
        forget_hidden()
    assert redact("s3cr3t-value") == "s3cr3t-value"


def test_facts_are_redacted_by_name_and_by_look():
    facts = {
        "email": "not even an address",
        "counts": {"email": 12, "phone": 3},
        "phone": 4930123456,
        "api_key": "abc",
        "to": ["ada@acme.com", {"last_name": "Lovelace"}],
        "rows": 12345678,
        "done": True,
        "error": ValueError("ada@acme.com"),
        "nothing": None,
    }
    assert redact_value(facts) == {
        "email": "[redacted]",
        "counts": {"email": 12, "phone": 3},
        "phone": "[redacted]",
        "api_key": "[redacted]",
        "to": ["[e-mail]", {"last_name": "[redacted]"}],
        "rows": 12345678,
        "done": True,
        "error": "[e-mail]",
        "nothing": None,
    }


def test_what_only_the_caller_knows():
    assert redact("key hush-hush refused", secrets=["hush-hush", ""]) == "key [redacted] refused"
    sent = {"Name": "Ada Lovelace", "n": ["ok", 7]}
    assert redact("ADA LOVELACE already exists, ok", echoes=texts_in(sent)) == "[value] already exists, ok"
    assert redact_facts({"why": "hush-hush", "n": {"a": ["hush-hush"]}}, secrets=["hush-hush"]) == {
        "why": "[redacted]", "n": {"a": ["[redacted]"]},
    }  # fmt: skip


def test_vendor_words_are_one_short_line():
    assert shorten("a\n  b") == "a b"
    assert shorten("x" * 400) == "x" * 299 + "…"


@pytest.mark.parametrize("blob", ["a" * 50_000, "a-" * 25_000, "eyJ-" * 12_500, "1 " * 25_000, "a:" * 25_000])
def test_a_long_blob_does_not_stop_a_run(blob):
    start = time.perf_counter()
    redact(blob + "=1")
    assert time.perf_counter() - start < 2
