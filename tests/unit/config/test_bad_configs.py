"""Each mistake is told with its file, its line, the word that is wrong and the one that would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from smarksync.config import load
from smarksync.errors import ConfigError

from .conftest import BASE, Load

#: what is replaced in BASE ("" = added at the end), by what, and what the message must say
REPLACED = [
    ("connector: files", "conector: files", "`conector`", "`connector`"),
    ("connector: files", "connector: files\n    role: marketting", "`marketting`", "`marketing`"),
    ("    settings: {path: marketing}", "    base_url: x", "`base_url`", "`settings:`"),
    ("version: 1", "version: 2", "version `2`", "`version: 1`"),
    ("workspace: quickstart", "workspace: a b", "`a b`", "letters"),
    ("between: [marketing, sales]", "between: [marketing, salse]", "`salse`", "`sales`"),
    ("between: [marketing, sales]", "between: [marketing]", "`between`", "two or more"),
    ("between: [marketing, sales]", "between: [sales, sales]", "`between`", "different"),
    ("between: [marketing, sales]", "between: marketing", "must be a list", "[marketing]"),
    ("between: [marketing, sales]", "from: marketing", "`from`", "kind `sync`"),
    ("    between: [marketing, sales]\n", "", "does not say between", "`between: [A, B]`"),
    ("match: [email]", "match: email", "must be a list", "`match: [email]`"),
    ("match: [email]", "match: [emial]", "`emial`", "`email`"),
    ("match: [email]", "match: [[email, contry]]", "`contry`", "`country`"),
    ("match: [email]", "match: [5]", "`[5]`", "`[email]`"),
    ("match: [email]", "match: []", "`[]`", "`[email]`"),
    ("match: [email]", "when: lead.score > 1", "`when`", "`match`"),
    ("marketing: always", "marketing: allways", "`allways`", "`always`"),
    ("marketing: always", "marketing: lead.scor > 1", "`scor`", "`score`"),
    ("{marketing: always", "{markting: always", "`markting`", "`marketing`"),
    ("match: [email]", "where: {salez: 'true'}", "`salez`", "`sales`"),
    ("match: [email]", "deletes: {sales: archived}", "`archived`", "`archive`"),
    ("match: [email]", "adopt: {prefer: salez}", "`prefer: salez`", "`sales`"),
    ("match: [email]", "subscribe: opted", "`opted`", "`opted_in`"),
    ("sync: lead", "sync: leads", "`sync: leads`", "`lead`"),
    ("sync: lead", "sync: lead\n    handoff: lead", "`sync` and `handoff`", "exactly one of"),
    ("    sync: lead\n", "", "does not say what it does", "exactly one of"),
    ("phone: {owner", "fone: {owner", "`fone`", "`phone`"),
    ("owner: sales", "ownr: sales", "`ownr`", "`owner`"),
    ("owner: sales", "owner: salse", "`owner: salse`", "`sales`"),
    ("owner: sales", "direction: form marketing", "`form marketing`", "`from marketing`"),
    ("owner: sales", "direction: from markting", "`direction: markting`", "`marketing`"),
    ("owner: sales", "direction: from", "names no connection", "`direction: from CONNECTION`"),
    ("owner: sales", "owner: sales, direction: from sales", "`owner`", "`direction: both`"),
    ("owner: sales", "enforce: leave", "`enforce`", "`owner: CONNECTION`"),
    ("owner: sales", "merge: newset", "`newset`", "`newest`"),
    ("owner: sales", "merge: union", "`merge: union`", "it needs set"),
    ("owner: sales", "merge: earliest", "`merge: earliest`", "`ask`"),
    ("owner: sales", "merge: lifecycle", "`merge: lifecycle`", "lifecycle"),
    ("owner: sales", "merge: most_restrictive", "`merge: most_restrictive`", "email_opt_out"),
    ("owner: sales", "merge: ask, tie: sales", "`tie`", "`merge: newest`"),
    ("owner: sales", "tie: salez", "`tie: salez`", "`sales`"),
    ("owner: sales", "blank: clean", "`clean`", "`clear`"),
    ("merge: newest", "merge: max", "`merge: max`", "`newest`"),
    ("phone: {owner: sales}", "full_name: {owner: sales}", "`full_name`", "`first_name`"),
    ("phone: {owner: sales}", "handoff_state: {owner: sales}", "`handoff_state`", "hand-off job"),
    ("phone: {owner: sales}", "accepted_at: {owner: sales}", "`accepted_at`", "outcomes job"),
    ("phone: {owner: sales}", "other_emails: {owner: sales}", "`other_emails`", "read only"),
    ("merge: most_restrictive", "owner: sales", "`owner`", "`merge: most_restrictive`"),
    ("merge: most_restrictive", "merge: newest", "`merge: newest`", "`merge: most_restrictive`"),
    ("both, merge: most_restrictive", "from sales", "`direction`", "consent"),
    ("entity: lead", "entity: laed", "`laed`", "`lead`"),
    ("phone: phone", "fone: phone", "`fone`", "`phone`"),
    ("phone: phone", "phone: {feild: phone}", "`feild`", "`field`"),
    ("phone: phone", "phone: {field: phone, direction: in}", "`in`", "`read`"),
    ("phone: phone", "phone: {field: phone, unknown: default}", "`unknown: default`", "`default: VALUE`"),
    ("phone: phone", "phone: ", "`phone` has no vendor field", "`phone: VENDOR_FIELD`"),
    ("phone: phone", "lifecycle: {field: x, values: {mqll: y}}", "`mqll`", "`mql`"),
    ("  sales:\n    leads", "  salez:\n    leads", "`salez`", "`sales`"),
    ("mappings:\n", "mappings:\n  crm: presets\n", "`presets`", "`preset`"),
    ("require: [email]", "require: [emial]", "`emial`", "`email`"),
    ("  mql:", "  my-mql:", "`my-mql`", "`my_mql`"),
    ("path: sales", "path: '${SALES_PATH}'", "SALES_PATH", "`connections.sales.settings.path`"),
    ("path: sales", "path: '${file:no/such}'", "no/such", "`connections.sales.settings.path`"),
    ("path: sales", "path: '${vault:x}'", "`${vault:x}`", "`${keyring:SERVICE/NAME}`"),
    ("path: sales", "path: '${SALES'", "`${` is not closed", "`${NAME}`"),
]
ADDED = [
    ("jobz: {}", "`jobz`", "`jobs`"),
    ("ledger: postgres://u:word@db/x", "SQLite only, and `ledger` says postgres.", "`ledger: sqlite:///NAME.db`"),
    ("version: 1", "`version` is given twice", "smarksync.yaml:1"),
    ("guards: {create: {count: 5}}", "`create`", "`creates`"),
    ("guards: {creates: {cout: 5}}", "`cout`", "`count`"),
    ("guards: {creates: {count: '5'}}", "`5`", "a whole number"),
    ("guards: {creates: {share: 20}}", "`20`", "`20%`"),
    ("guards: {creates: {count: -5}}", "`guards.creates.count`", "at least 0"),
    ("guards: {quota: {count: 5}}", "`quota`", "`share`"),
    ("guards: {handoffs: flows}", "`flows`", "`flow`"),
    ("time_zone: Europe/Berln", "`Europe/Berln`", "`Europe/Berlin`"),
    ("currency: euro", "`euro`", "`EUR`"),
    ("defaults: {country: Germany}", "`Germany`", "`DE`"),
    ("defaults: {freshness: 120}", "`120`", "`5 minutes`"),
    ("defaults: {freshness: 120 secnds}", "`secnds`", "`seconds`"),
    ("defaults: {activity_window: 5 business days}", "business", "`5 days`"),
    ("entities: {laed: {fields: {}}}", "`laed`", "`lead`"),
    ("entities: {lead: {fields: {a: {type: txt}}}}", "`txt`", "text"),
    ("entities: {lead: {fields: {email: {type: text}}}}", "`email`", "another name"),
    ("entities: {lead: {fields: {waiting-for: {type: text}}}}", "`waiting-for`", "`waiting_for`"),
    ("personas: {it: {when: true}}", "`personas.it`", "`name: …`"),
    ("lifecycle: {moves: defualt}", "`defualt`", "`default`"),
    ("lifecycle: {moves: [{from: led, to: mql, who: [sales]}]}", "`led`", "`lead`"),
    ("lifecycle: {moves: [{from: lead, to: mql, who: [salez]}]}", "`salez`", "`sales`"),
    ("scoring: [{when: lead.score > 3, points: 5}]", "`lead.score`", "computes"),
    ("scoring: [{when: definitions.mql, points: 5}]", "`lead.score`", "computes"),
    ("scoring: [{when: true, points: five}]", "`five`", "a whole number"),
    ("scoring: [{when: true, points: 5, decay: {half_life_days: 3}}]", "`decay`", "activities"),
    ("routing: [{when: true, to: acount.owner}]", "`acount.owner`", "`account.owner`"),
    ("routing: [{fallback: anna}]", "`anna`", "`queue:NAME`"),
    ("routing: [{to: queue:x}]", "`when`", "`fallback: OWNER`"),
    ("routing: [{when: true, round_robin: [a@b.example], weights: [1, 2]}]", "`weights`", "Write 1"),
    ("notify: {ops: {url: 'http://x', on: [faild]}}", "`faild`", "`failed`"),
    ("retention: {plan: 3 days}", "`plan`", "`plans`"),
    ("logging: {level: debugg}", "`debugg`", "`debug`"),
    ("goals: {year: 2027}", "`revenue`", "`revenue: …`"),
    ("goals: {year: 2027, revenue: 1, mix: {a: 60%, b: 30%}}", "90%", "100%"),
    ("goals: {year: 2027, revenue: 1, conversion: {led_to_mql: measured}}", "`led`", "`lead_to_mql`"),
    ("goals: {year: 2027, revenue: 1, season: {august: 2}}", "`august`", "`aug`"),
    ("agreement: {sales: [{promise: first_attemp, id: x}]}", "`first_attemp`", "`first_attempt`"),
    ("agreement: {sales: [{promise: decision, id: x}]}", "`decision`", "`within`"),
    ("agreement: {sales: [{promise: decision, id: x, within: 2 days, count: 3}]}", "`count`", "`reason_required`"),
    ("agreement: {sales: [{promise: decision, id: x, within: 2 business days}]}", "2 business", "`calendar: NAME`"),
    ("agreement: {sales: [{promise: decision, id: x, within: 2 business days, calendar: offce}], "
     "calendars: {office: {hours: {mon: '9:00-17:00'}}}}", "`offce`", "`office`"),
    ("agreement: {calendars: {office: {hours: {mon-fri: 9-17}}}}", "`9-17`", '"09:00-17:00"'),
    ("agreement: {calendars: {office: {hours: {mon-fry: '9:00-17:00'}}}}", "`fry`", "`fri`"),
    ("agreement: {calendars: {x: {hours: {mon: '9:00-17:00'}, closed: [24.12.2026]}}}", "`24.12.2026`", "`YYYY-MM-DD`"),
    ("agreement: {sales: [{promise: attempts, id: x, at_least: 1, within: 2 days, reassign: {}}]}", "`reassign`", "`at_most`"),
    ("agreement: {sales: [{promise: decision, id: x, within: 2 days, reassign: {atmost: 1}}]}", "`atmost`", "`at_most`"),
    ("agreement: {sales: [{promise: decision, id: x, within: 2 days, reassign: {to: nxt}}]}", "nxt", "queue:NAME"),
    ("agreement: {sales: [{promise: decision, id: x, within: 2 days, reassign: {at_most: 0}}]}", "at_most", ""),
    ("agreement: {sales: [{promise: decision, id: x, within: 2 days, reassign: {}}]}", "no `routing`", "`reassign: {to: OWNER}`"),
    ("agreement: {marketing: [{promise: volume, id: x, count: 5, of: mqls}]}", "`of: mqls`", "`mql`"),
    ("agreement: {marketing: [{promise: quality, id: x, share: accepted, at_least: sixty}]}", "`sixty`", "`60%`"),
    ("agreement: {marketing: [{promise: complete, id: x, fields: [fone], at_least: 0.5}]}", "`fone`", "`phone`"),
    ("agreement: {marketing: [{promise: volume, id: x, count: 5, of: mql, per: [moth]}]}", "`per: moth`", "`month`"),
    ("agreement: {segments: {p: {of: lead.journey, values: [early]}}}", "`early`", "awareness_early"),
    ("include: [nope.yaml]", "nope.yaml", "relative to this file"),
    ("include: nope.yaml", "`include`", "[agreement.yaml]"),
    ("notify: *here", "`*here`", "`&here`"),
    ("notify: !!python/object:os.system {}", "tag", "Leave it out"),
    ("notify: {<<: 5}", "`<<`", "Write the keys out"),
    ("notify: {[a]: 5}", "a key must be a plain word", "cannot be keys"),
    ("---\nversion: 1", "second document", "`---`"),
    ("\tnotify: {}", "a tab", "spaces"),
]  # fmt: skip


def line_of(part: str) -> int:
    return BASE[: BASE.index(part)].count("\n") + 1


def message(load_text: Load, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_text(text).require(connections=["marketing", "sales"])
    assert caught.value.exit_code == 2 and caught.value.line
    assert str(caught.value) == "\n".join(caught.value.problems)
    return str(caught.value)


@pytest.mark.parametrize(("old", "new", "wrong", "right"), REPLACED)
def test_replaced(load_text: Load, tmp_path: Path, old: str, new: str, wrong: str, right: str) -> None:
    assert old in BASE
    text = BASE.replace(old, new, 1)
    said = message(load_text, text)
    assert said.startswith(f"{tmp_path / 'smarksync.yaml'}:"), said
    assert wrong in said and right in said, said
    assert said.count("\n") == 0, said
    # what is missing, or has no meaning in its job, is told of the map that it should stand in
    assert line_of(old) - int(said.split(":")[1]) in (0, -1, 1, 2, 3), said


@pytest.mark.parametrize(("more", "wrong", "right"), ADDED)
def test_added(load_text: Load, more: str, wrong: str, right: str) -> None:
    said = message(load_text, BASE + more + "\n")
    assert wrong in said and right in said, said
    assert said.count("\n") == 0, said
    line = BASE.count("\n") + more.count("\n") + 1
    assert int(said.split(":")[1]) in (line, line - more.count("\n")), said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    match: [email]", "    match [email]", "a key without `:`"),
        ("jobs:\n", "<<<<<<< HEAD\njobs:\n", "`<<<<<<<` is a mark of a merge that was not finished"),
        ("definitions:\n", ">>>>>>> theirs\ndefinitions:\n", "`>>>>>>>` is a mark of a merge"),
        ("workspace: quickstart", 'workspace: "quickstart', "the quote that opens here is closed only in line "),
        ("workspace: quickstart", "workspace: 'quickstart", "the quote or bracket that opens here is not closed"),
    ],
)
def test_syntax_is_told_at_the_line_where_the_problem_stands(load_text: Load, old: str, new: str, said: str) -> None:
    assert f"smarksync.yaml:{line_of(old)}: {said}" in message(load_text, BASE.replace(old, new, 1))


def test_every_problem_is_told_at_once_in_order(load_text: Load) -> None:
    text = BASE.replace("owner: sales", "owner: salse").replace("connector: files", "conector: files", 1)
    text = text.replace("lead.score", "lead.scor") + "guards: {create: {count: x}}\n"
    lines = message(load_text, text).splitlines()
    places = ["connector", "phone: {owner", "mql:"]
    assert [int(line.split(":")[1]) for line in lines] == [*map(line_of, places), 31, 31]


def test_a_section_without_what_it_needs_does_not_hide_the_other_mistakes(load_text: Load) -> None:
    text = BASE.replace("connector: files", "connector: 5", 1).replace("lead.score", "lead.scor")
    lines = message(load_text, text).splitlines()
    assert [int(line.split(":")[1]) for line in lines] == [line_of("connector"), line_of("mql:")]


def test_a_problem_in_an_included_file_names_that_file(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("guards:\n  create: {count: 5}\n")
    assert f"{tmp_path / 'more.yaml'}:2: unknown key `create`" in message(load_text, BASE + "include: [more.yaml]\n")


def test_what_two_files_give_is_told_with_both_places(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("jobs:\n  people: {sync: lead}\n  others: {}\nversion: 1\n")
    lines = message(load_text, BASE + "include: [more.yaml]\n").splitlines()
    assert any(
        "more.yaml:2: `sync` is given twice" in line and f"smarksync.yaml:{line_of('sync: lead')}" in line
        for line in lines
    )
    assert any("more.yaml:4: `version` is given twice" in line and "smarksync.yaml:1" in line for line in lines)


def test_maps_of_two_files_are_joined_by_name(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.yaml").write_text("include: [deep.yaml]\ndefinitions: {sql: {when: true}}\n")
    (tmp_path / "sub" / "deep.yaml").write_text("currency: EUR\n")
    config = load_text(BASE + "include: [sub/more.yaml]\n")
    assert list(config.definitions) == ["mql", "sql"] and config.currency == "EUR"
    assert config.where(("definitions", "sql")) == (str(tmp_path / "sub" / "more.yaml"), 2, 15)


def test_circles_of_includes_end(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("include: [smarksync.yaml]\n")
    assert "more.yaml:1: `smarksync.yaml` includes itself" in message(load_text, BASE + "include: [more.yaml]\n")
    (tmp_path / "more.yaml").write_text("currency: EUR\n")
    assert "`more.yaml` is included twice" in message(load_text, BASE + "include: [more.yaml, more.yaml]\n")


def test_definitions_in_a_circle(load_text: Load) -> None:
    more = "  sql: {when: definitions.deal}\n  deal: {when: not definitions.sql}\n"
    assert "`sql` refers to itself through `deal`" in message(load_text, BASE + more)


def test_a_sync_job_without_rules_keeps_every_field_in_agreement(load_text: Load) -> None:
    at = BASE.index("    fields:", BASE.index("jobs:"))
    job = load_text(BASE[:at]).jobs["people"]
    assert list(job.fields) == ["*"] and (job.fields["*"].direction, job.fields["*"].merge) == ("both", "newest")


def test_a_hand_off_needs_a_definition_and_a_sync_job(load_text: Load) -> None:
    job = "  offer: {handoff: lead, from: marketing, to: sales}\n"
    at = BASE.index("definitions:")
    assert load_text(BASE[:at] + job + BASE[at:]).jobs["offer"].when.text == "definitions.mql"
    assert "there is no definition `mql`" in message(load_text, BASE[:at] + job)
    third = "  third: {connector: files}\n"
    text = (BASE[:at] + job.replace("to: sales", "to: third") + BASE[at:]).replace("mappings:", third + "mappings:", 1)
    assert "no job syncs lead between `marketing` and `third`" in message(load_text, text)


def test_one_field_of_a_system_has_one_writer(load_text: Load) -> None:
    other = """\
  more:
    sync: lead
    between: [sales, marketing]
    match: [email]
    fields: {phone: {direction: both}}
