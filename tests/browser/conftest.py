"""A real Chromium, Debian's, driven by Playwright. Who asks for it and has none is told what to install."""

from __future__ import annotations

import os
import shutil

import pytest


def pytest_collection_modifyitems(config, items):
    why = None
    if not os.environ.get("SMARKSYNC_BROWSER"):
        why = "a real browser is asked for by `make browser`"
    for item in items:
        if "tests/browser" in item.nodeid and why:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def chromium():
    program = os.environ.get("SMARKSYNC_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or shutil.which(program) is None:
        found = "there is no Chromium" if program is None else f"{program} is no program"
        pytest.fail(f"{found}: `apt install chromium libatomic1`, or name one with SMARKSYNC_CHROMIUM", pytrace=False)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail("Playwright is not installed: `make browser` does that", pytrace=False)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def full(tmp_path_factory, open_site):
    site = open_site(tmp_path_factory.mktemp("full"), 2_000)
    yield site
    site.close()


@pytest.fixture(scope="session")
def empty(tmp_path_factory, open_site):
    site = open_site(tmp_path_factory.mktemp("empty"), 0)
    yield site
    site.close()


class Visit:
    """A person in front of the site; what the browser complains of is collected."""

    def __init__(self, browser, site, **how):
        self.site = site
        self.context = browser.new_context(**how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.complaints = []
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"{request.url} failed"))
        self.asked = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{site.origin}/?token={site.token}")

    def go(self, path):
        self.page.goto(self.site.origin + path)
        return self.page


@pytest.fixture
def visit(chromium):
    made = []

    def make(site, **how):
        made.append(Visit(chromium, site, **how))
        return made[-1]

    yield make
    for one in made:
        one.context.close()
