"""Opt-outs: ``hs_email_optout`` is shown with the contact and written through communication preferences.

The sheet's addendum: v4 and the dated versions can unsubscribe an address from everything and re-subscribe it to
single types; v3 knows single types only and never re-subscribes, so it is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from smarksync.kit.resolve import modest, vendor_words
from smarksync.kit.response import Response
from smarksync.plugin import PermissionDenied

from .client import Api, body_of, results_of
from .refusals import PERMISSION, REFUSED, Refusal


class Consent:
    """Says opt-outs and opt-ins, one address a call."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._types: tuple[int, ...] | None = api.settings.resubscribe or None

    def say(self, address: Any, *, out: bool) -> Refusal | None:
        """Opts an address out of all marketing mail, or in again; what stood in the way, None when it is done. Raises
        Unknown where the answer is lost: the same word twice is one."""
        if not address:
            return Refusal(REFUSED, "the contact has no e-mail address to opt out")
        try:
            return self._opt_out(str(address)) if out else self._opt_in(str(address))
        except PermissionDenied as refused:
            return Refusal(PERMISSION, refused.message)

    def _opt_out(self, address: str) -> Refusal | None:
        path = self._api.at("consent", f"/statuses/{quote(address, safe='')}/unsubscribe-all")
        answer = self._api.call(
            "POST", path, params={"channel": "EMAIL"}, kind="write", idempotent=True, accept=(400, 404), expect="json?"
        )
        return _problem(answer)

    def _opt_in(self, address: str) -> Refusal | None:
        settings = self._api.settings
        for one in self._subscriptions():
            body: dict[str, Any] = {"channel": "EMAIL", "statusState": "SUBSCRIBED", "subscriptionId": one}
            if settings.legal_basis:
                body["legalBasis"] = settings.legal_basis
                body["legalBasisExplanation"] = settings.legal_basis_explanation or "opted in again"
            path = self._api.at("consent", f"/statuses/{quote(address, safe='')}")
            answer = self._api.call("POST", path, json=body, kind="write", idempotent=True, accept=(400, 404))
            problem = _problem(answer)
            if problem is not None:
                return problem
        return None

    def _subscriptions(self) -> tuple[int, ...]:
        if self._types is None:
            found = results_of(self._api.get(self._api.at("consent", "/definitions"), kind="schema"))
            self._types = tuple(int(one["id"]) for one in found if one.get("isActive", True))
        return self._types


def _problem(answer: Response) -> Refusal | None:
    if answer.status >= 400:
        return Refusal(REFUSED, modest(vendor_words(answer)) or f"refused ({answer.status})")
    errors = body_of(answer).get("errors")
    if errors:
        first = errors[0]
        return Refusal(REFUSED, modest(str(first.get("message") if isinstance(first, Mapping) else first)))
    return None
