"""The address book of docs/plugins.md as a simulator: what a plugin brings as its ``simulator.py``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from smarksync.simulator import Answer, Request, Simulator, people, route

KEY = "key-of-the-address-book"
FIELDS = ("email", "first", "last", "no_mail")


class RolodexSimulator(Simulator):
    """Two rows a page, unique addresses, first and last names of forty characters."""

    vendor = "rolodex"

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.rows: dict[str, dict[str, Any]] = {}
        for person in people(self.seed, self.size):
            self.put({"email": person.email, "first": person.first_name, "last": person.last_name, "no_mail": False})

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"base_url": self.url, "api_key": KEY}

    @property
    def environment(self) -> Mapping[str, str]:
        return {"ROLODEX_URL": self.url, "ROLODEX_KEY": KEY}

    def before(self, request: Request) -> Answer | None:
        wrong = request.headers.get("authorization") != f"Bearer {KEY}"
        return Answer(401, {"message": "who are you?"}) if wrong else None

    def put(self, fields: Mapping[str, Any], rid: str | None = None) -> dict[str, Any]:
        rid = rid or f"p{len(self.rows) + 1}"
        blank = dict.fromkeys(FIELDS)
        self.rows[rid] = {**blank, **self.rows.get(rid, {}), **fields, "id": rid, "edited": self.now().isoformat()}
        return self.rows[rid]

    def contract_opted_out(self, stream: str, rid: str) -> bool | None:
        return bool(self.rows[rid]["no_mail"]) or None

    @route("GET", "/people", query=("since", "page", "email", "limit"))
    def list(self, request: Request) -> Answer:
        rows = [*self.rows.values()]
        if since := request.query.get("since"):
            rows = [r for r in rows if r["edited"] > (datetime.fromisoformat(since) - timedelta(seconds=5)).isoformat()]
        if email := request.query.get("email"):
            rows = [r for r in rows if (r["email"] or "").lower() == email.strip().lower()]
        first = int(request.query.get("page", "0"))
        more = str(first + 2) if first + 2 < len(rows) else None
        return Answer(200, {"people": rows[first : first + 2], "next": more, "now": self.now().isoformat()})

    @route("POST", "/people")
    def create(self, request: Request) -> Answer:
        return self.refusal(request.json(), None) or Answer(200, self.put(request.json()))

    @route("PATCH", "/people/{id}")
    def change(self, request: Request) -> Answer:
        rid = request.params["id"]
        if rid not in self.rows:
            return self.not_found(request)
        return self.refusal(request.json(), rid) or Answer(200, self.put(request.json(), rid))

    def refusal(self, fields: Mapping[str, Any], rid: str | None) -> Answer | None:
        if any(len(fields.get(name) or "") > 40 for name in ("first", "last")):
            return Answer(400, {"message": "too long"})
        if set(fields) - set(FIELDS) or (rid is None and not fields.get("email")):
            return Answer(400, {"message": "no such row"})
        held = [
            r["id"]
            for r in self.rows.values()
            if fields.get("email") and r["email"] == fields["email"] and r["id"] != rid
        ]
        return Answer(409, {"held_by": held}) if held else None
