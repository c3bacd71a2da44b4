"""The dashboard: a local web app on the ledger. It reads; the only things it writes are people's decisions.

Pages are made on this side and work without a script. What would take longer than a page may is counted beside
(:mod:`.counting`). Each worker thread has a ledger connection of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from smarksync.config import Config
from smarksync.engine import answers, queues, scorecard, status
from smarksync.engine.figures.collect import collect
from smarksync.engine.figures.period import parse
from smarksync.engine.offline import Desk
from smarksync.engine.registry import Registry
from smarksync.errors import SmarkSyncError, UsageError
from smarksync.ledger.db import Ledger

from . import queries
from .clocks import Clocks
from .counting import Counting
from .guard import Guard, form_key
from .pages import SCRIPT, prepare, render, style
from .report import brief
from .report import page as report_page
from .words import called, lasting, number

#: bytes of a form that we read at most
FORM = 20_000


class Dashboard:
    """The pages over one config."""

    def __init__(self, config: Config, registry: Registry, token: str, now: Callable[[], datetime]) -> None:
        self.config, self.registry, self.now = config, registry, now
        self._form = form_key(token)
        self._lent: dict[threading.Thread, Ledger] = {}
        self._lending = threading.Lock()
        self.clocks = Clocks(config)
        self.counting = Counting(self.open, now)

    def open(self) -> Ledger:
        """A connection for whoever asks."""
        return Ledger(self.config.ledger_url, root=str(self.config.root), create=False)

    @property
    def ledger(self) -> Ledger:
        """This thread's connection; those of threads that ended are let go of when another one asks."""
        thread = threading.current_thread()
        with self._lending:
            if thread not in self._lent:
                for ended in [one for one in self._lent if not one.is_alive()]:
                    self._lent.pop(ended).close()
                self._lent[thread] = self.open()
            return self._lent[thread]

    def close(self) -> None:
        """Lets go of the connections of all threads, when nobody asks any more."""
        with self._lending:
            while self._lent:
                self._lent.popitem()[1].close()

    @property
    def desk(self) -> Desk:
        """Where questions are answered and decisions taken."""
        return Desk(self.config, self.registry, self.ledger, self.now)

    # -- figures that take longer ----------------------------------------------------------------
    def figures(self, period: str | None) -> tuple[str, Callable[[Ledger, datetime], Any]]:
        """The name and the counting of a period's report. Raises UsageError for what is no period."""
        when = parse(period, self.config.time_zone, self.now())
        return f"figures {when.label}", lambda ledger, now: collect(self.config, ledger, when, now)

    def promises(self) -> tuple[str, Callable[[Ledger, datetime], Any]]:
        """The name and the counting of the scorecard."""
        return "promises", lambda ledger, now: scorecard.check(self.config, ledger, now)

    def warm(self) -> None:
        """Counts what the first pages show, before anybody waits for it."""
        prepare()
        self.clocks.warm(self.now())
        self.counting.wait(*self.figures(None), self.ledger)
        if self.config.agreement is not None:
            self.counting.wait(*self.promises(), self.ledger)

    # -- pages -----------------------------------------------------------------------------------
    def home(self, _request: Request) -> Response:
        """The scorecard, and what waits."""
        card = self.counting.get(*self.promises(), self.ledger) if self.config.agreement is not None else None
        legs = card.value["delay"] if card is not None and card.value is not None else ()
        delay = [
            (called(leg["from"]), called(leg["to"]), leg["by"], number(leg["count"]), lasting(leg["median_seconds"]), lasting(leg["nine_of_ten_seconds"]))
            for leg in legs
        ]  # fmt: skip
        return self._page(
            "home.html",
            "Scorecard",
            card=card,
            delay=delay,
            over=queries.overview(self.ledger, self.now()),
        )

    def funnel(self, request: Request) -> Response:
        """The report of a period."""
        period = request.query_params.get("period") or None
        found = self.counting.get(*self.figures(period), self.ledger)
        view = None if found.value is None else brief(found.value)
        return self._page("funnel.html", "Funnel", found=found, view=view, period=period or "")

    def report(self, request: Request) -> Response:
        """The report as `smarksync report` writes it."""
        found = self.counting.get(*self.figures(request.query_params.get("period") or None), self.ledger)
        if found.value is None:
            return self._page(
                "funnel.html", "Funnel", found=found, view=None, period=request.query_params.get("period") or ""
            )
        return HTMLResponse(report_page(found.value))

    def handoffs(self, request: Request) -> Response:
        """Open hand-offs with their clocks."""
        asked = request.query_params
        text = asked.get("page", "")[:7]
        page = int(text) if text.isascii() and text.isdigit() else 1
        found = queries.handoffs(
            self.clocks,
            self.ledger,
            self.now(),
            state=asked.get("state", ""),
            owner=asked.get("owner", ""),
            page=page,
        )
        return self._page("handoffs.html", "Hand-offs", found=found)

    def leads(self, request: Request) -> Response:
        """Search for a lead."""
        text = request.query_params.get("q", "")
        found = queries.search(self.ledger, text)
        if len(found) == 1:
            return RedirectResponse(f"/leads/{quote(found[0]['ref'])}", 303)
        return self._page(
            "leads.html", "Leads", q=text, found=found, latest=[] if text else queries.latest(self.ledger)
        )

    def lead(self, request: Request) -> Response:
        """One lead's timeline."""
        found = queries.lead(self.clocks, self.desk, request.path_params["ref"], self.now())
        return self._page("lead.html", found["name"] or "A lead", found=found)

    def runs(self, _request: Request) -> Response:
        """The history of runs."""
        return self._page("runs.html", "Runs", runs=status.history(self.ledger, 100))

    def run(self, request: Request) -> Response:
        """One run in full."""
        return self._page("run.html", "A run", found=status.one_run(self.ledger, request.path_params["run"], 300))

    def plans(self, _request: Request) -> Response:
        """What is planned and not sent."""
        return self._page("plans.html", "Plans", found=queries.held_plans(self.ledger))

    def mapping(self, _request: Request) -> Response:
        """How fields are mapped."""
        return self._page("mapping.html", "Mapping", objects=queries.mapping(self.desk))

    def conflicts(self, request: Request) -> Response:
        """Questions about values, each with a form that answers it."""
        found = queues.conflict_entries(self.ledger, limit=200)
        return self._page("conflicts.html", "Conflicts", found=found, done=request.query_params.get("done", ""))

    def quarantine(self, request: Request) -> Response:
        """Records that cannot go on."""
        found = queues.held_entries(self.ledger, "state = 'open'", limit=200)
        return self._page("quarantine.html", "Quarantine", found=found, done=request.query_params.get("done", ""))

    # -- decisions -------------------------------------------------------------------------------
    def settle(self, number: int, form: dict[str, str]) -> Response:
        """Answers a conflict as the form says."""
        act = form.get("act", "")
        if act == "take":
            answers.take(self.desk, number, form.get("connection", ""))
        elif act == "value":
            answers.value(self.desk, number, form.get("value", ""))
        elif act in ("resume", "same", "apart"):
            getattr(answers, act)(self.desk, number)
        else:
            raise UsageError("This form says nothing that can be done.", hint="Go back and choose an answer.")
        return RedirectResponse("/conflicts?done=answered", 303)

    def release(self, number: int, form: dict[str, str]) -> Response:
        """Releases, retries or ignores a quarantine entry as the form says."""
        act = form.get("act", "")
        if act in ("retry", "ignore"):
            getattr(answers, act)(self.desk, [number])
        elif act == "join":
            answers.join(self.desk, number, form.get("ref", ""))
        elif act == "as_new":
            answers.as_new(self.desk, number)
        else:
            raise UsageError("This form says nothing that can be done.", hint="Go back and choose an answer.")
        return RedirectResponse(f"/quarantine?done={act}", 303)

    # -- the way of a request --------------------------------------------------------------------
    def _page(self, template: str, title: str, code: int = 200, **values: Any) -> Response:
        text = render(template, title=title, workspace=self.config.workspace, badges=queries.badges(self.ledger),
                      form_key=self._form, time_zone=self.config.time_zone,
                      now=self.now().astimezone(ZoneInfo(self.config.time_zone)), **values)  # fmt: skip
        return HTMLResponse(text, code)

    def problem(self, error: Exception, code: int) -> Response:
        """What went wrong, with what to do."""
        hint = getattr(error, "hint", None) or ""
        return self._page(
            "problem.html", "That did not work", code, text=getattr(error, "message", str(error)), hint=hint
        )

    def shows(self, make: Callable[[Request], Response]) -> Callable[[Request], Any]:
        """A page in a worker thread; what it cannot find ends in a page that says so."""

        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._guarded, lambda: make(request), 404)

        return endpoint

    def decides(self, act: Callable[[int, dict[str, str]], Response]) -> Callable[[Request], Any]:
        """A decision in a worker thread, when the form is ours."""

        async def endpoint(request: Request) -> Response:
            size = request.headers.get("content-length", "0")
            if not size.isdigit() or int(size) > FORM:
                return await run_in_threadpool(self.problem, UsageError("This form is too long."), 413)
            body = (await request.body())[:FORM].decode("utf-8", "replace")
            form = {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}
            if form.get("key") != self._form:
                return await run_in_threadpool(
                    self.problem, UsageError("This form is not of this dashboard.", hint="Open the page again."), 403
                )
            number = int(request.path_params["number"])
            return await run_in_threadpool(self._guarded, lambda: act(number, form), 409)

        return endpoint

    def _guarded(self, make: Callable[[], Response], code: int) -> Response:
        try:
            return make()
        except SmarkSyncError as error:
            return self.problem(error, code)


