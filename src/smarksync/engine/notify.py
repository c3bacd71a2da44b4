"""Notices to the channels of the config, sent after a run. No notice twice, and no run lost over one.

Each is a POST of JSON, ``text`` for chat systems. It is entered in the ledger before it is sent; one that is known not to
have arrived is taken out again, so that the next run tells it; one that may have arrived stays told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from urllib.parse import parse_qsl, urlsplit

from smarksync.config import Config
from smarksync.errors import ConfigError, SmarkSyncError, SystemFailure, Unknown
from smarksync.ledger import notices, runs, states
from smarksync.ledger.db import Ledger
from smarksync.ledger.notices import Notice
from smarksync.model.moments import SECOND, micros
from smarksync.redact import hide

from .context import Run
from .prepare import OpenSessionFactory
from .watch import Told, by_status

#: exit codes of a run that failed; a guard, something that waits, or Ctrl-C is no failure
FAILED = frozenset((1, 2, 5))
#: lines of one notice at most
LINES = 20
#: a run is late after so many usual gaps between two runs, and after so long at least
GAPS, AT_LEAST = 4, 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel is told, once: ``entered`` are the ledger's rows that say so."""

    channel: str
    event: str
    text: str
    entered: tuple[Notice, ...]


def after_run(
    run: Run, config: Config, exit_code: int, told: Sequence[Told], make_session: OpenSessionFactory
) -> list[str]:
    """Sends what is new; returns a sentence for each channel that could not be told. Never raises for a channel."""
    if run.options.dry_run or not config.notify:
        return []
    messages = [*_promised(config, told), *_happened(run, config, exit_code)]
    said = []
    for message in messages:
        problem = _send(run, config, message, make_session)
        if problem is not None:
            said.append(problem)
    return said


def _promised(config: Config, told: Sequence[Told]) -> Iterator[Message]:
    if config.agreement is None:
        return
    for status, mine in by_status(told):
        notify = config.agreement.notify
        channel: str | None = getattr(notify, status)
        if status == "reassigned":
            channel = channel or notify.breached
        if channel is not None and channel in config.notify:
            what = "lead" if status == "reassigned" else "promise"
            head = f"{len(mine)} {what}{'' if len(mine) == 1 else 's'} {status.replace('_', ' ')}"
            lines = [one.text for one in mine[:LINES]]
            more = [f"… and {len(mine) - LINES} more: `smarksync sla check`"] if len(mine) > LINES else []
            yield Message(channel, status, "\n".join([head, *lines, *more]), tuple(one.notice for one in mine))


def _happened(run: Run, config: Config, exit_code: int) -> Iterator[Message]:
    """Events of the run, for the channels that asked for them; those that were told before are left out."""
    now = micros(run.now())
    events = list(_events(run, exit_code))
    for name, channel in config.notify.items():
        for event, key, text in events:
            if event in channel.on and (event != "quarantine" or _more(run.ledger, f"{name}|", key)):
                entered = notices.new(run.ledger, [Notice(0, f"{name}|{key}", event, now)])
                if entered:
                    yield Message(name, event, text, tuple(entered))


def _events(run: Run, exit_code: int) -> Iterator[tuple[str, str, str]]:
    """(event, what makes it one, words)."""
    ledger, jobs = run.ledger, [job.name for job in run.jobs]
    # runs of the same jobs, newest first; this one is not ended when its end could not be written
    past = [one for one in runs.listed(ledger, 60) if not one["dry_run"] and one["run_id"] != run.run_id]
    past = [one for one in past if one["exit_code"] is not None and set(one["jobs"]) >= set(jobs)]
    begun = [micros(one["started_at"]) for one in past]
    usual = median([a - b for a, b in pairwise(begun)]) if len(begun) > 4 else None
    started = ledger.value("SELECT started_at FROM runs WHERE run = ?", (run.run_id,))
    if usual is not None and started and (gap := micros(started) - begun[0]) > max(GAPS * usual, AT_LEAST):
        text = f"The run of {', '.join(jobs)} came late: {gap // (60 * SECOND)} minutes after the last one, usually {usual / 60 / SECOND:.0f}."
        yield "late", f"late {run.run_id}", text
    failed = exit_code in FAILED
    streak = run.run_id
    for one in past:
        if (one["exit_code"] in FAILED) != failed:
            break
        streak = one["run_id"]
    before = next((one for one in past if (one["exit_code"] in FAILED) != failed), None)
    if failed:
        yield (
            "failed",
            f"failed {streak}",
            f"Run {run.run_id} failed (exit code {exit_code}). `smarksync show {run.run_id}` says why.",
        )
    elif before is not None and streak in (run.run_id, *(one["run_id"] for one in past[:3])):
        yield (
            "recovered",
            f"recovered {streak}",
            f"Run {run.run_id} went through again; run {before['run_id']} had failed.",
        )
    yield from _waiting(run, jobs)


