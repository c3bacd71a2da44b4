"""Two real servers that none of us wrote stay in agreement: people edit both, a server restarts, a run is killed.

What holds is asked of the servers themselves, record by record, and their writes are counted before them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pair import CrmUser, GhostUser, full_name, opted_out, person
from peers import Peer
from proxy import Proxy

#: 60 % of the people of each side are known to the other, too; below 260 the first_run guard has nothing to stop
SIZE = int(os.environ.get("SMARKSYNC_LIVE_PEOPLE", "500"))
FIRST_IN_CRM = SIZE * 2 // 5
TOTAL = SIZE + FIRST_IN_CRM
CONFIG = Path(__file__).parents[2] / "configs" / "ghost-bottlecrm.yaml"
ALLOW = ("--allow", "first_run", "--allow", "adoption")


class Pair:
    """Both servers behind counting proxies, their people, and the command line."""

    def __init__(self, folder: Path, ghost: Peer, crm: Peer, proxied: Callable[[str], Proxy]) -> None:
        self.folder, self.crm_server = folder, crm
        self.editor, self.sales = GhostUser(ghost.url, ghost.admin_key), CrmUser(crm.url, crm.token)
        self.ghost_proxy, self.crm_proxy = proxied(ghost.url), proxied(crm.url)
        (folder / "smarksync.yaml").write_text(CONFIG.read_text())
        self.env = {
            **os.environ, "GHOST_URL": self.ghost_proxy.url, "GHOST_ADMIN_KEY": ghost.admin_key,
            "BOTTLECRM_URL": self.crm_proxy.url, "BOTTLECRM_TOKEN": crm.token,
        }  # fmt: skip
        self.never_consented = {n for n in range(TOTAL) if n >= SIZE or n % 25 == 0}
        #: who said no on either side
        self.refused = {n for n in range(SIZE) if n % 25 == 0} | {n for n in range(FIRST_IN_CRM, TOTAL) if n % 40 == 1}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A `smarksync` process of its own."""
        call = [sys.executable, "-c", "from smarksync.cli import main; main()", *words]
        return subprocess.Popen(
            call, cwd=self.folder, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """`smarksync run … --json` to its end."""
        process = self.start("run", "--json", *words)
        out, err = process.communicate(timeout=1200)
        assert process.returncode in codes, (process.returncode, out[-3000:], err[-3000:])
        return dict(json.loads(out))

    def count_writes(self) -> int:
        """Write calls that reached either server since the last count."""
        writes = len(self.ghost_proxy.writes) + len(self.crm_proxy.writes)
        self.ghost_proxy.forget()
        self.crm_proxy.forget()
        return writes

    def assert_agreement(
        self, *, missing: frozenset[str] = frozenset(), differing: frozenset[str] = frozenset()
    ) -> None:
        """Every person on both sides with one name, one set of tags and one opt-out, and nobody mailed without consent.

        ``missing`` are addresses that somebody deleted on one side; ``differing`` those with an open question.
        """
        members, leads = self.editor.members(), self.sales.leads()
        for email, lead in leads.items():
            member = members.get(email)
            if int(email[1:5]) in self.refused:
                assert opted_out(lead), f"{email} said no, and sales does not know"
            if member is None:
                assert opted_out(lead) or email in missing, f"{email} is not in the audience"
                continue
            if email not in differing:
                assert member["name"] == full_name(lead), email
                assert sorted(x["name"] for x in member["labels"]) == sorted(t["name"] for t in lead["tags"]), email
                assert (member["note"] or "") == (lead["description"] or ""), email
            assert not (opted_out(lead) and member["subscribed"]), f"{email} opted out and is mailed"
            if int(email[1:5]) in self.never_consented:
                assert not member["subscribed"], f"{email} never consented and is mailed"
        assert set(members) - set(leads) <= missing, "members that sales does not know"


@pytest.fixture
def pair(tmp_path: Path, ghost: Peer, bottlecrm: Peer, proxied: Callable[[str], Proxy]) -> Pair:
    ghost.reset()
    bottlecrm.reset()
    return Pair(tmp_path, ghost, bottlecrm, proxied)


def test_two_real_systems_stay_in_agreement(pair: Pair) -> None:
    fixed = pair.start("check", "--fix")
    out, err = fixed.communicate(timeout=120)
    assert fixed.returncode == 0, (out, err)
    pair.editor.add_all(range(SIZE), {n for n in range(SIZE) if n % 25 == 0})
    for n in range(FIRST_IN_CRM, TOTAL):
        pair.sales.add(n, opted_out=n % 40 == 1)

    _first_run_asks_first(pair)
    _killed_in_the_middle(pair)
    _server_restarts_in_the_middle(pair)
    pair.assert_agreement()
    pair.count_writes()
    second = pair.run()
    assert pair.count_writes() == 0, second["jobs"]

    deleted, asked = _people_work_on(pair)
    report = pair.run(codes=(0, 3))
    sides = report["jobs"][0]["sides"]
    assert sides["audience"]["members"]["conflicts"] == len(asked)
    pair.assert_agreement(missing=deleted, differing=asked)
    pair.count_writes()
    pair.run(codes=(0, 3))
    assert pair.count_writes() == 0


def _first_run_asks_first(pair: Pair) -> None:
    """Nothing but opt-outs is written before somebody has allowed a first run of this size."""
    pair.count_writes()
    report = pair.run(codes=(4,))
    assert report["jobs"][0]["stopped_by"] == "first_run"
    opt_outs = sum(n % 25 == 0 for n in range(FIRST_IN_CRM, SIZE)) + sum(n % 40 == 1 for n in range(FIRST_IN_CRM, SIZE))
    both = sum(n % 25 == 0 and n % 40 == 1 for n in range(FIRST_IN_CRM, SIZE))
    assert pair.count_writes() == opt_outs - 2 * both
    assert not set(pair.editor.members()) - {person(n)[2] for n in range(SIZE)}


def _killed_in_the_middle(pair: Pair) -> None:
    """kill -9 while the answer to a create is on its way: the server has made it, and we have not heard."""
    creates = [pair.crm_proxy.hold_answer("POST", "/api/leads/") for _ in range(FIRST_IN_CRM // 3)]
    for held in creates[:-1]:
        held.release()
    process = pair.start("run", *ALLOW)
    assert creates[-1].arrived.wait(600), process.communicate(timeout=5)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    creates[-1].release()


def _server_restarts_in_the_middle(pair: Pair) -> None:
    """The CRM goes down between two creates, and comes back; the next run finishes what this one could not."""
    held = pair.crm_proxy.hold_request("POST", "/api/leads/")
    process = pair.start("run", "--json", *ALLOW)
    assert held.arrived.wait(600), process.communicate(timeout=5)
    pair.crm_server.restart()
    held.release()
    out, err = process.communicate(timeout=1200)
    assert process.returncode in (0, 5), (process.returncode, out[-3000:], err[-3000:])
    pair.run(*ALLOW)


def _people_work_on(pair: Pair) -> tuple[frozenset[str], frozenset[str]]:
    """Edits, conflicts, opt-outs and deletes on both sides. Returns the deleted and the contested addresses."""
    members, leads = pair.editor.members(), pair.sales.leads()
    shared = [person(n)[2] for n in range(FIRST_IN_CRM + 2, SIZE) if n % 25 and n % 40 != 1]
    names, surnames, contested, stops, refusals, gone_there, gone_here, tagged = (
        shared[0:10], shared[10:20], shared[20:23], shared[23:28], shared[28:33], shared[33:36], shared[36:39], shared[39:42],
    )  # fmt: skip
    for email in names:
        pair.editor.edit(members[email], name=members[email]["name"] + " Jr")
    for email in surnames:
        pair.sales.edit(leads[email], last_name="Newname", company_name="Moved Ltd")
    for email in contested:
        pair.editor.edit(members[email], name=f"{leads[email]['first_name']} Editor")
        pair.sales.edit(leads[email], last_name="Sales")
    for email in stops:
        pair.editor.edit(members[email], newsletters=[])
        pair.never_consented.add(int(email[1:5]))
    pair.refused |= {int(email[1:5]) for email in (*stops, *refusals)}
    for email in refusals:
        pair.sales.edit(leads[email], custom_fields={"email_opt_out": True})
    for email in tagged:
        pair.editor.edit(members[email], labels=["vip", "speaker"], note="met at the fair")
    for email in gone_there:
        pair.editor.call("DELETE", f"/members/{members[email]['id']}/")
    for email in gone_here:
        pair.sales.call("DELETE", f"/leads/{leads[email]['id']}/")
    return frozenset((*gone_there, *gone_here)), frozenset(contested)
