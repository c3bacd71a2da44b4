"""What a config says to reach a Marketo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from smarksync.kit.settings import HttpSettings

#: What names a lead beside its id.
LEAD_KEYS = ("email", "smarkSyncId")


class MarketoSettings(HttpSettings):
    """``base_url`` is ``https://<munchkin id>.mktorest.com``, with or without ``/rest``."""

    identity_url: str | None = Field(None, description="Identity address, when it is not base_url's /identity.")
    client_id: str = Field(description="Client id of a custom service (Admin, LaunchPoint).")
    client_secret: SecretStr = Field(description="Client secret of that service.")
    # the vendor's limit is 100 calls in 20 s for all integrations of an instance together: half of it is ours
    rate_limit: str | None = Field("50/20s", description="Calls at most; Marketo's own limit for everybody is 100/20s.")
    daily_quota: int = Field(50_000, gt=0, description="Calls a day that the subscription allows, for `check`.")
    lookup_field: str = Field("email", description="Field that new leads are looked up by before they are created.")
    partition: str | None = Field(None, description="Lead partition that new leads go to.")
    look_back_minutes: float = Field(
        10.0, ge=0, le=1440, description="Activities that Marketo shows this late are still noticed."
    )
    bulk: Literal["auto", "never", "always"] = Field("auto", description="Bulk extract for first loads.")
    bulk_from: int = Field(100_000, gt=0, description="Estimated number of rows from which `auto` uses bulk extract.")
    activity_days: int = Field(180, ge=1, le=730, description="How far back the first read of activities goes.")
    activity_type: str | None = Field(
        None, description="Name, API name or id of the custom activity type that activities are written as."
    )
    activity_attributes: Mapping[str, str] = Field(
        {}, description="Which attribute of that type takes what, as {subject: Subject, result: Result}."
    )

    @field_validator("client_id")
    @classmethod
    def _is_an_id(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("client_id is empty: copy it from Admin, LaunchPoint, View Details")
        return text.strip()

    @property
    def root(self) -> str:
        """The address that ``/rest``, ``/bulk`` and ``/identity`` are below."""
        return self.base_url.rstrip("/").removesuffix("/v1").removesuffix("/rest")

    @property
    def token_url(self) -> str:
        """Where tokens come from: never below ``/rest``, which answers 600."""
        identity = (self.identity_url or f"{self.root}/identity").rstrip("/")
        return identity if identity.endswith("/oauth/token") else f"{identity}/oauth/token"
