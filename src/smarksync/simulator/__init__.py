"""The base of vendor simulators: one vendor's API over real HTTP on a loopback port. Standard library only.

::

    class AcmeSimulator(Simulator):
        vendor = "acme"

        @route("GET", "/v1/people/{id}", query=("fields",))
        def person(self, request: Request) -> Answer:       # called under self.lock
            row = self.people.get(request.params["id"])
            return Answer(200, row) if row else self.not_found(request)

    with AcmeSimulator(seed=1, people=200) as sim:          # or start() and stop(); a stopped one starts again
        sim.url, sim.settings, sim.environment              # "http://127.0.0.1:PORT", the connector's settings, …
        sim.faults.answer(503, times=2, path="/v1/people*")
        sim.faults.drop(after=True, method="POST")          # the write is done, the answer is lost
        with sim.down(): ...                                # refuses connections
        sim.calls                                           # Call(method, path, query, status, write), what tests count
        sim.problems                                        # tracebacks of its own bugs; [] in a good test

=============== ==============================================================================================
Simulator       ``vendor``, ``settings``, ``environment`` to define; ``before(request)`` (auth, limits; an
                Answer ends the call), ``after(request, answer)`` (headers); the vendor's way to say no:
                ``not_found``, ``wrong_method``, ``bad_body``, ``unknown_query``, ``broken``.
                ``now()`` is the server's clock (``Date`` header too), ``elapse(seconds)`` moves it forward.
route           method, path with ``{name}`` (one segment) or ``{name:path}`` (the rest); ``query`` lists what
                may be asked with (None = anything), ``write`` says whether it counts as a write
Request         ``method path params query headers body``, ``json()``, ``form()``; ``query.get/all/items``
Answer          ``status body headers``; a dict or list is sent as JSON, text and bytes as they are
Refused         raise it anywhere in a handler with the Answer to give
hands, NotDone  what people do there, for ``smarksync simulate``: ``POST /by-hand/NAME`` calls a method of the object
                that the property gives; NotDone says why something cannot be done
Faults, Fault   what goes wrong on demand, and how often it did
Window          how many calls fit into so many seconds: rate limits by the server's clock
people          ``people companies colleagues campaigns deals``, ``in_vendor``, ``spelled``: one population for
                all vendors, so that simulators overlap as real systems do
=============== ==============================================================================================
"""

from __future__ import annotations

from .faults import Fault, Faults
from .hands import NotDone
from .http import Answer, BadBody, Query, Refused, Request
from .limits import Window
from .people import (
    Campaign,
    Colleague,
    Company,
    Deal,
    Person,
    campaigns,
    colleagues,
    companies,
    deals,
    in_vendor,
    people,
    spelled,
)
from .server import Call, Simulator, route

__all__ = [
    "Answer",
    "BadBody",
    "Call",
    "Campaign",
    "Colleague",
    "Company",
    "Deal",
    "Fault",
    "Faults",
    "NotDone",
    "Person",
    "Query",
    "Refused",
    "Request",
    "Simulator",
    "Window",
    "campaigns",
    "colleagues",
    "companies",
    "deals",
    "in_vendor",
    "people",
    "route",
    "spelled",
]
