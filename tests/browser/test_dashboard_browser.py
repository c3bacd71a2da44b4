"""The dashboard and the report page in a real Chromium: by keyboard, on a small screen, in the dark, and empty."""

import os
from pathlib import Path

import pytest

from smarksync.ledger import conflicts

PAGES = ("/", "/handoffs", "/funnel", "/leads", "/conflicts", "/quarantine", "/plans", "/runs", "/mapping", "/report")


def picture(page, name):
    """Kept for whoever wants to look: SMARKSYNC_PICTURES names the folder."""
    folder = os.environ.get("SMARKSYNC_PICTURES")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def wider_than_the_screen(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("state", ["full", "empty"])
def test_no_page_complains_or_asks_anybody_else(visit, request, state):
    person = visit(request.getfixturevalue(state))
    for path in PAGES:
        page = person.go(path)
        assert page.locator("main").is_visible(), path
        picture(page, f"{state}-{path.strip('/') or 'home'}")
    assert person.complaints == []
    assert all(url.startswith((person.site.origin, "data:")) for url in person.asked)


@pytest.mark.parametrize("state", ["full", "empty"])
def test_on_a_telephone_only_tables_scroll_sideways(visit, request, state):
    person = visit(request.getfixturevalue(state), viewport={"width": 360, "height": 740})
    for path in PAGES:
        page = person.go(path)
        assert wider_than_the_screen(page) <= 0, path
    picture(person.go("/handoffs"), f"{state}-small-handoffs")


def test_in_the_dark_the_page_is_dark_and_the_text_light(visit, full):
    page = visit(full, color_scheme="dark").go("/")
    back, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    picture(page, "dark-home")
    assert sum(map(int, back[4:-1].split(","))) < 150 < 450 < sum(map(int, ink[4:-1].split(",")))


CONTRAST = """() => {
  const rgb = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/rgba\\(.*, 0\\)|transparent/.test(c)) return rgb(c); } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll("main *, header *, footer *")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || e.closest("svg") || !e.offsetParent) continue;
    const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push([e.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return found.slice(0, 5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(visit, full, scheme):
    person = visit(full, color_scheme=scheme)
    for path in PAGES:
        assert person.go(path).evaluate(CONTRAST) == [], path


def test_the_first_tab_leads_past_the_navigation(visit, full):
    page = visit(full).go("/handoffs")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_lead_is_found_without_a_mouse_and_the_focus_is_always_seen(visit, full):
    person = visit(full)
    page = person.go("/leads")
    page.locator("#q").focus()
    _, ref = full.ledger.one(
        "SELECT e.eid, e.ref FROM entities e JOIN cases c ON c.eid = e.eid WHERE c.state = 'won' LIMIT 1"
    )
    page.keyboard.type(ref)
    page.keyboard.press("Enter")
    page.wait_for_url("**/leads/" + ref)
    assert page.locator("ol.events li").count() > 3
    page.go_back()
    for _ in range(12):
        page.keyboard.press("Tab")
        style = page.evaluate("(s => [s.outlineStyle, s.outlineWidth])(getComputedStyle(document.activeElement))")
        assert style[0] != "none" and style[1] != "0px", page.evaluate("document.activeElement.outerHTML.slice(0, 80)")


def test_a_conflict_is_answered_by_keyboard_and_the_answer_is_kept(visit, full):
    eid = full.ledger.value("SELECT eid FROM entities WHERE kind = 'lead' LIMIT 1")
    body = {
        "question": "Which phone is right?",
        "values": {"marketing": {"value": "+4930111"}, "sales": {"value": "+4930222"}},
    }
    conflicts.put(
        full.ledger, job="people", eid=eid, field="phone", kind="field", body=body, run="r", now="2026-10-14T09:00:00Z"
    )
    person = visit(full)
    page = person.go("/conflicts")
    page.get_by_role("button", name="sales: +4930222").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/conflicts?done=answered")
    assert page.get_by_role("status").inner_text().startswith("Noted")
    assert full.ledger.value("SELECT state FROM conflicts") == "answered"
    assert person.complaints == []
    full.ledger.run("DELETE FROM conflicts")


def test_hand_offs_can_be_narrowed_to_one_owner_and_state(visit, full):
    page = visit(full).go("/handoffs")
    every = page.locator("#clocks tbody tr").count()
    page.select_option("#state", "offered")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**state=offered**")
    states = page.locator("#clocks tbody tr td:nth-child(4)").all_inner_texts()
    assert states and set(states) == {"offered"} and len(states) <= every


def test_clocks_come_anew_without_a_reload(visit, full):
    person = visit(full)
    page = person.context.new_page()
    page.clock.install()
    page.goto(person.site.origin + "/handoffs")
    page.evaluate("document.querySelector('#clocks table').remove()")
    page.clock.run_for(31_000)
    page.wait_for_selector("#clocks table")
    assert page.locator("#clocks tbody tr").count() > 0


def test_the_report_reads_well_on_paper(visit, full):
    page = visit(full).go("/report")
    page.emulate_media(media="print")
    assert page.locator("nav").first.is_hidden()
    assert page.locator("svg.chart").count() >= 5


def test_charts_draw_what_their_tables_say(visit, full):
    page = visit(full).go("/funnel")
    widths = page.evaluate(
        "[...document.querySelector('svg.chart').querySelectorAll('rect')].map(r => +r.getAttribute('width'))"
    )
    assert widths == sorted(widths, reverse=True) and widths[0] > 10 * widths[-1]
