"""Opt-outs: ``hs_email_optout`` is shown with the contact and written through communication preferences.

The sheet's addendum: v4 and the dated versions can unsubscribe an address from everything and re-subscribe it to
single types; v3 knows single types only and never re-subscribes, so it is not used.

Several opt-outs go in one call where the account may do that (the sheet: Enterprise). The answer names who is out only
with ``verbose`` (HubSpot's OpenAPI description of ``batch/unsubscribe-all``, v4); whoever it does not name is said alone,
which also tells what is wrong with an address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from smarksync.kit.resolve import modest, vendor_words
from smarksync.kit.response import Response
from smarksync.plugin import PermissionDenied, Unknown

from .client import Api, body_of, objects_of, results_of
from .refusals import PERMISSION, REFUSED, Refusal

#: what is wrong with the token or the account, and not with an address
_NOT_ALLOWED = (403, 404, 405)


class Consent:
    """Says opt-outs, together where that is allowed, and opt-ins, one address a call."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._types: tuple[int, ...] | None = api.settings.resubscribe or None
        self._together = True

    def say_all(self, wanted: Sequence[tuple[Any, bool]]) -> Iterator[Refusal | Unknown | None]:
        """For every (address, whether out): opts it out of all marketing mail, or in again. What stood in the way, or
        that the answer is lost (the same word twice is one); None when it is done."""
        over = self._out_together([str(address) for address, out in wanted if address and out])
        for address, out in wanted:
            try:
                yield None if out and str(address).lower() in over else self._say(address, out=out)
            except PermissionDenied as refused:
                yield Refusal(PERMISSION, refused.message)
            except Unknown as lost:
                yield lost

    def _say(self, address: Any, *, out: bool) -> Refusal | None:
        if not address:
            return Refusal(REFUSED, "the contact has no e-mail address to opt out")
        return self._opt_out(str(address)) if out else self._opt_in(str(address))

    def _out_together(self, addresses: Sequence[str]) -> set[str]:
        """Those that the account took in one call and names as out of everything."""
        if len(addresses) < 2 or not self._together:
            return set()
        try:
            answer = self._api.call(
                "POST", self._api.at("consent", "/statuses/batch/unsubscribe-all"),
                params={"channel": "EMAIL", "verbose": "true"}, json={"inputs": addresses}, kind="write",
                idempotent=True, accept=(400, *_NOT_ALLOWED), expect="json?",
            )  # fmt: skip
        except Unknown:
            return set()
        if answer.status in _NOT_ALLOWED:
            self._together = False
        if answer.status >= 400:
            return set()
        return {
            str(one.get("subscriberIdString")).lower()
            for one in objects_of(body_of(answer).get("results"))
            if _out(one)
        }

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


def _out(one: Mapping[str, Any]) -> bool:
    """Whether an address of a batch is out of every type; of one without a word it is not known."""
    told = one.get("statuses")
    if not isinstance(told, list) or not told:
        return False
    return all(isinstance(each, Mapping) and each.get("status") == "UNSUBSCRIBED" for each in told)


def _problem(answer: Response) -> Refusal | None:
    if answer.status >= 400:
        return Refusal(REFUSED, modest(vendor_words(answer)) or f"refused ({answer.status})")
    errors = body_of(answer).get("errors")
    if errors:
        first = errors[0]
        return Refusal(REFUSED, modest(str(first.get("message") if isinstance(first, Mapping) else first)))
    return None
