"""The one module that imports httpx: everything else in SmarkSync takes it from here."""

from __future__ import annotations

import httpx as httpx

__all__ = ["httpx"]
