"""Pages: the report, the digest, and the dashboard. Rendered on this machine, with nothing fetched from elsewhere."""
