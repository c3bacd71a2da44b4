"""Several requests in one (vendors/crm.md 1.7): the reading ones."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from smarksync.simulator import Answer, Request, route
from smarksync.simulator import Query as UrlQuery

from .base import DATA, Org, error

#: requests of one composite, and how many of them may be queries or collections
_MOST, _QUERIES = 25, 5
_COUNTED = re.compile(r"/services/data/v[\d.]+/(query|queryAll|composite/sobjects)\b")


class Composite(Org):
    """It counts as one call, and its answer is 200 whatever became of the requests inside."""

    @route("POST", DATA + "/composite", query=(), write=False)
    @route("POST", DATA + "/composite/", query=(), write=False)
    def composite(self, request: Request) -> Answer:
        wanted = self.body(request).get("compositeRequest")
        if not isinstance(wanted, list) or not 0 < len(wanted) <= _MOST:
            return error(
                400, "NOT_SIMULATED", f"1 to {_MOST} requests are taken"
            )  # Salesforce's words are not recorded
        if sum(1 for one in wanted if _COUNTED.match(str(one.get("url")))) > _QUERIES:
            return error(400, "NOT_SIMULATED", f"at most {_QUERIES} of them may be queries or collections")
        names = [one.get("referenceId") for one in wanted]
        if not all(names) or len(set(names)) < len(names):
            return error(400, "NOT_SIMULATED", "each needs a referenceId of its own")
        return Answer(200, {"compositeResponse": [self._inside(one, request) for one in wanted]})

    def _inside(self, one: dict[str, Any], request: Request) -> dict[str, Any]:
        raw, _, query = str(one["url"]).partition("?")
        if one["method"] == "GET":
            answer = self.within(
                replace(request, method="GET", path=unquote(raw), raw=raw, query=UrlQuery(query), body=b"")
            )
        else:
            answer = error(400, "NOT_SIMULATED", "only GET is simulated inside a composite")
        return {
            "body": answer.body, "httpHeaders": answer.headers, "httpStatusCode": answer.status,
            "referenceId": one["referenceId"],
        }  # fmt: skip
