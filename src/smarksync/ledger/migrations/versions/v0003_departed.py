"""Rows that left, of which the consequences are still to be drawn: those of all systems in the order in which they left."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = (
    # `at`: when it left, in our clock. `body`: why, and into which record
    """CREATE TABLE departed (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, sid INTEGER NOT NULL, rid TEXT NOT NULL, at TEXT NOT NULL,
        body BLOB NOT NULL)""",
    "CREATE INDEX departed_rid ON departed (sid, rid)",
)


def upgrade() -> None:
    """Creates them all."""
    for statement in TABLES:
        op.execute(statement)