"""
    at = BASE.index("definitions:")
    said = message(load_text, BASE[:at] + other + BASE[at:])
    assert (
        "would get lead.phone from two jobs, `people`" in said and f"smarksync.yaml:{line_of('phone: {owner')}" in said
    )
    split = other.replace("direction: both", "direction: from sales").replace("phone", "score")
    text = (BASE[:at] + split + BASE[at:]).replace("phone: {owner: sales}", "score: {direction: from marketing}")
    assert set(load_text(text).jobs) == {"people", "more"}
    differing = other.replace("match: [email]", "match: [phone]").replace("phone: {direction: both}", "")
    assert "`match` differs from that of `people`" in message(load_text, BASE[:at] + differing + BASE[at:])


@pytest.mark.parametrize(("text", "what"), [("- a\n- b\n", "a list"), ("words\n", "a single value")])
def test_a_config_that_is_no_map_is_one_error(load_text: Load, text: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    assert len(caught.value.problems) == 1 and f"the file holds {what}." in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"- a\n", "the file holds a list"),
        (b"words\n", "the file holds a single value"),
        (b"version: 1\nname: \xff\n", "bad.yaml:2: byte 0xff is not UTF-8"),
        ("version: 1".encode("utf-16"), "UTF-8"),
        (b"\x7fELF\x01\x00\x00", "control character 0x7f"),
        (b"a: 1\n\x00", "bad.yaml:2: control character 0x00"),
        (b"[" * 100_000, "nested more than"),
        (b"a:\n" + b"".join(b" " * i + b"a:\n" for i in range(1, 200)), "nested more than"),
        (b"x" * 3_000_000, "larger than"),
        (b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c, *%c, *%c]\n" % (c, c, *[c - 1] * 4) for c in range(98, 120)),
         "more than 100,000 values"),
        (b"a: &a [*a]\n", "contains itself"),
        (b"%YAML 1.1\n---\na: no\n", "YAML 1.2"),
        (b"a: 'open\n", "bad.yaml:1: the quote or bracket that opens here"),
        (b"a: b: c\n", "`:`"),
        (b"a: @b\n", "bad.yaml:1"),
    ],
)  # fmt: skip
def test_files_that_are_no_configs(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file, environ={})
    assert said in str(caught.value), str(caught.value)
    assert str(caught.value).startswith(f"{file}:")


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="this is a directory"):
        load(tmp_path)
    with pytest.raises(ConfigError):
        load("a\0b")


def test_norway_and_codes_stay_text(load_text: Load) -> None:
    config = load_text(BASE.replace("phone: phone", "phone: {field: no, values: {007: on, 1e3: 0o7, yes: 012}}"))
    field = config.mappings["marketing"].objects["contacts"].fields["phone"]
    assert field is not None
    assert field.field == "no"
    assert field.values == {"007": "on", "1e3": 7, "yes": "012"}
