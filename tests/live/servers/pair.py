"""The other users of Ghost and BottleCRM: people who type into both systems while SmarkSync keeps them in agreement.

Standard library only and nothing of ours, so that what a test sees is what the servers hold.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

FIRST = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Katherine", "Linus", "Radia", "Tim", "Vint", "Anita", "Ken", "Dennis", "Margaret", "Annie", "Hedy", "Jean", "Mary", "Sofia"]  # fmt: skip
LAST = ["Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Johnson", "Torvalds", "Perlman", "Berners", "Cerf", "Borg", "Thompson", "Ritchie", "Hamilton", "Easley", "Lamarr", "Bartik", "Somerville", "Kovalevskaya"]  # fmt: skip


def person(n: int) -> tuple[str, str, str]:
    """First name, last name and address of person n; no two are alike."""
    return (
        FIRST[n % 20],
        f"{LAST[n // 20 % 20]}-{n // 400}" if n >= 400 else LAST[n // 20 % 20],
        f"p{n:04d}@people.example.com",
    )


class Http:
    """JSON over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def headers(self) -> dict[str, str]:
        """What identifies the user."""
        return {}

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One call; the answer's JSON, None when there is none."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {**self.headers(), "Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:300]!r}") from error
        return json.loads(text) if text else None


class GhostUser(Http):
    """The newsletter's editor."""

    def __init__(self, url: str, admin_key: str) -> None:
        super().__init__(url + "/ghost/api/admin")
        self._id, self._secret = admin_key.split(":")

    def headers(self) -> dict[str, str]:
        now = int(time.time())
        parts = [{"alg": "HS256", "typ": "JWT", "kid": self._id}, {"iat": now, "exp": now + 240, "aud": "/admin/"}]
        text = ".".join(_b64(json.dumps(part).encode()) for part in parts)
        sign = hmac.new(bytes.fromhex(self._secret), text.encode(), hashlib.sha256).digest()
        return {"Authorization": f"Ghost {text}.{_b64(sign)}", "Accept-Version": "v6.0"}

    def add(self, n: int, *, subscribed: bool) -> None:
        """Person n joins."""
        first, last, email = person(n)
        member: dict[str, Any] = {"email": email, "name": f"{first} {last}", "note": f"note {n}" if n % 7 == 0 else ""}
        if n % 11 == 0:
            member["labels"] = ["vip"]
        if not subscribed:
            member["newsletters"] = []
        self.call("POST", "/members/", {"members": [member]})

    def add_all(self, numbers: range, unsubscribed: set[int]) -> None:
        """Many join, four at a time."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: self.add(n, subscribed=n not in unsubscribed), numbers))

    def edit(self, member: Mapping[str, Any], **fields: Any) -> None:
        """The editor changes a member."""
        self.call("PUT", f"/members/{member['id']}/", {"members": [fields]})

    def members(self) -> dict[str, dict[str, Any]]:
        """Everybody by address; an address twice is an error."""
        found: dict[str, dict[str, Any]] = {}
        page = 1
        while True:
            answer = self.call("GET", f"/members/?limit=100&page={page}&order=id%20asc")
            for member in answer["members"]:
                assert member["email"].lower() not in found, f"two members have {member['email']}"
                found[member["email"].lower()] = member
            if not answer["members"] or page >= answer["meta"]["pagination"]["pages"]:
                return found
            page += 1


class CrmUser(Http):
    """The salesperson."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url + "/api")
        self._token = token

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def add(self, n: int, *, opted_out: bool) -> None:
        """Person n becomes a lead."""
        first, last, email = person(n)
        lead = {"title": f"{first} {last}", "first_name": first, "last_name": last, "status": "assigned",
                "email": email.upper() if n % 3 == 0 else email, "company_name": f"Company {n % 40}"}  # fmt: skip
        if opted_out:
            lead["custom_fields"] = {"email_opt_out": True}
        self.call("POST", "/leads/", lead)

    def edit(self, lead: Mapping[str, Any], **fields: Any) -> None:
        """Sales changes a lead."""
        self.call("PATCH", f"/leads/{lead['id']}/", fields)

    def leads(self) -> dict[str, dict[str, Any]]:
        """Every lead by address; an address twice is an error."""
        answer = self.call("GET", "/leads/?limit=5000&offset=0")
        rows = answer["open_leads"]["open_leads"] + answer["close_leads"]["close_leads"]
        found = {row["email"].lower(): row for row in rows}
        assert len(found) == len(rows), "two leads have one address"
        return found


def opted_out(lead: Mapping[str, Any]) -> bool:
    """What the lead's own custom field says."""
    return bool((lead["custom_fields"] or {}).get("email_opt_out"))


def full_name(lead: Mapping[str, Any]) -> str:
    """The lead's two names as one."""
    return f"{lead['first_name'] or ''} {lead['last_name'] or ''}".strip()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
