"""One page for the regular meeting of the two teams: what changed, what is at risk, why leads come back, what waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from smarksync.alignment.pages import Heading, Items, Part, Sentence, Table
from smarksync.config import Config
from smarksync.ledger.db import Ledger

from .. import scorecard
from .collect import collect
from .period import Period

#: lines of a list at most: it is one page
MOST = 8
_RUNGS = (
    ("lead", "New leads"), ("mql", "Became MQL"), ("sal", "Accepted"), ("sql", "Became SQL"),
    ("opportunity", "Opportunities"), ("customer", "New customers"),
)  # fmt: skip
_WORRY = ("breached", "at_risk")


def digest(
    config: Config, ledger: Ledger, period: Period, now: datetime, named: str | None = None
) -> tuple[str, list[Part]]:
    """The title and the parts of the page. ``named``: the month, quarter or year whose promises are judged, else now's."""
    found, before = (collect(config, ledger, one, now) for one in (period, period.before()))
    card = scorecard.check(config, ledger, now, named) if config.agreement is not None else None
    parts = [
        Sentence(f"Compared with {before['period']['label']}. Shares with their 95 % interval: smarksync report."),
        *_changed(found, before), *_promises(card), *_reasons(found), *_good(found), *_waiting(ledger),
    ]  # fmt: skip
    return f"{config.workspace}: marketing and sales, {period.label}", parts


def _changed(found: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[Part]:
    yield Heading("What changed")
    now, then = found["funnel"]["whole"]["counts"], before["funnel"]["whole"]["counts"]
    rows = [[title, f"{now[rung]:,}", f"{then[rung]:,}", _change(now[rung], then[rung])] for rung, title in _RUNGS]
    rows.append(["Handed over", *_pair(found["handoffs"]["offered"], before["handoffs"]["offered"])])
    currency = found["currency"] or ""
    won, earlier = found["attribution"]["amount"], before["attribution"]["amount"]
    rows.append([f"Won {currency}".strip(), f"{won:,.0f}", f"{earlier:,.0f}", _change(won, earlier)])
    yield Table("This period and the one before", ("", "now", "before", "change"), rows)
    best = found["attribution"]["models"][0]["rows"][:3]
    if best:
        told = ", ".join(f"{row['credit']} {100 * (row['share'] or 0):.0f} %" for row in best)
        yield Sentence(f"Revenue by first touch: {told}.")


def _pair(now: int, then: int) -> tuple[str, str, str]:
    return f"{now:,}", f"{then:,}", _change(now, then)


def _change(now: float, then: float) -> str:
    if not then:
        return "new" if now else "–"
    return f"{100 * (now - then) / then:+.0f} %"


def _promises(card: Mapping[str, Any] | None) -> Iterator[Part]:
    yield Heading("Promises")
    if card is None:
        yield Sentence("The config has no agreement.")
        return
    worry = [line for line in card["promises"] if line["status"] in _WORRY]
    good = [line for line in card["promises"] if line["status"] in ("met", "on_track")]
    kept = sum(line["status"] == "met" for line in good)
    idle = (
        len(card["promises"])
        - len(good)
        - len(worry)
        + sum(line["kind"] != "volume" and not line["base"] for line in good)
    )
    said = f"{kept} kept, {len(card['promises']) - kept - idle - len(worry)} on track, {len(worry)} at risk or broken"
    yield Sentence(said + (f", {idle} with nothing to judge yet." if idle else "."))
    yield Items([
        f"{line['promise']}{_segments(line)} ({line['by']}, {line['period']['name']}): {line['status'].replace('_', ' ')}, {line['why']}"
        for line in sorted(worry, key=lambda line: _WORRY.index(line["status"]))[:MOST]
    ])  # fmt: skip


def _segments(line: Mapping[str, Any]) -> str:
    return f" {', '.join(line['segments'].values())}" if line["segments"] else ""


def _reasons(found: Mapping[str, Any]) -> Iterator[Part]:
    yield Heading("Why leads came back")
    for state, title in (("rejected", "Rejected"), ("recycled", "Sent back to nurture"), ("lost", "Lost")):
        rows = found["handoffs"]["reasons"][state]
        total = sum(row["count"] for row in rows)
        if total:
            told = ", ".join(f"{row['reason'].replace('_', ' ')} {row['count']:,}" for row in rows[:4])
            yield Sentence(f"{title} {total:,}: {told}.")
        else:
            yield Sentence(f"{title}: nobody.")


def _good(found: Mapping[str, Any]) -> Iterator[Part]:
    clear = [row for row in found["handoffs"]["good_leads"]["accepted"] if row["clear"] and not row["small"]]
    if clear:
        yield Heading("What good leads have in common")
        yield Items([
            f"{row['attribute'].replace('_', ' ')} {str(row['value']).replace('_', ' ')}: accepted {row['lift']:.1f} times as often ({row['low']:.1f}–{row['high']:.1f})"
            for row in [row for row in clear if row["lift"] > 1][: MOST // 2] + [row for row in clear if row["lift"] < 1][-MOST // 2 :]
        ])  # fmt: skip


def _waiting(ledger: Ledger) -> Iterator[Part]:
    """Counts by kind and no names: the digest is read aloud, and sent to channels."""
    yield Heading("What waits for a decision")
    for table, words in (("conflicts", "conflicts"), ("quarantine", "records in quarantine")):
        kinds = ledger.rows(f"SELECT kind, count(*) FROM {table} WHERE state = 'open' GROUP BY kind ORDER BY 2 DESC, 1")
        told = f" ({', '.join(f'{kind} {count:,}' for kind, count in kinds)})" if kinds else ""
        yield Sentence(f"{sum(count for _, count in kinds):,} {words}{told}: smarksync {table} list.")
