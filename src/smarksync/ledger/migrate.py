"""Brings a ledger file up to this version's tables, by Alembic."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError


def upgrade(path: str) -> None:
    """Runs the missing migrations in one transaction: all of them, or none."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    engine = create_engine(URL.create("sqlite", database=path))
    # the driver begins no transaction for CREATE TABLE: without these two, a death in between leaves half the tables
    event.listen(engine, "connect", lambda raw, _record: setattr(raw, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.DatabaseError):  # explained like any other (a full disk, a damaged file)
            raise error.orig from error
        raise
    finally:
        engine.dispose()
