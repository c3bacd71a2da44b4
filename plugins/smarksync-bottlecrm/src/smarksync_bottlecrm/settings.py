"""What a config says to reach a BottleCRM."""

from __future__ import annotations

from pydantic import Field, SecretStr

from smarksync.kit.settings import HttpSettings


class BottleCRMSettings(HttpSettings):
    """The settings of every HTTP connector, and a token."""

    token: SecretStr = Field(
        description="Personal access token (Settings, API tokens). Without scopes it may do what its owner may."
    )
