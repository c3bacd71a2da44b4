"""Facts and cases: what happened to a lead, who was in which campaign, and every hand-off with its moves.

Instants in these tables are integers, microseconds since 1970 in UTC: reports sort and subtract millions of them.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = (
    # what happened, once per source record. `eid` stays empty while the person is not linked yet: `of_sid`/`of_rid`
    # say whom the source named. `attempt`: a sales attempt as schema.md defines it. `body`: the other canonical fields
    """CREATE TABLE activities (
        aid INTEGER PRIMARY KEY, sid INTEGER NOT NULL, rid TEXT NOT NULL, eid INTEGER, of_sid INTEGER, of_rid TEXT,
        type TEXT NOT NULL, at INTEGER NOT NULL, actor TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 0,
        body BLOB NOT NULL, UNIQUE (sid, rid))""",
    # with the type, because reports ask what happened before each of many hand-offs, and for nothing else of it
    "CREATE INDEX activities_eid ON activities (eid, at, type)",
    "CREATE INDEX activities_attempts ON activities (eid, at) WHERE attempt = 1",
    "CREATE INDEX activities_waiting ON activities (of_sid, of_rid) WHERE eid IS NULL",
    # records that we made of an activity of another system: they are that activity, and never come back as news
    "CREATE TABLE copies (sid INTEGER NOT NULL, rid TEXT NOT NULL, aid INTEGER NOT NULL, PRIMARY KEY (sid, rid)) WITHOUT ROWID",
    "CREATE INDEX copies_aid ON copies (aid, sid)",
    # a person has one record in a stream, and any number of facts: those name their source in `rid`
    "DROP INDEX plan_one_create",
    """CREATE UNIQUE INDEX plan_one_create ON plan (eid, sid)
        WHERE op = 'create' AND rid IS NULL AND status IN ('released', 'sending', 'unknown')""",
    # who is in which campaign or list: one row per pair and side
    """CREATE TABLE memberships (
        mid INTEGER PRIMARY KEY, sid INTEGER NOT NULL, rid TEXT NOT NULL, campaign INTEGER, eid INTEGER,
        of_sid INTEGER, of_rid TEXT, status TEXT NOT NULL, at INTEGER, body BLOB NOT NULL, seq INTEGER NOT NULL DEFAULT 0,
        UNIQUE (sid, rid))""",
    "CREATE INDEX memberships_eid ON memberships (eid, at, campaign)",
    "CREATE INDEX memberships_waiting ON memberships (of_sid, of_rid) WHERE eid IS NULL",
    # rows in the order in which they last changed: a job compares what is new, and the pairs that do not agree yet
    "CREATE INDEX memberships_seq ON memberships (seq)",
    """CREATE TABLE unequal (
        job TEXT NOT NULL, campaign INTEGER NOT NULL, eid INTEGER NOT NULL, PRIMARY KEY (job, campaign, eid)) WITHOUT ROWID""",
    "CREATE INDEX memberships_campaign ON memberships (campaign, eid)",
    # one passage of one lead from marketing to sales; a projection of its moves, so that it can be asked quickly
    """CREATE TABLE cases (
        cid INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, eid INTEGER NOT NULL, product TEXT NOT NULL DEFAULT '',
        cycle INTEGER NOT NULL, state TEXT NOT NULL, opened_at INTEGER NOT NULL, offered_at INTEGER, due_at INTEGER,
        closed_at INTEGER, definition TEXT NOT NULL, owner TEXT, into_cid INTEGER, revision INTEGER NOT NULL,
        body BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX cases_one_open ON cases (eid, product) WHERE closed_at IS NULL",
    "CREATE INDEX cases_eid ON cases (eid)",
    "CREATE INDEX cases_opened ON cases (opened_at)",
    # what was offered, and what ended, in a period: reports and promises read no more than that
    "CREATE INDEX cases_offered ON cases (offered_at) WHERE offered_at IS NOT NULL",
    "CREATE INDEX cases_closed ON cases (closed_at) WHERE closed_at IS NOT NULL",
    # the open ones as the dashboard lists them, and as routing counts them: none of them is read for that
    "CREATE INDEX cases_board ON cases (state, owner, due_at, opened_at) WHERE closed_at IS NULL",
    # how many cases of a job came to what (cases.fate), kept with the cases: every run accounts for all of them
    """CREATE TABLE case_counts (
        job TEXT NOT NULL, fate TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (job, fate)) WITHOUT ROWID""",
    # append-only. `at` is the event's own time, `entered_at` ours: a late signal is entered with its own time
    """CREATE TABLE case_moves (
        mid INTEGER PRIMARY KEY AUTOINCREMENT, cid INTEGER NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL,
        entered_at INTEGER NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL, run TEXT NOT NULL, reason TEXT,
        skipped INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL)""",
    "CREATE INDEX case_moves_cid ON case_moves (cid, at)",
    # which sale is whose: an opportunity and the leads it names, or its account. Reverse questions are as quick
    "CREATE TABLE ties (a INTEGER NOT NULL, kind TEXT NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (a, kind, b)) WITHOUT ROWID",
    "CREATE INDEX ties_b ON ties (b, kind)",
    # every rung that a lead reached, with who moved it
    """CREATE TABLE stages (
        eid INTEGER NOT NULL, stage TEXT NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL,
        PRIMARY KEY (eid, at, stage)) WITHOUT ROWID""",
    "CREATE INDEX stages_at ON stages (at, eid, stage)",
    # whose turn it is in a round robin
    "CREATE TABLE rotations (rule TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID",
    # what was told about a promise, so that nobody hears it twice; case 0: of a segment and period, named in `promise`
    """CREATE TABLE notices (
        cid INTEGER NOT NULL, promise TEXT NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (cid, promise, status)) WITHOUT ROWID""",
    # when a clock of a case stood still; one that still does has no end
    """CREATE TABLE pauses (
        cid INTEGER NOT NULL, reason TEXT NOT NULL, from_at INTEGER NOT NULL, to_at INTEGER,
        PRIMARY KEY (cid, reason, from_at)) WITHOUT ROWID""",
    "CREATE INDEX pauses_to ON pauses (to_at)",
    # when a case's clocks are to be looked at again, by time alone; None = never
    "CREATE TABLE case_clocks (cid INTEGER PRIMARY KEY, next_at INTEGER)",
    "CREATE INDEX case_clocks_next ON case_clocks (next_at) WHERE next_at IS NOT NULL",
    # owners, campaigns and opportunities are few among a million leads, and reports ask for them alone
    "CREATE INDEX entities_others ON entities (kind, eid) WHERE kind <> 'lead'",
    # a system without a lifecycle still has leads: a report asks for those that became known in its period
    "CREATE INDEX entities_run ON entities (created_run)",
    # the agreement as it stood, per version, for the change log between versions
    "CREATE TABLE agreements (hash TEXT PRIMARY KEY, version TEXT, at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID",
)


def upgrade() -> None:
    """Creates them all."""
    for statement in TABLES:
        op.execute(statement)
