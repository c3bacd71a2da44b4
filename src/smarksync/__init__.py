"""SmarkSync keeps marketing automation and CRM in agreement, both ways."""

__version__ = "0.1.0"
