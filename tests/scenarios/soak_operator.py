"""Who answers what SmarkSync asks in the random histories of soak.py: by the commands that stand with the questions."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import typer

from smarksync.cli.globals import Globals
from smarksync.cli.main import app
from smarksync.engine.registry import Registry

from .soak_desks import AtSalesforce, Card, Persons, Ref


class Operator:
    """Somebody who knows both systems, and types commands."""

    def __init__(
        self,
        file: Path,
        registry: Registry,
        marketing: Any,
        sales: AtSalesforce,
        persons: Persons,
        tell: Callable[..., None],
    ) -> None:
        self.file, self.registry = file, registry
        self.marketing, self.sales, self.persons, self.tell = marketing, sales, persons, tell
        self._answered: set[str] = set()

    def answer(self) -> bool:
        """Does what the first open question asks for, by the command that stands with it; whether there was one. What a
        system refused is tried again once."""
        for queue in ("conflicts", "quarantine"):
            for one in self.say(queue, "list", "--json")[queue]:
                said = one.get("question") or one["message"]
                if said not in self._answered:
                    self._answered.add(said)
                    self._settle(one, said)
                    return True
        return False

    def doubts(self, ref: Ref) -> bool:
        """Whether it waits for an answer to the question who it is."""
        waiting = self.say("quarantine", "list", "--json")["quarantine"]
        return any((one.get("record") or "").endswith(f":{ref.id}") for one in waiting)

    def _settle(self, one: dict[str, Any], said: str) -> None:
        command = shlex.split(one["release"][0])[1:]
        self.tell("asked", said, *command)
        twins = re.findall(r"(sales|marketing):\w+:(\w+)", said) if "merge them there" in said else []
        if twins:
            desk = self.sales if twins[0][0] == "sales" else self.marketing
            stays, *others = (next(ref for ref in desk.living() if ref.id == rid) for _, rid in twins)
            for one in others:
                stays = desk.merge(stays, one)
            return
        self.say(*command, "--json")
        if "--join" in command:
            records = [*one.get("new_from", ()), one.get("record"), *one.get("records", ())]
            records += [record for candidate in one.get("candidates", ())[:1] for record in candidate["records"]]
            addresses = [card.email for record in records if record and (card := self._card(record))]
            for address in addresses[1:]:
                self.persons.one(addresses[0], address)

    def _card(self, record: str) -> Card | None:
        system, _, rid = record.split(":")
        desk = self.sales if system == "sales" else self.marketing
        return next((card for ref, card in desk.living().items() if ref.id == rid and card.email), None)

    def say(self, *words: str) -> Any:
        """A command as somebody types it; its JSON."""
        settings, told = Globals(), io.StringIO()
        settings.registry, settings.json = self.registry, True
        args = ["--config", str(self.file), *words]
        with redirect_stdout(told):
            command = typer.main.get_command(app)
            command.main(args, prog_name="smarksync", standalone_mode=False, obj=settings)
        return json.loads(told.getvalue())
