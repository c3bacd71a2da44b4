"""Secrets are for those who talk to a system: what only reads the ledger works where they are not set."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Workspace

#: a command of every kind that answers from the ledger alone
READERS = [
    ("status",), ("status", "--json"), ("runs",), ("show", "RUN"), ("explain", "ada@example.com"), ("conflicts", "list"),
    ("quarantine", "list"), ("report",), ("digest",), ("agreement",), ("goals",), ("sla", "check"), ("sla", "backtest"),
    ("consent", "grant", "ada@example.com", "--basis", "own_act", "--source", "form", "--at", "2026-11-04T10:00:00Z"),
]  # fmt: skip


@pytest.fixture
def secretive(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Both systems' places and a channel's address come from the environment; a run was made, and they are gone again."""
    text = workspace.config_text.replace("path: marketing", "path: '${MARKETING_AT}'").replace(
        "path: sales", "path: '${SALES_AT}'"
    )
    agreed = "include: [agreement.yaml]\nnotify: {ops: {url: '${OPS_HOOK}', on: [failed]}}\n"
    workspace.config(text + agreed)
    known = (Path(__file__).parents[4] / "configs" / "agreement.yaml").read_text()
    lines = [line for line in known.splitlines(keepends=True) if "notify:" not in line]
    (workspace.folder / "agreement.yaml").write_text("".join(lines))
    told = {"MARKETING_AT": "marketing", "SALES_AT": "sales", "OPS_HOOK": "https://chat.example/hook"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert workspace.run("run", "--quiet").code in (0, 3)
    for name in told:
        monkeypatch.delenv(name)
    return workspace


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_what_reads_the_ledger_needs_no_secret(secretive: Workspace, words: tuple[str, ...]) -> None:
    if "RUN" in words:
        words = ("show", secretive.run("runs", "--json").json["runs"][0]["run_id"])
    said = secretive.run(*words)
    assert said.code == 0, said.err
    assert "_AT" not in said.out + said.err and "OPS_HOOK" not in said.out + said.err


@pytest.mark.parametrize("words", [("run",), ("plan",), ("check",)], ids=" ".join)
def test_what_opens_a_system_says_every_secret_with_its_line(secretive: Workspace, words: tuple[str, ...]) -> None:
    before = secretive.files()
    said = secretive.run(*words)
    assert said.code == 2
    lines = {
        name: n for n, line in enumerate(secretive.config_text.splitlines(), 1) for name in ("MARKETING_AT", "SALES_AT")
        if name in line
    }  # fmt: skip
    for name, line in lines.items():
        told = said.out + said.err
        assert f"smarksync.yaml:{line}: " in told and f"the environment variable {name} is not set." in told, told
    assert ("OPS_HOOK" in said.out + said.err) is (words != ("plan",)), "a plan tells no channel"
    assert "cron has an environment of its own" in said.out + said.err
    assert secretive.files() == before, "nothing was written"


def test_the_message_for_machines_names_every_secret_too(secretive: Workspace) -> None:
    told = secretive.run("run", "--json").json["error"]
    for name in ("MARKETING_AT", "SALES_AT"):
        assert f"the environment variable {name} is not set." in told["message"]
        assert sum(name in problem for problem in told["problems"]) == 1


def test_a_first_run_without_its_secrets_leaves_no_ledger(workspace: Workspace) -> None:
    workspace.config(workspace.config_text.replace("path: sales", "path: '${SALES_AT}'"))
    before = workspace.files()
    assert workspace.run("run").code == 2
    assert workspace.files() == before


def test_a_system_that_no_job_of_the_run_names_needs_no_secret(workspace: Workspace) -> None:
    other = "connections:\n  archive: {connector: files, settings: {path: '${ARCHIVE_AT}'}}\n"
    workspace.config(workspace.config_text.replace("connections:\n", other))
    assert workspace.run("run").code == 0
    said = workspace.run("check", "sales")
    assert said.code == 0, said.out + said.err
    assert "ARCHIVE_AT is not set" in workspace.run("check", "archive").out


def test_a_digest_that_cannot_be_sent_says_why_before_it_is_made(secretive: Workspace) -> None:
    said = secretive.run("digest", "--send", "ops")
    assert said.code == 2 and "the environment variable OPS_HOOK is not set" in said.err
