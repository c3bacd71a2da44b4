"""Ghost members for SmarkSync."""
