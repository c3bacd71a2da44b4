"""What the ledger forgets with time, and what it never does."""

from __future__ import annotations

from typing import Any


def ages(w: Any, someone: Any) -> list[dict[str, Any]]:
    return [body for body in w.audit(someone) if body["op"] == "update"]


def test_before_images_go_after_ninety_days_and_the_change_stays(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales", company="Engines")
    w.run()
    w.edit(ada, "marketing", company="Looms")
    w.run()
    w.later(days=89)
    w.run()
    assert ages(w, ada)[0]["vendor"] == {"company": {"before": "Engines", "after": "Looms"}}
    w.later(days=2)
    w.run()
    assert ages(w, ada)[0]["vendor"] == {"company": {"after": "Looms"}}
    assert "Engines" not in str(w.audit(ada)[-1])


def test_the_last_change_of_each_field_is_kept_for_ever(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing")
    w.run()
    for company in ("Engines", "Looms", "Mills"):
        w.edit(ada, "marketing", company=company)
        w.run()
    w.edit(ada, "marketing", phone="+442079460000", email_opt_out=True)
    w.run()
    w.later(days=401)
    w.run()
    kept = w.audit(ada)
    assert [body["op"] for body in kept].count("create") == 1, "for whom and when a record was made"
    assert [list(body["fields"]) for body in ages(w, ada) if "company" in body["fields"]] == [["company"]]
    assert ages(w, ada)[0]["fields"]["company"]["after"] == "Mills"
    assert any("phone" in body["fields"] for body in kept) and any(body["op"] == "consent" for body in kept)
    w.edit(ada, "marketing", company="Forge")
    w.run()
    w.later(days=401)
    w.run()
    changes = [body["fields"]["company"]["after"] for body in ages(w, ada) if "company" in body["fields"]]
    assert changes == ["Forge"], "the one before it is no longer the last"


def test_plans_that_nobody_let_pass_go_after_thirty_days_and_are_made_anew(world: Any) -> None:
    w = world(guards={"first_run": {"count": 1}})
    w.people(3)
    assert w.run().exit_code == 4
    (first,) = w.query("SELECT count(DISTINCT run) FROM plan")
    w.later(days=31)
    assert w.run().exit_code == 4
    assert first == (1,) and w.query(
        "SELECT count(*) FROM plan JOIN runs USING (run) WHERE started_at < ?", _days_ago(w, 30)
    ) == [(0,)]
    assert w.run(allow="first_run")["sales"]["created"] == 3


def test_the_config_says_how_long(world: Any) -> None:
    w = world()
    w.config["retention"] = {"before_images": "2 days", "audit": "5 days"}
    ada = w.person("Ada Lovelace", "marketing sales", company="Engines")
    w.run()
    w.edit(ada, "marketing", company="Looms")
    w.run()
    w.edit(ada, "marketing", company="Mills")
    w.run()
    w.later(days=3)
    w.run()
    assert ["before" in body["vendor"]["company"] for body in ages(w, ada)] == [False, False]
    w.later(days=3)
    w.run()
    assert len(ages(w, ada)) == 1


def test_a_dry_run_forgets_nothing_and_a_sweep_is_bounded(world: Any, monkeypatch: Any) -> None:
    from smarksync.ledger import retention

    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    for company in ("Engines", "Looms", "Mills", "Forge"):
        w.edit(ada, "marketing", company=company)
        w.run()
    monkeypatch.setattr(retention, "PIECE", 2)
    w.later(days=91)
    w.plan()

    def old_images() -> int:
        return sum("before" in body["vendor"]["company"] for body in ages(w, ada))

    assert old_images() == 4
    left = []
    for _ in range(4):
        w.run()
        left.append(old_images())
    assert left[-1] == 0 and left[0] > 0, "a piece at a time"


def _days_ago(w: Any, days: int) -> str:
    from datetime import timedelta

    from smarksync.engine.context import instant

    return instant(w.clock() - timedelta(days=days))
