"""Pages of fabricated Records in headless Chromium."""

import contextlib
import functools
import shutil
from pathlib import Path

import pytest
from browser_pages import PAGES, build

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
HEIGHT = 900


@pytest.fixture(scope="session")
def page_path(tmp_path_factory):
    """Builds a page by its name, once."""
    return functools.cache(lambda name: build(name, tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests."""
    api = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip("Chromium is missing")
    with api.sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=found,
            args=["--no-sandbox"],  # tests may run as root
        )
        yield browser
        browser.close()


@pytest.fixture
def shown(chromium, page_path):
    """Shows a page in a window of its own; keeps what it says and asks for."""
    with contextlib.ExitStack() as windows:

        def show(name, width=1280, **options):
            size = {"width": width, "height": HEIGHT}
            context = chromium.new_context(viewport=size, **options)
            windows.callback(context.close)
            page = context.new_page()
            page.said, page.requested = [], []
            page.on("console", lambda message: page.said.append(message.text))
            page.on("pageerror", lambda error: page.said.append(str(error)))
            page.on("request", lambda request: page.requested.append(request.url))
            page.goto(page_path(name).as_uri())
            return page

        yield show


@pytest.fixture(scope="session")
def axe():
    """The code of axe-core."""
    if not AXE.exists():
        pytest.skip(f"axe-core is missing: npm ci --prefix {AXE.parents[2]}")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(params=PAGES)
def name(request):
    return request.param
