"""HubSpot into Salesforce over HTTP: how near we come to what the vendors' limits allow, and what a quiet run costs.

Both simulators run in processes of their own, with the vendors' limits on and 50 ms before each answer, so the time and
memory measured here are ours and the wires'. HubSpot allows 100 calls in any 10 seconds: ``limits``
is the time that this many calls take at best, a hundred at once and a hundred more whenever ten seconds are over. The steps:

* *first load*: all of HubSpot into an empty Salesforce, to the end of the run: what Salesforce fills in by itself (a
  status, an owner) is read back and reaches HubSpot in the same run. A fifth of it goes before, in a process of its own:
  memory that grew with the number of people would show.
* *second run*, when the look-back of both vendors (two minutes) is over: what we wrote is a change to a vendor, and is
  read once. It must write nothing.
* *idle*: nothing happened since; what it asks is what any run asks. A token and the schemas are counted apart.
* *1 % changed*: that many contacts were edited in HubSpot.

In the end each promise stands with its figure. Calls that read a record again just before it is written over
(`freshness`; engine/freshness.py) grow with the time that a first load takes; they are told apart from those that the
bound is about. Printed, never a timed test.
"""

from __future__ import annotations

import json
import math
import re
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from smarksync.cli.globals import Globals
from smarksync.cli.sessions import Sessions
from smarksync.config import load
from smarksync.engine.check import check
from smarksync.engine.run import Options, execute

sys.path.insert(0, str(Path(__file__).parents[1]))
from scenarios.accounts import ALLOW, CONFIG

LATENCY = 50
#: of the shared population, about so many are known to HubSpot
SHARE = 0.73
#: rows a page and a write, and how many calls fit into how many seconds
PAGE, BATCH = {"marketing": 100, "sales": 2000}, {"marketing": 100, "sales": 200}
RATES = {"marketing": (100, 10.0)}
#: seconds after which no vendor looks back to what was written before
LOOK_BACK = 130


@contextmanager
def simulated(vendor: str, people: int) -> Iterator[dict[str, str]]:
    """The vendor in a process of its own: its variables."""
    command = [
        sys.executable,
        "-m",
        "smarksync",
        "simulate",
        vendor,
        "--people",
        str(people),
        "--latency",
        str(LATENCY),
    ]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    told: dict[str, str] = {}
    try:
        for line in running.stdout:
            if found := re.match(r"export (\w+)=(.*)", line):
                told[found[1]] = found[2].strip("'\n")
            if line.startswith("connections:"):
                break
        yield told
    finally:
        running.terminate()
        running.communicate(timeout=60)


