"""What a Ghost connection is told in the config."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from smarksync.kit.settings import HttpSettings

#: Looking back behind a cursor: whole seconds, commits that come late, and clocks of several servers.
OVERLAP = timedelta(seconds=5)

_KEY = re.compile(r"[0-9a-f]{24}:(?:[0-9a-f]{2})+", re.IGNORECASE)


class GhostSettings(HttpSettings):
    """``base_url`` is the site's address, with or without ``/ghost``."""

    admin_key: SecretStr = Field(description="Admin API key of a custom integration, as id:secret.")
    full_read_hours: float = Field(
        24.0, gt=0, description="At least this often all members are read: Ghost logs no bulk edits anywhere."
    )

    @field_validator("admin_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr) -> SecretStr:
        if not _KEY.fullmatch(key.get_secret_value().strip()):
            raise ValueError(
                "admin_key is not an Admin API key: copy it whole, as id:secret, from Settings, Integrations in Ghost "
                "(the Content API key is another one)"
            )
        return SecretStr(key.get_secret_value().strip())

    @property
    def api_url(self) -> str:
        """Where the Admin API answers."""
        site = self.base_url.rstrip("/").removesuffix("/api/admin").removesuffix("/ghost")
        return f"{site}/ghost/api/admin"
