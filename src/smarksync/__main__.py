"""``python -m smarksync``: the same as the command."""

from smarksync.cli import main

if __name__ == "__main__":
    main()
