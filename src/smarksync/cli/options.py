"""Options that several commands have, with one meaning and one sentence of help."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless something is wrong.")]
Allow = Annotated[list[str] | None, typer.Option(metavar="GUARD", help="Let this guard pass once; repeatable.")]
