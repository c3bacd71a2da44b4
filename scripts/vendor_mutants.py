"""Takes a connector's handling of a vendor's peculiarity away and shows that its facts tests notice. `make mutants-vendors`.

Each removal is a textual patch of one plugin, in a copy of its sources; one whose text is no longer there is an error,
because it proves nothing. The tests named with it, of that plugin, must fail. Exit code 0: all of them did.
`python scripts/vendor_mutants.py WORD …` runs those whose plugin or name contains a word; `--check` only looks
whether they still apply.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

from seeded import ROOT, passes, stands_once

#: seconds after which tests that were named with a removal are given up
PATIENCE = 200.0


class Removal(NamedTuple):
    """``text`` of ``file``, which stands there once, becomes ``instead``; ``tests`` begin with the plugin's own prefix."""

    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


HUBSPOT = (
    Removal("windows end at the cap of 10,000 instead of beginning anew", "changes.py", "        if last > low:\n", "        if False:\n", ("reading_facts", "search")),
    Removal("rows of one stamp left out beyond a page", "changes.py", "        for group in _at_one_stamp(api, shape, [_filter(stamp, \"EQ\", str(low)), *extra]):\n            yield Found(group, low, True, total)\n", "", ("reading_facts", "search")),
    Removal("an empty page with more taken for the end", "changes.py", "        if rows or after is None:\n", "        if True:\n", ("reading_facts", "search", "switches")),
    Removal("no look-back for late indexing", "connector.py", "ticks(mark - self._lag), last)", "ticks(mark), last)", ("reading_facts", "search", "switches")),
    Removal("rows changed during a full load shown", "connector.py", "rows = [row for row in page.rows if until is None or _changed(row) <= until]", "rows = list(page.rows)", ("reading_facts",)),
    Removal("a token that HubSpot forgot ends the load", "listing.py", "            if turn.token is not None and _NO_CURSOR in str(body.get(\"message\")):\n                turn = TokenPages(\"after\")\n                continue\n", "", ("reading_facts", "errors", "answers")),
    Removal("414 ends the load", "listing.py", "        if answer.status == 414 and not long:\n            long = True\n            continue\n", "", ("reading_facts", "switches", "errors")),
    Removal("batch reads of more than a hundred", "listing.py", "    size = 50 if history else 100\n", "    size = 150\n", ("reading_facts", "writing_facts", "search", "answers")),
    Removal("history asked for a hundred rows at once", "listing.py", "    size = 50 if history else 100\n", "    size = 100\n", ("reading_facts", "answers")),
    Removal("a merged id shows the winner", "connector.py", "(row for row in rows if str(row[\"id\"]) in asked)", "rows", ("reading_facts",)),
    Removal("owners who left are not listed", "people.py", "for archived in (\"false\", \"true\"):", "for archived in (\"false\",):", ("reading_facts", "activities", "answers")),
    Removal("merges not told", "departures.py", "    yield tuple(one._replace(shows=said.get(one.id)) for one in merged.values()), keep\n", "    yield (), keep\n", ("reading_facts", "answers")),
    Removal("a winner that names itself goes", "departures.py", "if rid and rid != winner:", "if rid:", ("reading_facts", "answers")),
    Removal("archived rows later than the reading told", "departures.py", "            and (until is None or at <= until)\n", "", ("reading_facts", "answers")),
    Removal("old archived rows told again and again", "departures.py", "            and (mark is None or at >= mark - _OVERLAP)\n            and (until", "            and (until", ("reading_facts", "answers")),
    Removal("merges of a run that was killed are lost", "departures.py", "_merges(api, schema, kind, mark, until, lag) if known is None else known", "known or []", ("reading_facts", "answers")),
    Removal("merged rows in the archive told as deleted", "departures.py", "            left = _followed(api, schema, kind, left)\n", "            pass\n", ("leaving_facts",)),
    Removal("the archive asked nothing of consent", "departures.py", "return {OPT_OUT: \"true\"} if properties.get(OPT_OUT) == \"true\" else None", "return None", ("leaving_facts",)),
    Removal("a merge whose winner was deleted at once taken for deletions", "departures.py", "            for one, at in names:\n", "            for one, at in names[:0]:\n", ("leaving_facts",)),
    Removal("who left told by every look for ten minutes", "departures.py", "            lately[one.id] = one.at if", "            lately[\"\"] = one.at if", ("leaving_facts",)),
    Removal("restored and deleted again goes unnoticed", "departures.py", " and known[str(row[\"id\"])] >= at for known", " for known", ("leaving_facts",)),
    Removal("an id that is no number spoils its batch", "connector.py", "[rid for rid in wanted if rid.isdigit()]", "list(wanted)", ("leaving_facts",)),
    Removal("associations that a list cuts off are lost", "links.py", "            if after_of(part) is not None:\n                cut.append(rid)\n                continue\n", "", ("leaving_facts",)),
    Removal("an opt-out stays behind with the old address", "writes.py", "            if row.fields.get(\"email\") and OPT_OUT not in row.fields\n", "            if row is None\n", ("switches",)),
    Removal("no trace ids", "writes.py", "one: dict[str, Any] = {\"properties\": properties, \"objectWriteTraceId\": row.ref}", "one: dict[str, Any] = {\"properties\": properties}", ("writing_facts", "switches")),
    Removal("answers not paired by trace id", "refusals.py", "            self._by_ref.get(str(result.get(\"objectWriteTraceId\")))\n            or self.by_id", "            self.by_id", ("writing_facts", "switches", "activities")),
    Removal("answers paired by trace id alone", "refusals.py", "            or self._by_ours.get(str(shown.get(OUR_ID)))\n            or self._by_email.get(str(shown.get(\"email\") or \"\").lower())\n", "", ("writing_facts", "switches")),
    Removal("refused batches not halved", "writes.py", "            for half in (rows[:middle], rows[middle:]):\n                self._send(what, half, idempotent=idempotent)\n", "            for row, _ in rows:\n                self._refuse(row, why)\n", ("writing_facts", "switches")),
    Removal("a property that is not there asked for again by halves", "writes.py", "        barred = {name for name in why.impossible if any(name in one[\"properties\"] for one in inputs)}\n", "        barred = set[str]()\n", ("writing_facts", "answers")),
    Removal("null sent instead of the empty text", "rows.py", "    if value is None:\n        return \"\"\n    if value is True", "    if value is None:\n        return None  # type: ignore[return-value]\n    if value is True", ("writing_facts", "switches")),
    Removal("booleans sent as Python spells them", "rows.py", "        return \"true\" if value else \"false\"\n", "        return str(value)\n", ("writing_facts",)),
    Removal("a stage that does not go back goes unnoticed", "writes.py", "            self._stage_back()\n", "            pass\n", ("writing_facts", "switches")),
    Removal("creates without our unique property made twice", "writes.py", "            elif self._kind in (\"companies\", \"deals\") or (self._kind == \"contacts\" and not properties.get(\"email\")):\n", "            elif False:\n", ("writing_facts", "errors")),
    Removal("create instead of upsert", "writes.py", "            if ours and keyed:\n", "            if False:\n", ("writing_facts",)),
    Removal("the opt-out sent as a property", "writes.py", "            and not (self._kind == \"contacts\" and name == OPT_OUT)\n", "", ("writing_facts", "switches")),
    Removal("opting in again without each subscription", "consent.py", "        for one in self._subscriptions():\n", "        for one in list(self._subscriptions())[:0]:\n", ("writing_facts", "switches")),
    Removal("no legal basis", "consent.py", "            if settings.legal_basis:\n", "            if False:\n", ("writing_facts", "switches")),
    Removal("a lost opt-out taken for done", "writes.py", "            if isinstance(problem, Unknown):\n                self._done[row.ref] = self._half(row, problem.message)\n                continue\n", "            if isinstance(problem, Unknown):\n                continue\n", ("writing_facts", "answers", "errors", "switches")),
    Removal("web page of a 404 taken for a refusal without a word", "client.py", "        if status == 404 and not body:  # a web page", "        if False:  # a web page", ("errors", "writing_facts", "switches")),
    Removal("429 waits a second whatever the limit", "client.py", "        return _TEN_SECONDLY if \"ten_secondly\" in policy or \"ten secondly\" in policy else _SECONDLY\n", "        return _SECONDLY\n", ("errors", "switches")),
    Removal("the day's limit waits a second", "client.py", "        if \"daily\" in policy:\n            return self._until_midnight()\n", "", ("errors",)),
    Removal("a scope that is missing is not named", "client.py", "            named = \", \".join(str(scope) for scope in scopes) if isinstance(scopes, list) else \"\"\n", "            named = \"\"\n", ("errors", "answers")),
    Removal("a locked record is refused", "client.py", "        if status == 423:\n", "        if False:\n", ("errors",)),
    Removal("an account that moves is asked again at once", "client.py", "        if status == 477:\n", "        if False:\n", ("errors",)),
    Removal("what is left of the day is not noted", "client.py", "        if left.isdigit():\n", "        if False:\n", ("errors", "answers", "reading_facts")),
    Removal("search shares the burst limit", "client.py", "        client = self._search if search else self.http\n", "        client = self.http\n", ("reading_facts", "search", "errors")),
    Removal("labels of associations not told apart", "links.py", "if link.label is None or any(one.get(\"typeId\") == link.label for one in types):", "if True:", ("reading_facts", "writing_facts", "activities")),
    Removal("associations beyond a page are lost", "links.py", "                if (after := after_of(entry)) is not None:  # one row", "                if False:  # one row", ("reading_facts", "activities", "answers")),
    Removal("associations listed once a label count twice", "links.py", "    return link.label is None or not kind.endswith(_UNLABELED)\n", "    return True\n", ("reading_facts", "activities", "answers")),
    Removal("lists that did not change are read again", "members.py", "        if sign and marks.get(one) == sign:\n            continue\n", "", ("lists",)),
    Removal("active lists read without being named", "members.py", "    return row.get(\"processingType\") != \"DYNAMIC\" or any(", "    return True or any(", ("lists",)),
    Removal("submissions read to the very first each time", "events.py", "            past = since is not None and any(", "            past = False and any(", ("activities",)),
    Removal("events that HubSpot itself leaves out count as people's", "events.py", "    if event.get(\"filteredEvent\") and actor == \"lead\":\n", "    if False:\n", ("activities",)),
    Removal("a new activity told whose it is in a second call only", "writes.py", "{**one, **of_new(self._kind, row.fields)}", "one", ("activities",)),
)  # fmt: skip

