"""``python -m smarksync``."""

from smarksync.cli import main

main()