def _static(text: str, kind: str) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        return Response(text, media_type=kind)

    return endpoint


def create_app(
    config: Config, registry: Registry, token: str, now: Callable[[], datetime]
) -> tuple[Starlette, Dashboard]:
    """The app, and the dashboard behind it."""
    board = Dashboard(config, registry, token, now)
    pages: dict[str, Callable[[Request], Response]] = {
        "/": board.home, "/funnel": board.funnel, "/report": board.report, "/handoffs": board.handoffs,
        "/leads": board.leads, "/leads/{ref}": board.lead, "/runs": board.runs, "/runs/{run}": board.run,
        "/plans": board.plans, "/mapping": board.mapping, "/conflicts": board.conflicts, "/quarantine": board.quarantine,
    }  # fmt: skip
    routes = [Route(path, board.shows(make), methods=["GET"]) for path, make in pages.items()]
    routes += [
        Route("/conflicts/{number:int}", board.decides(board.settle), methods=["POST"]),
        Route("/quarantine/{number:int}", board.decides(board.release), methods=["POST"]),
        Route("/static/page.css", _static(style(), "text/css")),
        Route("/static/page.js", _static(SCRIPT, "text/javascript")),
    ]

    async def missing(_request: Request, _error: Exception) -> Response:
        return await run_in_threadpool(board.problem, UsageError("There is no such page."), 404)

    app = Starlette(routes=routes, exception_handlers={404: missing})
    app.add_middleware(Guard, token=token)
    return app, board