SALESFORCE = (
    Removal("what an opted-out row said goes with it", "leaving.py", "    shows = {one: True for one in _OPT_OUTS if row.get(one) is True} or None\n", "    shows = None\n", ("leaving",)),
    Removal("a first look tells nothing, whoever read before", "leaving.py", "    if \"at\" not in start and fresh:\n", "    if \"at\" not in start:\n", ("leaving",)),
    Removal("a refused unique value names no field", "refusals.py", "| duplicates value on)", "| none such)", ("writing",)),
    Removal("assignment rules take the lead away", "client.py", "    \"Sforce-Auto-Assign\": \"FALSE\",\n", "", ("writing", "switches")),
    Removal("403 REQUEST_LIMIT_EXCEEDED taken for a missing right", "client.py", "    if code in (\"REQUEST_LIMIT_EXCEEDED\", \"LIMIT_EXCEEDED\"):\n", "    if False:\n", ("writing", "reading", "switches", "login")),
    Removal("too many at once waits an hour", "client.py", "False, _BUSY if busy else _USED_UP)", "False, _USED_UP)", ("writing", "reading")),
    Removal("the day's requests are not noted", "client.py", "        if usage:\n", "        if False:\n", ("reading", "writing", "switches", "login")),
    Removal("a forgotten locator ends the reading", "client.py", "    if response.status in (400, 404) and error_code(response) == \"INVALID_QUERY_LOCATOR\":\n        return OK\n", "", ("reading",)),
    Removal("an upload that arrived is refused when repeated", "client.py", "    return OK if response.status == 400 and error_code(response) == \"INVALIDJOBSTATE\" else verdict(response)\n", "    return verdict(response)\n", ("bulk",)),
    Removal("a 401 is the end", "login.py", "        if response.status_code == 401:\n", "        if False:\n", ("login", "reading")),
    Removal("each thread logs in", "login.py", "            if self._grant is None or self._grant is refused:\n", "            if True:\n", ("login", "reading")),
    Removal("a rotated refresh token is not kept", "login.py", "        self._endpoint.arrived(body)  # a rotated", "        pass  # a rotated", ("login", "switches")),
    Removal("instance_url is not believed", "login.py", "        return trust.url(told, handed=True)\n", "        return self._settings.login_url\n", ("login",)),
    Removal("an assertion that lives for an hour", "login.py", "_ASSERTION = timedelta(minutes=3)", "_ASSERTION = timedelta(hours=1)", ("login",)),
    Removal("hidden fields selected all the same", "worked_out.py", "    \"smarksync.automated\": Pseudo(FieldInfo(\"smarksync.automated\", _T.BOOL, writable=False), _TASK_TYPE, _automated),", "    \"smarksync.automated\": Pseudo(FieldInfo(\"smarksync.automated\", _T.BOOL, writable=False), (\"A.B\", *_TASK_TYPE), _automated),", ("activities",)),
    Removal("defaulted fields required", "describe.py", " and not one[\"nillable\"] and not one[\"defaultedOnCreate\"],", " and not one[\"nillable\"],", ("reading", "writing")),
    Removal("unrestricted pick lists refuse new values", "describe.py", "        _T.TEXT if kind is _T.CHOICE and not listed else kind,\n", "        kind,\n", ("reading", "writing")),
    Removal("keyset by stamp alone", "soql.py", "    return f\"SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {text(place.id)})\"\n", "    return f\"SystemModstamp > {at}\"\n", ("reading", "leaving")),
    Removal("no look-back for late commits", "reading.py", "    return Place(at - LOOK_BACK, \"\")\n", "    return Place(at, \"\")\n", ("reading", "leaving")),
    Removal("a reading that broke off does not look back", "reading.py", "        place = place if place.at < late else Place(late, \"\")\n", "", ("reading", "leaving")),
    Removal("rows edited while we read end the order", "reading.py", "            if at is not None and at <= self._until and (reached is None or at >= reached):\n", "            if at is not None:\n", ("reading", "leaving")),
    Removal("a large first reading by queries", "reading.py", "                    if place is None and total > self._bulk_above and self._may_be_a_job:\n", "                    if False:\n", ("bulk",)),
    Removal("members taken out are not told", "reading.py", " or (self._shape.stream == \"CampaignMember\" and self._since is not None)\n", "\n", ("activities", "reading", "leaving")),
    Removal("what left is taken for changed", "reading.py", "            if self._left is not None and has_left(row):\n", "            if False:\n", ("reading", "leaving")),
    Removal("what came back is still told as gone", "reading.py", "                    self._left.pop(str(row[\"Id\"]), None)", "                    pass", ("reading", "leaving")),
    Removal("what left is asked for a shorter time than it is told", "leaving.py", " and seen.since <= since:\n", ":\n", ("reading", "leaving")),
    Removal("schemas that are refused among others are lost", "client.py", "if isinstance(one, Mapping) and one.get(\"httpStatusCode\") == 200", "if isinstance(one, Mapping)", ("reading",)),
    Removal("roles that came without an edit go unnoticed", "reading.py", "        if not self._shape.has_roles or self._since is None:\n", "        if True:\n", ("reading", "activities")),
    Removal("an event that ended goes unnoticed", "reading.py", "            if self._shape.stream == \"Event\" and self._since is not None:\n", "            if False:\n", ("activities",)),
    Removal("a job whose results are gone ends the reading", "reading.py", "            except JobGone:\n                start = {}\n", "            except JobGone:\n                raise\n", ("bulk",)),
    Removal("quotes in a query not escaped", "soql.py", "    return f\"'{value.translate(_ESCAPES)}'\"\n", "    return f\"'{value}'\"\n", ("reading", "writing", "callers")),
    Removal("queries longer than an address may be", "soql.py", "        if group and size + own > _ROOM:\n", "        if False:\n", ("reading", "writing")),
    Removal("converted leads read as leads", "streams.py", "    \"Lead\": \"IsConverted = false\",", "    \"Lead\": \"Id != null\",", ("reading", "leaving")),
    Removal("conversions not told", "leaving.py", "    left = \"IsDeleted = true OR IsConverted = true\" if name == \"Lead\" else \"IsDeleted = true\"\n", "    left = \"IsDeleted = true\"\n", ("reading", "leaving")),
    Removal("merges told as deletes", "leaving.py", "    if row.get(\"MasterRecordId\"):\n", "    if False:\n", ("reading", "leaving")),
    Removal("deleted rows asked for without queryAll", "leaving.py", "list(api.rows(soql, everything=True, kind=\"read\"))", "list(api.rows(soql, kind=\"read\"))", ("reading", "leaving")),
    Removal("ids of 15 characters kept", "ids.py", "    if len(text) != 15 or not is_id(text):\n", "    if True:\n", ("reading", "writing")),
    Removal("all or none", "writing.py", "        sent = {\"allOrNone\": False, \"records\": records}\n", "        sent = {\"allOrNone\": True, \"records\": records}\n", ("writing",)),
    Removal("creates without our id", "writing.py", "        elif batch[0].op is Op.CREATE and self._needs_our_id(name):\n", "        elif False:\n", ("writing",)),
    Removal("creates instead of upserts", "writing.py", "        elif self._by_key(name) and all(record.get(OUR_ID) for record in records):\n", "        elif False:\n", ("writing", "switches")),
    Removal("locked rows refused", "writing.py", "                    if vendor_code == LOCKED:\n                        locked.append(write)\n", "", ("writing",)),
    Removal("refused collections not halved", "writing.py", "            if len(part) == 1:\n", "            if True:\n", ("writing",)),
    Removal("who holds a duplicate is not looked up", "writing.py", "        self._settle_duplicates(name, part, done)\n        if name", "        if name", ("writing", "switches")),
    Removal("two facts that read alike are one", "twins.py", "    exact = _markable(fields)\n", "    exact = False\n", ("activities",)),
    Removal("a task of a lost answer made twice", "writing.py", "            known = twins(self._api, name, batch, self._schema.raw(name))\n", "            known = dict[str, Receipt]()\n", ("writing", "activities")),
    Removal("the misspelt list of duplicates not read", "refusals.py", "    told = one.get(\"duplicateResut\") or one.get(\"duplicateResult\")\n", "    told = one.get(\"duplicateResult\")\n", ("writing", "switches")),
    Removal("the well spelt list of duplicates not read", "refusals.py", "    told = one.get(\"duplicateResut\") or one.get(\"duplicateResult\")\n", "    told = one.get(\"duplicateResut\")\n", ("writing", "switches")),
    Removal("single errors not read", "refusals.py", "str(one.get(\"statusCode\") or one.get(\"errorCode\") or \"\")", "str(one.get(\"statusCode\") or \"\")", ("error_shapes",)),
    Removal("a converted lead tried again and again", "refusals.py", "    \"CANNOT_UPDATE_CONVERTED_LEAD\": (_R.CONFLICT, \"SMK-CONVERTED\"),\n", "", ("writing",)),
    Removal("an unknown exception taken for a refusal", "refusals.py", "    \"UNKNOWN_EXCEPTION\": (_R.UNKNOWN, \"SMK-UNKNOWN\"),\n", "", ("error_shapes",)),
    Removal("objects that jobs do not take are never written", "bulk.py", "    return OK if refused or error_code", "    return OK if error_code", ("bulk",)),
    Removal("the day's jobs used up stop queries and collections, too", "bulk.py", "    return OK if refused or error_code(response) == \"LIMIT_EXCEEDED\" else own\n", "    return OK if refused and own is None else own\n", ("bulk",)),
    Removal("rows of a job by position", "bulk.py", "            done.good[row[key] or row[\"sf__Id\"]] = (row[\"sf__Id\"], row[\"sf__Created\"] == \"true\")\n", "            done.good[str(rows[len(done.good)][key])] = (row[\"sf__Id\"], row[\"sf__Created\"] == \"true\")\n", ("bulk", "switches")),
    Removal("failed rows of a complete job overlooked", "bulk.py", "            done.bad[row[key]] = (row[\"sf__Id\"], row[\"sf__Error\"])\n", "            pass\n", ("bulk",)),
    Removal("an emptied field left alone in a job", "bulk.py", "    if value is None or value == \"\":\n        return NULL\n", "    if value is None or value == \"\":\n        return \"\"\n", ("bulk",)),
    Removal("bulk rows typed as texts", "bulk.py", "                row[name] = _typed(kinds.get(name, \"string\"), cell)\n", "                row[name] = cell or None\n", ("bulk",)),
    Removal("a job that cannot be seen taken for done", "bulk.py", "        raise Unknown(f\"Salesforce took a bulk job, and what became of it cannot be seen: {problem}\") from None\n", "        pass\n", ("bulk",)),
    Removal("rows that a failed job did not reach are not sent", "writing.py", "        yield from self._in_parts(name, again, self._save)\n", "        yield from (_refused(w, \"SMK-REFUSED\", \"the job failed\") for w in again)\n", ("bulk",)),
    Removal("WhatId sent beside a lead", "worked_out.py", "    if what and kind_of(body.get(\"WhoId\")) != \"Lead\":", "    if what:", ("activities", "writing")),
    Removal("a Person Account read as a company", "person_accounts.py", "        return f\"{IS_PERSON} = false\"\n", "        return None\n", ("person_accounts", "switches")),
    Removal("a person contact points at its own account", "rows.py", "            if self._person and row[\"IsPersonAccount\"]:\n", "            if False:\n", ("person_accounts", "switches")),
    Removal("a person contact taken from its account", "person_accounts.py", "    people = among(api, schema, name, (str(write.id) for write in risky))\n", "    people = set[str]()\n", ("person_accounts", "switches")),
    Removal("our own edits taken for people's", "rows.py", "            author = OWN_USER if by and by == self._user else by\n", "            author = by\n", ("reading",)),
    Removal("members joined twice are refused", "writing.py", "            done.update(members(self._api, open_))\n", "            pass\n", ("writing", "activities")),
)  # fmt: skip

