"""What a config says to reach a HubSpot account."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, model_validator

from smarksync.kit.settings import HttpSettings

LegalBasis = Literal[
    "CONSENT_WITH_NOTICE", "LEGITIMATE_INTEREST_CLIENT", "LEGITIMATE_INTEREST_OTHER", "LEGITIMATE_INTEREST_PQL",
    "NON_GDPR", "PERFORMANCE_OF_CONTRACT", "PROCESS_AND_STORE",
]  # fmt: skip


class HubSpotSettings(HttpSettings):
    """The settings of every HTTP connector, credentials (a token, or a refresh token), and HubSpot's own choices."""

    base_url: str = Field("https://api.hubapi.com", description="Address of the API.")
    access_token: SecretStr | None = Field(None, description="Token of a private app or service key (pat-…).")
    client_id: str | None = Field(None, description="OAuth: the app's client id.")
    client_secret: SecretStr | None = Field(None, description="OAuth: the app's client secret.")
    refresh_token: SecretStr | None = Field(None, description="OAuth: the refresh token of the installed app.")
    token_path: str = Field("/oauth/v1/token", description="OAuth: where access tokens are made, below base_url.")
    api_version: str = Field(
        "v3", pattern=r"^(v3|\d{4}-\d{2})$", description="`v3` (with v4 associations) or a dated version, as `2026-03`."
    )
    rate_limit: str | None = Field(
        "100/10s", description='Calls at most: what every plan allows; Professional and Enterprise: "190/10s".'
    )
    search_rate_limit: str = Field(
        "4/1s", description="Search calls at most: HubSpot allows five a second for all apps of the account."
    )
    index_lag: float = Field(
        120.0, ge=0, le=3600, description="Seconds that HubSpot's search may lag behind: each read looks back so far."
    )
    history: bool = Field(
        False,
        description="Read the history of changed fields, to tell the newer edit: one more call per 50 changed rows.",
    )
    score_property: str = Field("hubspotscore", description="The portal's score property.")
    allow_without_email: bool = Field(False, description="Create contacts that have no e-mail address.")
    active_lists: tuple[str, ...] = Field(
        (),
        description="Names (with `*`) of active lists whose members are read, beside those of all static ones. An active "
        "list is read anew whenever its filter lets somebody in or out.",
    )
    resubscribe: tuple[int, ...] = Field(
        (), description="Ids of the subscription types that an opt-in restores (none: all of the account's)."
    )
    legal_basis: LegalBasis | None = Field(None, description="Legal basis of an opt-in, where data privacy is on.")
    legal_basis_explanation: str | None = Field(None, description="The words that go with it.")

    @model_validator(mode="after")
    def _has_credentials(self) -> HubSpotSettings:
        oauth = (self.client_id, self.client_secret, self.refresh_token)
        if self.access_token is not None and any(oauth):
            raise ValueError("give access_token, or client_id, client_secret and refresh_token, and not both")
        if self.access_token is None and not all(oauth):
            raise ValueError("give access_token, or all of client_id, client_secret and refresh_token")
        return self
