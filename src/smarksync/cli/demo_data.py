"""The demo's two little systems: invented people, the same every time, with the troubles of real lists in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

FIRST = (
    "Amara", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Grace", "Hiroshi", "Ines", "Jonas", "Kavya", "Liam", "Mei", "Nadia",
    "Oskar", "Priya", "Quentin", "Rosa", "Samuel", "Tomasz", "Uma", "Viktor", "Wanjiru", "Ximena", "Yusuf", "Zofia", "Anders",
    "Beatriz",
)  # fmt: skip
LAST = (
    "Adeyemi", "Bianchi", "Castillo", "Dubois", "Eriksen", "Fischer", "Grant", "Haddad", "Ivanova", "Jensen", "Kowalski",
    "Lindqvist", "Moreau", "Nakamura", "Okafor", "Petrov", "Quiroga", "Rahman", "Schmidt", "Tanaka", "Usman", "Varga", "Whitfield",
    "Xu", "Yilmaz", "Zimmermann", "Almeida", "Brandt",
)  # fmt: skip
COMPANIES = (
    "Northwind Bakery", "Halden Optics", "Rio Verde Logistics", "Pinewood Dental", "Aster Robotics", "Blue Harbour Foods",
    "Kestrel Insurance", "Lumen Textiles", "Old Mill Brewing", "Quarry Lane Studio",
)  # fmt: skip
TITLES = ("Head of Operations", "Buyer", "Founder", "Plant Manager", "Marketing Lead", "IT Manager", "Finance Director")
BOTH, ONLY_MARKETING, ONLY_SALES = 28, 12, 11

CONTACTS = (
    "id",
    "email",
    "first_name",
    "last_name",
    "job_title",
    "company",
    "phone",
    "score",
    "stage",
    "unsubscribed",
    "updated_at",
)
LEADS = (
    "id",
    "Email",
    "FirstName",
    "LastName",
    "Title",
    "Company",
    "Phone",
    "Score",
    "Status",
    "OptedOut",
    "updated_at",
)
#: sales knows four words where marketing knows six: two of them fold
STATUS = {
    "new": "Open", "attempted": "Working", "working": "Working", "qualified": "Converted", "unqualified": "Closed",
    "recycled": "Open",
}  # fmt: skip

CONFIG = """\
# The demo: two folders of CSV files, each playing a system. Edit the files and run `smarksync run` in this folder.
version: 1
workspace: demo

connections:
  marketing:
    connector: files
    role: marketing
    settings: {path: marketing}
  sales:
    connector: files
    role: sales
    settings: {path: sales}

mappings:
  marketing:
    contacts:
      entity: lead
      fields: {email: email, first_name: first_name, last_name: last_name, job_title: job_title, company: company,
               phone: phone, score: score, sales_status: stage, email_opt_out: unsubscribed}
  sales:
    leads:
      entity: lead
      fields:
        email: Email
        first_name: FirstName
        last_name: LastName
        job_title: Title
        company: Company
        phone: Phone
        score: Score
        # sales has fewer words: `attempted` and `working` are both "Working" there, and never come back as edits
        sales_status: {field: Status, values: {new: Open, attempted: Working, working: Working, qualified: Converted,
                                               unqualified: Closed, recycled: Open}}
        email_opt_out: OptedOut

jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {marketing: always, sales: always}
    fields:
      "*": {direction: both, merge: newest}
      phone: {direction: both, owner: sales}
      score: {direction: from marketing}
      email_opt_out: {direction: both, merge: most_restrictive}
"""

Row = dict[str, str]


def write(folder: Path, now: datetime) -> None:
    """Both systems and the config. Record times lie some days before ``now``."""
    contacts, leads = people(now)
    (folder / "marketing").mkdir(parents=True)
    (folder / "sales").mkdir()
    save(folder / "marketing" / "contacts.csv", CONTACTS, contacts)
    save(folder / "sales" / "leads.csv", LEADS, leads)
    (folder / "smarksync.yaml").write_text(CONFIG, encoding="utf-8")


def people(now: datetime) -> tuple[list[Row], list[Row]]:
    """(contacts, leads): about forty each, most of them the same people, seen a little differently."""
    dice = Random(20)  # not for secrets: the same people every time
    contacts, leads = [], []
    for number in range(BOTH + ONLY_MARKETING + ONLY_SALES):
        first, last = FIRST[number % len(FIRST)], LAST[(number * 5 + number // len(FIRST) * 3) % len(LAST)]
        company = COMPANIES[dice.randrange(len(COMPANIES))]
        person = {
            "email": f"{first}.{last}@{company.lower().replace(' ', '')}.example".lower(), "first": first, "last": last,
            "title": dice.choice(TITLES), "company": company, "digits": f"20 7946 {dice.randrange(10000):04}",
            "score": str(dice.randrange(5, 95)), "stage": dice.choice(("new", "new", "attempted", "working", "qualified")),
        }  # fmt: skip
        if number < BOTH + ONLY_MARKETING:
            contacts.append(_contact(f"m{number + 1:03}", person, now - timedelta(days=9, minutes=number)))
        if number < BOTH or number >= BOTH + ONLY_MARKETING:
            leads.append(
                _lead(f"L-{number + 101}", person, now - timedelta(days=6, minutes=number), known=number < BOTH)
            )
    _troubles(contacts, leads, now)
    return contacts, leads


def _contact(rid: str, p: Mapping[str, str], at: datetime) -> Row:
    cells = (
        rid,
        p["email"],
        p["first"],
        p["last"],
        p["title"],
        p["company"],
        "",
        p["score"],
        p["stage"],
        "no",
        stamp(at),
    )
    return dict(zip(CONTACTS, cells, strict=True))


def _lead(rid: str, p: Mapping[str, str], at: datetime, *, known: bool) -> Row:
    score = "" if known else p["score"]  # sales does not keep scores: marketing will fill them in
    status, phone = STATUS[p["stage"]], f"+44 {p['digits']}"
    cells = (rid, p["email"], p["first"], p["last"], p["title"], p["company"], phone, score, status, "no", stamp(at))
    return dict(zip(LEADS, cells, strict=True))


def _troubles(contacts: list[Row], leads: list[Row], now: datetime) -> None:
    """What makes a real list a real list."""
    same = stamp(now - timedelta(days=3))
    contacts[2] |= {"company": "Aster Robotics GmbH", "updated_at": same}  # a conflict: both edited at the same second
    leads[2] |= {"Company": "Aster Robotics Ltd", "updated_at": same}
    contacts[5]["unsubscribed"] = "yes"  # opted out in marketing; sales does not know
    contacts[7] |= {"last_name": "Grant-Haddad", "updated_at": stamp(now - timedelta(days=1))}  # newer in marketing
    leads[9] |= {"Title": "Managing Director", "updated_at": stamp(now - timedelta(days=2))}  # newer in sales
    leads[11]["Email"] = leads[11]["Email"].upper()  # the same address all the same
    twin = leads[BOTH]
    leads.append(
        {**twin, "id": "L-900", "FirstName": twin["FirstName"][0] + "."}
    )  # entered twice: nobody can know which


def stamp(at: datetime) -> str:
    """A record time as the files hold it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def save(path: Path, head: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Writes a file whole."""
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


def edit(path: Path, rid: str, now: datetime, **cells: str) -> Row:
    """Somebody edits one row in that system; returns the row as it was."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows, head = list(reader), list(reader.fieldnames or ())
    row = next(r for r in rows if r["id"] == rid)
    before = dict(row)
    row.update(cells, updated_at=stamp(now))
    save(path, head, rows)
    return before
