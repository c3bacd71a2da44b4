"""What a config says to reach a Salesforce org."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from smarksync.kit.settings import HttpSettings


class SalesforceSettings(HttpSettings):
    """The settings of every HTTP connector, and one of three ways to log in.

    Client credentials: ``client_id``, ``client_secret``. Refresh token: ``client_id``, ``refresh_token`` and the
    secret, where the app has one. JWT bearer: ``client_id``, ``username`` and ``private_key`` (PEM).
    """

    base_url: str = Field("", description="The org's address; empty: as the login tells (instance_url).")
    login_url: str = Field("https://login.salesforce.com", description="Where tokens come from; My Domain works, too.")
    client_id: str = Field(description="Consumer key of the external client app.")
    client_secret: SecretStr | None = Field(None, description="Consumer secret.")
    refresh_token: SecretStr | None = Field(None, description="Refresh token of a user who approved the app.")
    username: str | None = Field(None, description="The user to act as (JWT bearer).")
    private_key: SecretStr | None = Field(None, description="Private key of the app's certificate, PEM (JWT bearer).")
    audience: str | None = Field(None, description="Audience of the JWT; by default login or test.salesforce.com.")
    api_version: str = Field("61.0", description="Version of the REST API.")
    loss_reason_field: str = Field("Loss_Reason__c", description="Opportunity field with the reason of a loss.")
    bulk_read_above: int = Field(20_000, ge=0, description="Rows from which on a whole read is a Bulk API job.")
    bulk_write_above: int = Field(2_000, ge=0, description="Rows from which on a write is a Bulk API job; 0 = never.")

    save_duplicates: bool = Field(False, description="Save records although a duplicate rule warns of them.")

    @field_validator("api_version")
    @classmethod
    def _is_a_version(cls, text: str) -> str:
        if not re.fullmatch(r"\d\d\.0", text):
            raise ValueError('write it as "61.0"')
        if float(text) < 46:  # upsert of collections came with 46 (vendors/crm.md 1.7)
            raise ValueError("46.0 is the oldest that this connector can use")
        return text

    @field_validator("loss_reason_field")
    @classmethod
    def _is_a_field(cls, text: str) -> str:
        if not re.fullmatch(r"[A-Za-z]\w*", text):
            raise ValueError("that is no field name")
        return text

    @model_validator(mode="after")
    def _is_an_address(self) -> Self:
        self.check_address("login_url")
        if self.base_url:
            self.check_address("base_url")
        return self

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.private_key is not None:
            if not self.username:
                raise ValueError("private_key wants username: the user to act as")
        elif self.refresh_token is None and self.client_secret is None:
            raise ValueError("one of client_secret, refresh_token or private_key is needed to log in")
        return self
