"""The first tables."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    # one row of facts about the ledger itself
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # every (connection, object) ever used, with how far it was read
    """CREATE TABLE streams (
        sid INTEGER PRIMARY KEY, connection TEXT NOT NULL, object TEXT NOT NULL, entity TEXT NOT NULL,
        mapping TEXT, cursor TEXT, gone_cursor TEXT, observed_at TEXT, full_at TEXT, live INTEGER NOT NULL DEFAULT 0,
        shown INTEGER, UNIQUE (connection, object))""",
    # rows read and not yet matched; the body is the JSON of the raw mapped fields, which the fingerprint was made of
    """CREATE TABLE inbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, sid INTEGER NOT NULL, rid TEXT NOT NULL, fp BLOB NOT NULL,
        body BLOB NOT NULL, changed_at TEXT, changed_by TEXT, version TEXT)""",
    """CREATE TABLE entities (
        eid INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'live', into_eid INTEGER, agreed TEXT NOT NULL, created_run TEXT)""",
    "CREATE INDEX entities_into ON entities (into_eid) WHERE into_eid IS NOT NULL",
    # every run asks for them, and they are few: without it an idle run would read every entity
    "CREATE INDEX entities_provisional ON entities (eid) WHERE state = 'provisional'",
    # entity <-> record
    """CREATE TABLE links (
        lid INTEGER PRIMARY KEY, sid INTEGER NOT NULL, rid TEXT NOT NULL, eid INTEGER, rank INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'live', fp BLOB, seen_at TEXT, changed_at TEXT, own_at TEXT, version TEXT,
        UNIQUE (sid, rid))""",
    # what a linked record looks different in from what was agreed, with evidence: most have nothing, a new one all of it
    "CREATE TABLE memos (lid INTEGER PRIMARY KEY, memo BLOB NOT NULL)",
    "CREATE INDEX links_eid ON links (eid)",
    # match keys; weak ones (former and secondary addresses) only propose
    """CREATE TABLE keys (
        kind TEXT NOT NULL, value TEXT NOT NULL, eid INTEGER NOT NULL, weak INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (kind, value, eid)) WITHOUT ROWID""",
    "CREATE INDEX keys_eid ON keys (eid)",
    # the same of records that `where` keeps out of streams that cannot be searched by them: they are nobody's
    """CREATE TABLE outside (
        sid INTEGER NOT NULL, rid TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (sid, rid, kind, value)) WITHOUT ROWID""",
    "CREATE INDEX outside_key ON outside (sid, kind, value)",
    # pairs that a person has declared to be two
    "CREATE TABLE not_same (a INTEGER NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID",
    # the state-change log: each job keeps its own mark on it
    """CREATE TABLE changes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, eid INTEGER NOT NULL, sid INTEGER, rid TEXT, run TEXT)""",
    "CREATE TABLE marks (job TEXT PRIMARY KEY, seq INTEGER NOT NULL, rules TEXT, settled INTEGER NOT NULL DEFAULT 0)",
    # entities that a job must look at again although nothing changed (limit, retry, a parent that was missing).
    # `looked_at`: it did, in a planning that is not released yet
    """CREATE TABLE due (
        job TEXT NOT NULL, eid INTEGER NOT NULL, reason TEXT NOT NULL, since TEXT NOT NULL,
        looked_at INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (job, eid)) WITHOUT ROWID""",
    """CREATE TABLE consent (
        eid INTEGER NOT NULL, channel TEXT NOT NULL, status TEXT NOT NULL, at TEXT, source TEXT, basis TEXT,
        evidence INTEGER NOT NULL, PRIMARY KEY (eid, channel)) WITHOUT ROWID""",
    # plan rows; once released they are the intents. Their status moves several times, so what a row says is kept
    # apart, and no index follows it: settled rows leave, and reading the small ones left is cheaper
    """CREATE TABLE plan (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, job TEXT NOT NULL, eid INTEGER NOT NULL,
        sid INTEGER, rid TEXT, op TEXT NOT NULL, status TEXT NOT NULL, consent INTEGER NOT NULL DEFAULT 0,
        adopts INTEGER NOT NULL DEFAULT 0, stamp INTEGER NOT NULL DEFAULT 0, sent_at TEXT)""",
    # `after`: what is sent. `rest`: everything else that the row says. `agreed`: the canonical values that become agreed
    # with it, as entities keep them. A row with a `source` concerns nothing but that link (and `target`, unless it makes
    # one), as they were with these fingerprints; it is settled without being read: `memo` is what stays remembered of the
    # source, `note` what the audit says (`rest` then leaves that out), and of a create without `agreed` all is as in `after`
    """CREATE TABLE plan_bodies (
        seq INTEGER PRIMARY KEY, after BLOB NOT NULL, rest BLOB NOT NULL, agreed TEXT, source INTEGER, source_fp BLOB,
        target INTEGER, target_fp BLOB, memo BLOB, note BLOB)""",
    """CREATE UNIQUE INDEX plan_one_create ON plan (eid, sid)
        WHERE op = 'create' AND status IN ('released', 'sending', 'unknown')""",
    # what a guard counts and the row's own columns do not say: blanks, owner changes, lifecycle regressions
    "CREATE TABLE plan_marks (seq INTEGER NOT NULL, kind TEXT NOT NULL, field TEXT NOT NULL, PRIMARY KEY (seq, kind, field)) WITHOUT ROWID",
    """CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, eid INTEGER NOT NULL, sid INTEGER NOT NULL,
        kind TEXT NOT NULL, field TEXT NOT NULL DEFAULT '', code TEXT NOT NULL, message TEXT NOT NULL, wanted TEXT,
        facts TEXT, run TEXT NOT NULL, since TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'open')""",
    "CREATE UNIQUE INDEX quarantine_key ON quarantine (eid, sid, kind, field, job)",
    """CREATE TABLE conflicts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, eid INTEGER NOT NULL, field TEXT NOT NULL,
        kind TEXT NOT NULL, body TEXT NOT NULL, run TEXT NOT NULL, since TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'open', answer TEXT)""",
    "CREATE UNIQUE INDEX conflicts_key ON conflicts (eid, field, job)",
    # how often a value of ours had to be put back: the breaker against two writers that never rest
    """CREATE TABLE flips (
        eid INTEGER NOT NULL, field TEXT NOT NULL, sid INTEGER NOT NULL, value TEXT NOT NULL, at TEXT NOT NULL)""",
    "CREATE INDEX flips_key ON flips (eid, field, sid)",
    "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, eid INTEGER NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL)",
    "CREATE INDEX audit_eid ON audit (eid)",
    """CREATE TABLE runs (
        run TEXT PRIMARY KEY, started_at TEXT NOT NULL, ended_at TEXT, exit_code INTEGER, dry INTEGER NOT NULL,
        jobs TEXT NOT NULL, report TEXT)""",
    """CREATE TABLE leases (
        name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT, host TEXT, pid INTEGER, started TEXT,
        run TEXT, heartbeat TEXT)""",
    "CREATE TABLE schemas (sid INTEGER PRIMARY KEY, hash TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL)",
    "CREATE TABLE tokens (connection TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (connection, name))",
)


def upgrade() -> None:
    """Creates them all."""
    for statement in TABLES:
        op.execute(statement)
