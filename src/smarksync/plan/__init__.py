"""Pure decisions: values in, decisions out. No clock, no network, no database."""
