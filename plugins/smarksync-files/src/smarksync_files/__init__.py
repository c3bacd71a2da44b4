"""Folders of CSV or JSON Lines files as a system for SmarkSync."""
