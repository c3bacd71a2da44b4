"""A recorded BottleCRM: what a real 1.35.0 answered, played back; or the real one, to record anew.

To record: ``SMARKSYNC_RECORD=8791 pytest plugins/smarksync-bottlecrm/tests/test_bottlecrm_facts.py`` starts a
server on that port of loopback, with fresh data for each test (tests/live/servers/bottlecrm.sh).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr
from smarksync_bottlecrm import SPEC, BottleCRMSettings
from smarksync_bottlecrm.connector import BottleCRM

from smarksync.kit.auth import HeaderToken
from smarksync.kit.session import OpenSession
from smarksync.plugin import Op, Receipt, Record, Write

CASSETTES = Path(__file__).parent / "cassettes"
SCRIPT = Path(__file__).parents[3] / "tests/live/servers/bottlecrm.sh"
PORT = os.environ.get("SMARKSYNC_RECORD")
#: the address in cassettes, wherever they were recorded
URL = "http://127.0.0.1:8701"
NOBODY = "00000000-0000-4000-8000-000000000000"


def _request(request: Any) -> Any:
    parts = urlsplit(request.uri)
    request.uri = URL + parts.path + (f"?{parts.query}" if parts.query else "")
    request.headers = {k: v for k, v in request.headers.items() if k.lower() == "content-type"}
    return request


def _response(response: dict[str, Any]) -> dict[str, Any]:
    """Nothing of the machine: error pages show paths and settings; and not 8 kB of countries with every list."""
    kept = ("content-type", "date", "retry-after")
    response["headers"] = {k: v for k, v in response["headers"].items() if k.lower() in kept}
    body = response["body"]["string"]
    if body.lstrip().startswith(b"<"):
        response["body"]["string"] = b"<!DOCTYPE html>\n<html><head><title>an error page</title></head></html>"
    elif body.startswith(b"{"):
        answer = json.loads(body)
        for name in ("countries", "industries"):
            if name in answer:
                answer[name] = answer[name][:4]
        response["body"]["string"] = json.dumps(answer).encode()
    return response


RECORDER = vcr.VCR(
    before_record_request=_request,
    before_record_response=_response,
    match_on=("method", "path", "query", "body"),
    decode_compressed_response=True,
)


class People:
    """Somebody at work in BottleCRM, past the connector."""

    def __init__(self, url: str, token: str) -> None:
        self.session = OpenSession("people")
        self._http = self.session.client(url, auth=HeaderToken(token))

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._http.request(method, path, json=body, accept=(400, 403, 404), expect="any").json


class Crm:
    """A connector on a recorded or real server, and people who use the same server."""

    def __init__(self, url: str, keys: Mapping[str, str]) -> None:
        self.session = OpenSession("crm")
        self.url = url
        self.keys = keys
        self.connector = self.open(keys["token"])
        self.people = People(url, keys["token"])

    def close(self) -> None:
        self.session.close()
        self.people.session.close()

    def open(self, token: str) -> BottleCRM:
        connector = SPEC.open(BottleCRMSettings(base_url=self.url, token=token), self.session)
        assert isinstance(connector, BottleCRM)
        return connector

    def write(self, stream: str, op: Op, rid: str | None = None, **fields: Any) -> Receipt:
        named = {name.replace("__", "."): value for name, value in fields.items()}
        (receipt,) = self.connector.write(stream, [Write("r1", op, named, rid)])
        assert receipt.ref == "r1"
        return receipt

    def create(self, stream: str, **fields: Any) -> str:
        """The id of a new row."""
        receipt = self.write(stream, Op.CREATE, **fields)
        assert receipt.id, receipt
        return receipt.id

    def read(self, stream: str, *fields: str) -> dict[str, Record]:
        """Every row by id; fails on a row shown twice."""
        pages = list(self.connector.read(stream, cursor=None, until=None, fields=fields))
        rows = [record for page in pages for record in page.records]
        assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]
        assert len({row.id for row in rows}) == len(rows)
        return {row.id: row for row in rows}

    def find(self, stream: str, key: str, values: Sequence[str], *fields: str) -> list[Record]:
        return list(self.connector.find(stream, key, values, fields=fields))

    def make_fields(self) -> None:
        for stream in ("leads", "contacts"):
            self.connector.create_fields(stream, ["custom_fields.email_opt_out", "custom_fields.smarksync_id"])