def main(size: int) -> None:
    """Prints a line a step, and one JSON object."""
    small = _alone(size // 5) if size >= 5_000 else None
    steps: list[dict[str, Any]] = []
    with ExitStack() as stack:
        run, environ = _world(stack, size)
        steps.append(_say(run("first load")))
        time.sleep(
            LOOK_BACK
        )  # until then both vendors show what the first load wrote, and the second run reads it again
        steps.append(_say(run("second run")))
        steps.append(_say(run("idle")))
        _edit(environ, math.ceil(steps[0]["read"] / 100))
        time.sleep(12)  # the edits' own calls leave the window, and the search shows them
        steps.append(_say(run("1 % changed")))
    for line in _promises(steps, small):
        print(line)
    print(json.dumps({"vendors": [*([small] if small else []), *steps]}))


def _promises(steps: list[dict[str, Any]], small: dict[str, Any] | None) -> Iterator[str]:
    """A line a promise: what is asked, what was measured."""
    load, *later = steps
    share = load["share_of_limits"] or 0.0
    yield f"throughput: {load['seconds']} s where the limits alone take {load['limits_seconds']} s: {share:.0%} (at least 90 %)"
    for step in steps:
        apart = sum(kinds.get(kind, 0) for kinds in step["kinds"].values() for kind in ("auth", "schema"))
        bare = sum(step["calls"].values()) - step["rereads"] - apart
        if step["step"] != "idle":
            yield (f"calls, {step['step']}: {bare:,} (at most {step['calls_bound']:,}); {step['rereads']:,} more read again, "
                   f"{apart} more for a token and schemas")  # fmt: skip
    idle = next(step for step in later if step["step"] == "idle")
    yield f"idle: {idle['reads'] / idle['objects']:.1f} reads an object (at most 2); {idle['written']} written (none)"
    yield f"refused for a limit: {sum(step['throttled'] for step in steps)} calls (none)"
    if small is not None:
        yield (f"peak memory of a first load: {small['peak_mb']} MB with {small['read']:,} people, {load['peak_mb']} MB with "
               f"{load['read']:,}; {steps[-1]['peak_mb']} MB after all four runs in one process (flat)")  # fmt: skip


def _alone(size: int) -> dict[str, Any]:
    """A first load in a process of its own."""
    done = subprocess.run([sys.executable, __file__, str(size)], stdout=subprocess.PIPE, text=True, check=True)
    lines = done.stdout.splitlines()
    print("\n".join(lines[:-1]), flush=True)
    told: dict[str, Any] = json.loads(lines[-1])
    return told


def _world(stack: ExitStack, size: int) -> tuple[Any, dict[str, str]]:
    """What makes a run, and where the vendors are."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smarksync-bench-")))
    (folder / "smarksync.yaml").write_text(CONFIG)
    begin = time.perf_counter()
    environ = stack.enter_context(simulated("hubspot", math.ceil(size / SHARE)))
    environ |= stack.enter_context(simulated("salesforce", 0))
    print(f"about {size:,} people in HubSpot, none in Salesforce; {LATENCY} ms before each answer, limits on; "
          f"simulators up in {time.perf_counter() - begin:.0f} s", flush=True)  # fmt: skip
    config = load(folder / "smarksync.yaml", environ=environ)
    registry = Globals().plugins()
    sessions = Sessions(config)
    stack.callback(sessions.close)
    found = check(config, registry, sessions, None, sessions_now(), fix=True)
    assert found["ok"], found
    time.sleep(10)  # the check's own calls leave HubSpot's window
    return lambda name: _run(name, config, registry, sessions), environ


def _edit(environ: dict[str, str], count: int) -> None:
    """So many contacts get another job title, as by somebody in HubSpot."""

    def call(method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            environ["HUBSPOT_URL"] + path, None if body is None else json.dumps(body).encode(), method=method,
            headers={"Authorization": f"Bearer {environ['HUBSPOT_TOKEN']}", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    after, left = "", count
    while left > 0:
        page = call("GET", f"/crm/v3/objects/contacts?limit={min(100, left)}{after}")
        rows = [{"id": row["id"], "properties": {"jobtitle": "Head of Change"}} for row in page["results"]]
        call("POST", "/crm/v3/objects/contacts/batch/update", {"inputs": rows})
        left -= len(rows)
        after = f"&after={page['paging']['next']['after']}" if page.get("paging") else ""


def sessions_now() -> Any:
    """Our own clock."""
    from smarksync.kit.clock import SystemClock

    return SystemClock().now


def _run(name: str, config: Any, registry: Any, sessions: Any) -> dict[str, Any]:
    phases = _Phases()
    wall, cpu = time.perf_counter(), time.process_time()
    result = execute(config, Options(allow=ALLOW), registry=registry, make_session=sessions, progress=phases)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result.run.ledger.close()
    report = result.report
    bound, limits = 5.0, 0.0
    rows = {"read": 0, "written": 0}
    for job in report["jobs"]:
        for side, objects in job["sides"].items():
            for counts in objects.values():
                bound += 1.05 * (math.ceil(counts["read"] / PAGE[side]) + math.ceil(counts["written"] / BATCH[side]))
                rows["read"] += counts["read"]
                rows["written"] += counts["written"]
    for side, (count, seconds) in RATES.items():
        limits += max(0, report["calls"][side]["total"] - 1) // count * seconds
    return {
        "step": name, "exit": result.exit_code, **rows, "seconds": round(wall, 1), "cpu_seconds": round(cpu, 1),
        "limits_seconds": round(limits, 1), "share_of_limits": round(limits / wall, 3) if limits else None,
        "calls": {side: told["total"] for side, told in report["calls"].items()},
        "kinds": {side: {k: v for k, v in told.items() if v and k != "total"} for side, told in report["calls"].items()},
        "objects": len(result.run.lanes), "reads": sum(told["read"] for told in report["calls"].values()),
        "rereads": sum(told["reread"] for told in report["calls"].values()),
        "phases": phases.told(),
        "throttled": sum(told["throttled"] for told in report["calls"].values()), "calls_bound": round(bound),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


class _Phases:
    """Seconds by the clock and of our processor, by stage of the run."""

    def __init__(self) -> None:
        self._last = time.perf_counter(), time.process_time()
        self._spent: dict[str, list[float]] = {}

    def __call__(self, stage: str, lane: str, done: int, total: int | None) -> None:
        now = time.perf_counter(), time.process_time()
        spent = self._spent.setdefault(stage, [0.0, 0.0])
        for place in (0, 1):
            spent[place] += now[place] - self._last[place]
        self._last = now

    def told(self) -> dict[str, list[float]]:
        return {stage: [round(one, 1) for one in spent] for stage, spent in self._spent.items()}


def _say(step: dict[str, Any]) -> dict[str, Any]:
    calls = ", ".join(f"{side} {count}" for side, count in step["calls"].items())
    share = f" = {step['share_of_limits']:.0%} of what the limits allow" if step["share_of_limits"] else ""
    phases = ", ".join(f"{stage} {wall} s (CPU {cpu} s)" for stage, (wall, cpu) in step["phases"].items())
    print(
        f"{step['step']:12} {step['read']:,} read, {step['written']:,} written in {step['seconds']} s (CPU {step['cpu_seconds']} s; "
        f"the limits alone take {step['limits_seconds']} s){share}; {phases}; calls {calls} = {sum(step['calls'].values())} "
        f"(bound {step['calls_bound']}; {step['rereads']} of them read records again), {step['reads'] / step['objects']:.1f} reads "
        f"an object; {step['throttled']} refused for a limit; peak {step['peak_mb']} MB",
        flush=True,
    )
    return step


if __name__ == "__main__":
    with ExitStack() as only:
        print(json.dumps(_say(_world(only, int(sys.argv[1]))[0]("first load"))))
