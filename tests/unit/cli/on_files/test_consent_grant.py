"""What a person said to a person: an opt-in with its evidence goes everywhere; without any, it changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from .conftest import Workspace

SIGNED = ("--basis", "own_act", "--source", "form 12, signed")


def after() -> str:
    """A moment that is later than every run so far, and over."""
    return datetime.now(UTC).isoformat()


def bobs(workspace: Workspace) -> tuple[str, str]:
    """What both systems show of Bob's flag."""
    contact = next(line for line in workspace.contacts.read_text().splitlines() if "bob@" in line)
    lead = next(line for line in workspace.leads.read_text().splitlines() if "bob@" in line)
    return contact.split(",")[7], lead.split(",")[7]


def test_a_granted_opt_in_reaches_every_system_and_stays(workspace: Workspace) -> None:
    assert workspace.run("run").code == 0
    assert bobs(workspace) == ("true", "yes")
    told = workspace.run("consent", "grant", "bob@example.com", *SIGNED, "--at", after(), "--json").json
    assert (told["done"], told["before"], told["channel"]) == ("granted", "opted_out", "email")
    assert workspace.run("run").code == 0
    assert bobs(workspace) == ("false", "no")
    assert workspace.run("run", "--json").json["jobs"][0]["sides"]["sales"]["leads"]["planned"] == 0
    said = workspace.run("explain", "bob@example.com").out
    assert "opted in" in said and "consent: email opted_in by person" in said
    workspace.replace(workspace.leads, "bob@example.com,Bob,Noyce,,,10,no", "bob@example.com,Bob,Noyce,,,10,yes")
    workspace.run("run")
    assert bobs(workspace) == ("true", "yes"), "the next opt-out is taken again"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--basis", "own_act", "--source", "x", "--at", "2026-01-01T00:00:00Z"), "must be later than that"),
        (("--basis", "own_act", "--source", "x", "--at", "2999-01-01T00:00:00Z"), "has not happened yet"),
        (("--basis", "own_act", "--source", "x", "--at", "yesterday"), "not a time"),
        (("--basis", "legal", "--source", "x", "--at", "2026-01-01T00:00:00Z"), "no act of the person's own"),
        (("--basis", "own_act", "--source", " ", "--at", "2026-01-01T00:00:00Z"), "where the evidence is kept"),
        ((*SIGNED, "--at", "2026-01-01T00:00:00Z", "--channel", "fax"), "no channel"),
        (SIGNED, "--at"),
    ],
    ids=["earlier", "future", "no time", "no act", "no source", "channel", "missing"],
)
def test_what_may_not_stand_changes_nothing(workspace: Workspace, words: tuple[str, ...], said: str) -> None:
    workspace.run("run")
    refused = workspace.run("consent", "grant", "bob@example.com", *words)
    assert refused.code == 2 and said in refused.err and refused.out == ""
    assert "[e-mail]" not in refused.err
    workspace.run("run")
    assert bobs(workspace) == ("true", "yes")


def test_a_refusal_names_whom_the_user_named_and_nobody_else(workspace: Workspace) -> None:
    workspace.run("run")
    early = (*SIGNED, "--at", "2026-01-01T00:00:00Z")
    said = workspace.run("consent", "grant", "bob@example.com", *early)
    assert said.err.startswith("bob@example.com has opted out, as of ") and "must be later than that" in said.err
    said = workspace.run("consent", "grant", "BOB@example.com", *early, "--json")
    assert said.json["error"]["message"].startswith("BOB@example.com has opted out")
    said = workspace.run("consent", "grant", "Nobody@Example.com", *early)
    assert said.code == 2 and "nobody@example.com" in said.err


def test_an_opt_in_that_stands_is_not_weakened(workspace: Workspace) -> None:
    workspace.run("run")
    first = datetime.now(UTC)
    grant = ("consent", "grant", "ada@example.com", "--source", "x", "--at")
    assert workspace.run(*grant, first.isoformat(), "--basis", "double_opt_in").code == 0
    earlier = (first - timedelta(days=1)).isoformat()
    assert "opted in already" in workspace.run(*grant, earlier, "--basis", "own_act").err