MARKETO = (
    Removal("errors in HTTP 200 overlooked", "client.py", "        code, _ = error(_json(response))\n        if code is None:\n", "        code, _ = error(_json(response))\n        if True:\n", ("errors", "write_facts")),
    Removal("601 and 602 are the end", "client.py", "        return answer.status == 200 and b'\"60'", "        return False and b'\"60'", ("errors",)),
    Removal("606 tried again at once", "client.py", "    waits = {\"606\": _RATE_WINDOW, \"615\": _A_MOMENT}\n", "    waits = {\"615\": _A_MOMENT}\n", ("errors",)),
    Removal("607 tried again and again", "client.py", "    return midnight(at) if code == \"607\" else waits.get(code)\n", "    return waits.get(code)\n", ("errors",)),
    Removal("the day ends at midnight UTC", "client.py", "_CST = timezone(timedelta(hours=-6))", "_CST = timezone(timedelta(0))", ("errors",)),
    Removal("long questions in the address", "client.py", "_LONGEST_QUERY = 7000", "_LONGEST_QUERY = 10**9", ("errors", "switches", "facts")),
    Removal("an empty page with more taken for the end", "client.py", "            turn.turn(following, more=body.get(\"moreResult\"))\n", "            turn.turn(following, more=bool(body.get(\"moreResult\")) and bool(rows_of(body)))\n", ("facts", "switches")),
    Removal("a last page asked for again and again", "client.py", "            turn.turn(following, more=body.get(\"moreResult\"))\n", "            turn.turn(following)\n", ("facts", "switches")),
    Removal("times of the asset API not read", "client.py", "    text = text.removesuffix(\"+0000\") if text.endswith(\"Z+0000\") else text\n", "", ("objects", "switches", "facts")),
    Removal("an asset answer without a result is malformed", "client.py", "    if not body.get(\"result\"):\n        return []\n", "", ("objects", "switches", "facts")),
    Removal("the token asked for below /rest", "settings.py", ".removesuffix(\"/v1\").removesuffix(\"/rest\")", "", ("errors", "facts", "simulator")),
    Removal("no look-back for late activities", "feeds.py", "    return _kept(marks, until, look_back)[0][1]\n", "    return marks[-1][1]\n", ("facts", "members")),
    Removal("the bookmark moved behind rows not shown", "feeds.py", "                yield Seen(inside, before, False)\n", "                yield Seen(inside, following or before, False)\n", ("facts", "loading", "members", "bulk")),
    Removal("activities later than the reading shown", "feeds.py", "            if len(inside) < len(rows):\n", "            if False:\n", ("facts", "loading")),
    Removal("score changes go unnoticed", "changes.py", "    wanted = [types.id_of(_MERGE), types.id_of(_SCORE) if scores else None]\n", "    wanted = [types.id_of(_MERGE), None]\n", ("facts", "switches")),
    Removal("merges not told", "changes.py", "            if loser != winner\n", "            if False\n", ("facts", "switches")),
    Removal("merged leads told as deleted, too", "leads.py", "            yield tuple(gone for gone in deletes if gone.id not in followed), {**place, \"merged\": merged_marks}\n", "            yield tuple(deletes), {**place, \"merged\": merged_marks}\n", ("facts", "switches")),
    Removal("updatedAt believed", "changes.py", "            times = [at for at in (shown.changed_at, news.at) if at is not None]\n", "            times = [at for at in (shown.changed_at,) if at is not None]\n", ("facts", "switches")),
    Removal("our own edits taken for people's", "changes.py", "        return OWN_USER if api.auth.user and", "        return \"user\" if api.auth.user and", ("facts",)),
    Removal("types by number", "changes.py", "        row = self.all().get(name)\n", "        row = {\"merge leads\": {\"id\": 132}, \"change score\": {\"id\": 122}}.get(name)\n", ("facts", "switches")),
    Removal("more than a thousand matches end the look-up", "fields.py", "            half = len(values) // 2\n", "            return []\n            half = len(values) // 2\n", ("facts", "errors")),
    Removal("holes in the ids end the load", "load.py", "        empty = 0 if rows or first <= high else empty + 1\n", "        empty = 0 if rows else empty + 3\n        high = high if rows else 0\n", ("loading",)),
    Removal("windows of a year", "bulk.py", "WINDOW = timedelta(days=31)", "WINDOW = timedelta(days=365)", ("loading", "bulk")),
    Removal("jobs looked at every second", "bulk.py", "POLL = 60.0", "POLL = 1.0", ("loading", "bulk")),
    Removal("a full queue ends bulk extract", "bulk.py", "        if code != \"1029\" or \"quota\" in words.lower():\n", "        if True:\n", ("loading", "bulk")),
    Removal("a job that found no place left behind", "bulk.py", "            _cancel(api, ask.kind, job)\n            return None\n", "            return None\n", ("loading", "bulk")),
    Removal("jobs of a refused extract left behind", "bulk.py", "            _cancel(api, ask.kind, job)\n        raise\n", "            pass\n        raise\n", ("bulk",)),
    Removal("the day's quota waited for", "bulk.py", "        if code != \"1029\" or \"quota\" in words.lower():\n", "        if code != \"1029\":\n", ("loading", "bulk")),
    Removal("Cancelled waited for", "bulk.py", "_OVER = frozenset({\"completed\", \"failed\", \"cancelled\", \"canceled\"})", "_OVER = frozenset({\"completed\", \"failed\", \"canceled\"})", ("loading", "bulk")),
    Removal("Canceled waited for", "bulk.py", "_OVER = frozenset({\"completed\", \"failed\", \"cancelled\", \"canceled\"})", "_OVER = frozenset({\"completed\", \"failed\", \"cancelled\"})", ("loading", "bulk")),
    Removal("the file's checksum not looked at", "bulk.py", "    if said and said != digest.hexdigest():\n", "    if False:\n", ("loading", "bulk")),
    Removal("a file in one piece", "bulk.py", "    headers = None if last is None else {\"Range\": f\"bytes={first}-{last}\"}\n", "    headers = None\n", ("loading", "bulk")),
    Removal("a file that is not there taken for malformed", "bulk.py", "        if response.status == 404:", "        if False:", ("loading", "bulk")),
    Removal("null taken for a text in bulk rows", "fields.py", "            name: None if text in (\"null\", \"\") else read(text) if read else text\n", "            name: read(text) if read else text\n", ("loading",)),
    Removal("null taken for a text in bulk activities", "bulk.py", "        cells = {name: None if cell == \"null\" else cell for", "        cells = {name: cell for", ("bulk",)),
    Removal("numbers of bulk activities left as texts", "timeline.py", "        row.update((name, int(cell)) for name in _NUMBERS if (cell := cells.get(name)))\n", "", ("bulk",)),
    Removal("twenty programs a job", "membership.py", "_PROGRAMS_A_JOB = 10", "_PROGRAMS_A_JOB = 20", ("bulk",)),
    Removal("activities never estimated", "timeline.py", "            jump = may and page.more and pages >= _SAMPLE and", "            jump = False and", ("bulk",)),
    Removal("members never estimated", "membership.py", "            if may and self._worth(seen / count if count else 0.0, left):\n", "            if may and self._settings.bulk == \"always\":\n", ("bulk",)),
    Removal("concurrent upserts", "writes.py", "            \"action\": \"createOnly\",\n", "            \"action\": \"createOrUpdate\",\n", ("write_facts", "switches")),
    Removal("one key twice in a call", "sending.py", "            (later if key(write) in seen else now).append(write)\n", "            now.append(write)\n", ("write_facts", "switches")),
    Removal("company fields sent with an update", "writes.py", "            if theirs := sorted(COMPANY_FIELDS & write.fields.keys()):\n", "            if theirs := sorted(COMPANY_FIELDS & set[str]()):\n", ("write_facts", "switches")),
    Removal("who holds the key is not looked up", "writes.py", "        if values:\n            for start in range(0, len(values), PAGE):", "        if False:\n            for start in range(0, len(values), PAGE):", ("write_facts", "switches")),
    Removal("a cleared boolean taken for empty", "sending.py", "                yield Receipt(write.ref, _DONE[status], write.id or rid, stored=cleared or None)\n", "                yield Receipt(write.ref, _DONE[status], write.id or rid)\n", ("write_facts", "switches")),
    Removal("bodies beyond a megabyte", "sending.py", "BODY = 900_000", "BODY = 10**9", ("write_facts",)),
    Removal("refused calls not halved", "sending.py", "        elif len(rows) == 1 or _about_all(code, words):\n", "        elif True:\n", ("write_facts",)),
    Removal("hopeless rows asked for one by one", "sending.py", "_HOPELESS = 4", "_HOPELESS = 10**9", ("write_facts", "members")),
    Removal("reasons of custom activities not read", "fields.py", "    entries = row.get(\"reasons\") or row.get(\"errors\") or ()\n", "    entries = row.get(\"reasons\") or ()\n", ("write_facts", "members")),
    Removal("another number of answers paired by position", "sending.py", "        if len(answers) != len(rows):\n", "        if len(answers) > len(rows):\n", ("write_facts", "errors")),
    Removal("not in the list taken for a refusal", "sending.py", "    \"1015\": (WriteResult.UNCHANGED, \"\"),", "    \"1015\": (WriteResult.REJECTED, \"SMK-INVALID\"),", ("members", "write_facts")),
    Removal("past the status taken for a refusal", "sending.py", "    \"1037\": (WriteResult.UNCHANGED, \"\"),", "    \"1037\": (WriteResult.REJECTED, \"SMK-INVALID\"),", ("members", "write_facts")),
    Removal("companies of a native CRM sync are an error", "objects.py", "UNAVAILABLE = (\"603\", \"610\", \"703\", \"1018\", \"616\")", "UNAVAILABLE = ()", ("objects", "facts")),
    Removal("machines' opens count as people's", "activities.py", "        \"smarksync.actor\": \"system\" if bot else meaning.actor,\n", "        \"smarksync.actor\": meaning.actor,\n", ("facts", "objects", "bulk")),
    Removal("activities that were written in the past are not asked for", "connector.py", "            if own is not None:\n", "            if False:\n", ("write_facts",)),
    Removal("the subject of a written activity read as another one", "activities.py", "asset if whole(row, \"activityTypeId\") == own else ", "", ("write_facts",)),
)  # fmt: skip

