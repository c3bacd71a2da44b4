"""BottleCRM leads and contacts for SmarkSync."""
