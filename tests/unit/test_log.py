"""Log lines: where they go, what they look like, and what is not in them."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from smarksync import log


@pytest.fixture
def lines():
    stream = io.StringIO()
    yield stream
    log.configure()


def test_json_is_one_object_a_line_without_personal_data(lines):
    log.configure("json", stream=lines)
    log.get(run="r1").bind(job="people").info("pulled ada@acme.com", rows=3, email="ada@acme.com")
    (line,) = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "run": "r1", "job": "people", "event": "pulled [e-mail]", "rows": 3, "email": "[redacted]", "level": "info",
    }  # fmt: skip


def test_lines_go_where_stderr_is_when_they_are_written(lines, monkeypatch):
    log.configure("json")
    for name in ("first", "second"):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        log.get().info(name)
        assert name in stream.getvalue()
        stream.close()


def test_a_traceback_is_redacted(lines):
    log.configure("json", stream=lines)
    try:
        raise ValueError("row of ada@acme.com")
    except ValueError:
        log.get().error("failed", exc_info=True)
    line = json.loads(lines.getvalue())
    assert "ValueError: row of [e-mail]" in line["exception"]
    assert "ada@" not in lines.getvalue()


def test_console_is_plain_and_says_tracebacks(lines):
    log.configure("console", "warning", stream=lines)
    log.get().info("not this")
    log.get().warning("this", rows=3)
    try:
        raise ValueError("broken")
    except ValueError:
        log.get().error("failed", exc_info=True)
    text = lines.getvalue()
    assert "not this" not in text
    assert "this" in text and "rows=3" in text and "ValueError: broken" in text
    assert "\x1b" not in text


def test_wrong_words_are_refused():
    with pytest.raises(ValueError, match="console or json"):
        log.configure("xml")
    with pytest.raises(ValueError, match="log level `loud`"):
        log.configure(level="loud")


def test_a_logger_costs_no_import_until_it_speaks():
    code = "import sys; from smarksync import log; log.get(run=1).debug('x'); print('structlog' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
    assert out.stderr == ""