def _waiting(run: Run, jobs: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    ledger = run.ledger
    for job in run.jobs:
        if job.stopped_by is not None:
            since = states.held_since(ledger, job.name)
            text = f"The guard `{job.stopped_by}` stopped {job.name} before its first write. `smarksync plan {job.name}` shows what is held."
            yield "guard", f"guard {job.name} {since}", text
    newest: list[str] = []
    said: list[str] = []
    for table, word in (("quarantine", "in quarantine"), ("conflicts", "waiting for a decision")):
        count, last = ledger.one(f"SELECT count(*), max(id) FROM {table} WHERE state = 'open'") or (0, None)
        newest.append(str(last or 0))
        if count:
            said.append(f"{count} {word} (`smarksync {table} list`)")
    if said:
        yield "quarantine", f"waits {' '.join(newest)}", f"After run {run.run_id}: {', '.join(said)}."


def _more(ledger: Ledger, channel: str, key: str) -> bool:
    """Whether something waits that was not there when the channel last heard of what waits."""
    told = ledger.rows("SELECT promise FROM notices WHERE cid = 0 AND status = 'quarantine'")
    before = [_ids(name.removeprefix(channel)) for (name,) in told if name.startswith(channel)]
    return not any(all(a <= b for a, b in zip(_ids(key), one, strict=True)) for one in before)


def _ids(key: str) -> list[int]:
    return [int(word) for word in key.split()[1:]]


def _send(run: Run, config: Config, message: Message, make_session: OpenSessionFactory) -> str | None:
    """None when it arrived, or may have."""
    body = {"text": message.text, "event": message.event, "workspace": config.workspace, "run": run.run_id}
    try:
        post(config, message.channel, body, make_session)
    except Unknown:
        return f"The channel {message.channel} may not have heard of {message.event}: its answer was lost."
    except SmarkSyncError as error:
        notices.forget(run.ledger, message.entered)
        return f"The channel {message.channel} could not be told of {message.event} ({error.code}); the next run tries again."
    return None


def post(config: Config, channel: str, body: Mapping[str, str], make_session: OpenSessionFactory) -> None:
    """One POST of JSON to a channel of the config. Raises SmarkSyncError; ConfigError when the
    address is a secret that is not there, Unknown when it may have arrived."""
    config.require(channels=[channel])
    url = config.notify[channel].url.get_secret_value()
    parts = urlsplit(url)
    hide(url, parts.path.strip("/"), parts.query)  # the path of a webhook is its password
    session = make_session(f"notify {channel}", None)
    try:
        client = session.client(f"{parts.scheme}://{parts.netloc}", timeout=10.0, setting="the address")
        client.request("POST", parts.path, params=parse_qsl(parts.query), json=dict(body), expect="any")
    except ConfigError as wrong:
        raise config.wrong(wrong.message, "Write `url: https://HOST/PATH`.", at=("notify", channel, "url")) from None
    except Unknown:
        raise
    except SystemFailure as failure:
        place = config.place("notify", channel, "url")
        failure.hint = f"Check `url` of the channel {channel} ({place}), and whether it takes messages now."
        raise
    finally:
        close = getattr(session, "close", None)
        if close is not None:
            close()


__all__ = ["FAILED", "Message", "after_run", "post"]
