"""Whom the short way passes over has nothing owed: what :func:`.consent.settle_consent` would say is nothing."""

from __future__ import annotations

import pytest

from smarksync.model.consent import Claim, Status
from smarksync.plan.consent import at_rest, settle_consent
from smarksync.plan.side import Side

from .test_short_ways import MAPPINGS, WHOLE

NOW = "2026-11-22T09:00:00Z"
OPTED_OUT = {"email": Claim(Status.OPTED_OUT, "2026-11-01T09:00:00Z", "shop", None, 0)}
AGREED = {"external_id": "ref7", "email": "ada@example.com", "email_opt_out": True}


def test_who_opted_out_and_was_told_everywhere_is_at_rest() -> None:
    """When, where and why is known to the ledger alone: no record has a place for it."""
    sides = [Side(1, "a", 7, WHOLE[0], {"s": {"JOB_TITLE": "two"}}), Side(2, "b", 7, WHOLE[1], {})]
    assert at_rest(sides, AGREED, OPTED_OUT)
    found = settle_consent(sides, AGREED, OPTED_OUT, {}, frozenset({"shop", "crm"}), NOW)
    assert found is not None and not (found.changed or found.rows or found.values or found.taken or found.refused)


def test_an_opt_out_that_was_taken_off_is_not_at_rest() -> None:
    sides = [Side(1, "a", 7, WHOLE[0], {}), Side(2, "b", 7, WHOLE[1], {"s": {"NO_MAIL": False}})]
    assert not at_rest(sides, AGREED, OPTED_OUT)
    assert at_rest([sides[0], Side(2, "b", 7, WHOLE[1], {})], AGREED, OPTED_OUT)


@pytest.mark.parametrize("agreed", [AGREED, {**AGREED, "consent_source": "desk"}])
def test_a_place_for_the_evidence_has_to_show_it(agreed: dict[str, object]) -> None:
    sides = [Side(1, "a", 7, WHOLE[0], {}), Side(2, "b", 7, MAPPINGS[1], {})]
    assert not at_rest(sides, agreed, OPTED_OUT)
    found = settle_consent(sides, agreed, OPTED_OUT, {}, frozenset({"shop", "crm"}), NOW)
    assert found is not None and found.values == {"consent_source": "shop"}
