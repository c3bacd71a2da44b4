"""What the two teams talk about: funnel, reasons, good leads, attribution, pipeline, read from the ledger alone."""
