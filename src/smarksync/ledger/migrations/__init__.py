"""Alembic's folder: one file a version, from day one."""