ALL = {"hubspot": HUBSPOT, "salesforce": SALESFORCE, "marketo": MARKETO}


def main(words: list[str]) -> int:
    """Seeds every removal (or those that a word names) and prints what became of it."""
    broken = [
        f"{vendor}: {one.name}" for vendor, removals in ALL.items() for one in removals if not _applies(vendor, one)
    ]
    if broken:
        print("These removals cannot be made any more; write them anew:", *broken, sep="\n  ")
        return 2
    if words == ["--check"]:
        print(f"{sum(len(removals) for removals in ALL.values())} removals apply")
        return 0
    chosen = [
        (v, one) for v, some in ALL.items() for one in some if not words or any(w in f"{v}: {one.name}" for w in words)
    ]
    if not chosen:
        print(f"No removal's name contains {' or '.join(map(repr, words))}, so nothing is shown")
        return 2
    survived = 0
    for vendor, one in chosen:
        began = time.monotonic()
        alive = _passes(vendor, one)
        survived += alive
        print(
            f"{'SURVIVED' if alive else 'killed  '} {time.monotonic() - began:5.1f} s  {vendor}: {one.name}", flush=True
        )
    print(f"{len(chosen) - survived} of {len(chosen)} killed")
    return 1 if survived else 0


def _source(vendor: str) -> Path:
    return ROOT / f"plugins/smarksync-{vendor}/src"


def _patches(vendor: str, one: Removal) -> list[tuple[str, str, str]]:
    return [(f"smarksync_{vendor}/{one.file}", one.text, one.instead)]


def _tests(vendor: str, one: Removal) -> list[str]:
    return [f"plugins/smarksync-{vendor}/tests/test_{vendor}_{name}.py" for name in one.tests]


def _applies(vendor: str, one: Removal) -> bool:
    there = stands_once(_source(vendor), _patches(vendor, one))
    return there and all((ROOT / test).exists() for test in _tests(vendor, one))


def _passes(vendor: str, one: Removal) -> bool:
    # a reading that never ends is noticed, too
    return passes(_source(vendor), _patches(vendor, one), _tests(vendor, one), PATIENCE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
