"""What each opened connector is lent: clients with budgets, encrypted tokens, a modest log, call counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, SecretStr

from smarksync import log
from smarksync.config import Config
from smarksync.kit.budget import Budgets
from smarksync.kit.session import OpenSession
from smarksync.ledger.budgets import SharedBudgets, budgets_path
from smarksync.ledger.db import Ledger, ledger_path
from smarksync.ledger.tokens import TokenStore
from smarksync.redact import hide


class Sessions:
    """Makes the session of each connection of one process; all of them share the rate budgets and the token store."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.log = log.get()
        root = str(config.root)
        place = ledger_path(config.ledger_url, root)
        self.shared = SharedBudgets(budgets_path(place))
        self.budgets = Budgets(shared=self.shared)
        self.tokens = TokenStore(place, lambda: Ledger(config.ledger_url, root=root), warn=self.log.warning)

    def __call__(self, name: str, settings: Any) -> OpenSession:
        """The session of a connection; ``settings`` tell which texts are secret."""
        own = sorted(_secrets(settings))
        secrets = {*self.config.secrets, *own}
        hide(*secrets)
        return OpenSession(
            name,
            root=str(self.config.root),
            tokens=self.tokens.of(name),
            log=self.log.bind(connection=name),
            budgets=self.budgets,
            # who signs with the same credentials draws on the same limits, whatever the connection is called
            account=hashlib.sha256("\0".join(own).encode()).hexdigest() if own else name,
            secrets=secrets,
        )

    def close(self) -> None:
        """Lets the token store and the budgets go."""
        self.tokens.close()
        self.shared.close()


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        if len(text) >= 6:
            yield text
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _secrets(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _secrets(one)
