"""The settings that every HTTP connector takes (interface.md, Config)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from smarksync.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smarksync.plugin.session import Session

    from .client import Client
    from .http import httpx


class HttpSettings(BaseModel):
    """Subclass it with the vendor's own settings; credentials are ``SecretStr``. Errors never repeat a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field(description="Address of the system, as https://host or https://host/path.")
    timeout: float = Field(30.0, gt=0, le=600, description="Seconds to wait for an answer.")
    rate_limit: str | None = Field(None, description='Calls at most, as "100/10s" or "5 per second".')
    proxy: str | None = Field(None, repr=False, description="Address of a proxy.")
    ca_file: str | None = Field(None, description="Certificates to trust, relative to the config file.")
    hosts: tuple[str, ...] = Field((), description="Other hosts that this system may send us to.")
    allow_http: bool = Field(False, description="Plain http although the system is not on this machine.")

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate(cls, text: str | None) -> str | None:
        from .budget import parse_rates

        try:
            parse_rates(text) if text else None
        except ConfigError as wrong:
            raise ValueError(str(wrong)) from None
        return text

    @model_validator(mode="after")
    def _is_an_address(self) -> HttpSettings:
        self.check_address("base_url")
        return self

    def check_address(self, name: str) -> None:
        """For a validator: raises ValueError when that setting is no address that we may talk to."""
        from .urls import Trust

        try:
            Trust(getattr(self, name), hosts=self.hosts, allow_http=self.allow_http, setting=name)
        except ConfigError as wrong:
            raise ValueError(str(wrong)) from None

    def connect(
        self,
        session: Session,
        *,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        base_url: str | None = None,
        setting: str = "base_url",
    ) -> Client:
        """The session's client with all of these settings; nothing is sent yet."""
        return session.client(
            base_url or self.base_url,
            auth=auth,
            headers=headers,
            timeout=self.timeout,
            rate_limit=self.rate_limit,
            proxy=self.proxy,
            ca_file=str(Path(session.root) / self.ca_file) if self.ca_file else None,
            hosts=self.hosts,
            allow_http=self.allow_http,
            setting=setting,
        )
