"""What people do in a simulated system, asked for by HTTP: in a rehearsal nobody can click in it.

A simulator's ``hands`` is an object whose public methods are what people do there; each takes texts by name and returns
a sentence. ``POST /by-hand/NAME`` with a form calls one, ``GET /by-hand`` lists them. No vendor has such an address, so it
is there only where the one who starts the simulator asks for it (``smarksync simulate`` does).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .http import Answer, BadBody, Request

PATH = "/by-hand"


class NotDone(Exception):
    """It cannot be done; the text says why, and what could be."""


def deeds(hands: Any) -> Mapping[str, Callable[..., str]]:
    """Every deed by name, as its method."""
    names = [name for name, one in inspect.getmembers(type(hands), inspect.isfunction) if not name.startswith("_")]
    return {name: getattr(hands, name) for name in sorted(names, key=lambda n: list(vars(type(hands))).index(n))}


def lines(hands: Any) -> list[str]:
    """One line a deed: its name, what it takes (``[…]`` may be left out), and what it is."""
    found = []
    for name, method in deeds(hands).items():
        takes = []
        for one in inspect.signature(method).parameters.values():
            if one.kind is one.VAR_KEYWORD:
                takes.append("FIELD=…")
            else:
                takes.append(f"{one.name}=" if one.default is one.empty else f"[{one.name}={one.default}]")
        found.append(f"{name} {' '.join(takes)}: {(inspect.getdoc(method) or '').splitlines()[0]}")
    return found


def perform(hands: Any, lock: Any, request: Request) -> Answer:
    """Does what a call asks for. Plain text, for whoever typed it."""
    name = request.path.removeprefix(PATH).strip("/")
    if not name:
        return _said(200, "\n".join(lines(hands)))
    method = deeds(hands).get(name)
    if method is None:
        return _said(404, f"Nobody does `{name}` here. There is: {', '.join(deeds(hands))}.")
    if request.method != "POST":
        return _said(405, f"Do it by POST, with a form: {next(x for x in lines(hands) if x.startswith(f'{name} '))}")
    try:
        given = request.form() if request.body else {}
        inspect.signature(method).bind(**given)
        with lock:
            return _said(200, method(**given))
    except BadBody as problem:
        return _said(400, f"{problem}.")
    except (TypeError, ValueError) as problem:  # a text too many or too few, or one that is no number
        return _said(400, f"{name}: {problem}.")
    except NotDone as problem:
        return _said(400, str(problem))


def _said(status: int, text: str) -> Answer:
    return Answer(status, f"{text}\n")
