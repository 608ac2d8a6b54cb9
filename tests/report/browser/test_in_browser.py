"""Pages in headless Chromium: errors, widths, keyboard, accessibility, languages."""

import contextlib
import functools
import re
import shutil
from pathlib import Path

import pytest
from browser_pages import PAGES, build

pytestmark = pytest.mark.slow
WIDTHS, HEIGHT = (1280, 768, 400), 900
WITH_PARTS = [name for name in PAGES if name != "compared"]
TAB_STOPS = 'a[href], button, input, select, summary, [tabindex="0"]'
OPEN_ALL = "document.querySelectorAll('details').forEach((part) => (part.open = true))"
WIDEST = """(cut) => {
  const inside = (node) => node.closest(cut) !== null;
  const boxes = [...document.querySelectorAll('body *')].filter((n) => !inside(n));
  return Math.max(...boxes.map((node) => node.getBoundingClientRect().right));
}"""
SCROLLED, LANDSCAPE = ".scroll, pre", "#explorer-table, #static-table"
FOCUSED = """(stops) => {
  const node = document.activeElement;
  const all = [...document.querySelectorAll(stops)];
  return [all.indexOf(node), getComputedStyle(node).outlineStyle !== 'none'];
}"""
REACHABLE = """(stops) => [...document.querySelectorAll(stops)].flatMap((node, i) =>
  node.checkVisibility() && !node.disabled ? [i] : [])"""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


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


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_fails_and_nothing_is_wider_than_the_window(shown, name, width):
    page = shown(name, width)
    for _ in ("as it opens", "all folds open"):
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width and page.evaluate(WIDEST, SCROLLED) <= width
        page.evaluate(OPEN_ALL)
    assert page.said == []
    assert all(url.startswith(("file:", "data:")) for url in page.requested)
    assert sum(url.startswith("file:") for url in page.requested) == 1


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (400, "dark")])
def test_axe_finds_no_violation(shown, axe, name, width, scheme):
    page = shown(name, width, color_scheme=scheme)
    page.evaluate(OPEN_ALL)
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 10
    assert [
        (rule["impact"], rule["id"], rule["nodes"][0]["html"])
        for rule in found["violations"]
    ] == []


def test_dark_is_dark(shown):
    light, dark = (
        shown("single", color_scheme=scheme).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    )
    assert light == "rgb(255, 255, 255)" and dark != light


def test_the_tab_key_stops_at_everything_in_order_and_shows_where(shown, name):
    page = shown(name)
    page.evaluate(OPEN_ALL)
    expected = page.evaluate(REACHABLE, TAB_STOPS)
    stops = []
    for _ in expected:
        page.keyboard.press("Tab")
        stop, outlined = page.evaluate(FOCUSED, TAB_STOPS)
        assert outlined, page.evaluate("document.activeElement.outerHTML")[:200]
        stops.append(stop)
    assert stops == expected


@pytest.mark.parametrize("name", WITH_PARTS)
def test_every_part_is_reached_by_keyboard(shown, name):
    page = shown(name)
    headings = page.locator("h2:visible").all_inner_texts()
    links = page.locator(".contents a")
    listed = links.all_inner_texts()
    by_script = ["Runs by setting"] if name in ("sweep", "japanese") else []
    assert [text for text in headings if text not in by_script] == listed
    for link in links.all():
        link.focus()
        page.keyboard.press("Enter")
        heading = page.locator(f"h2[id='{link.get_attribute('href')[1:]}']")
        box = heading.bounding_box()
        assert box is not None and -1 < box["y"] < HEIGHT
        assert heading.inner_text() == link.inner_text()


def test_a_fold_opens_by_keyboard(shown):
    page = shown("sweep")
    fold = page.locator("details.run").first
    fold.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert fold.get_attribute("open") is not None
    assert fold.locator("h3").first.is_visible()


def test_runs_are_filtered_and_sorted_by_keyboard(shown):
    page = shown("sweep")
    rows = page.locator("#rows tr")
    assert rows.count() == 6
    page.locator("#words").focus()
    page.keyboard.type("noise")
    assert rows.count() == 3
    heading = page.locator("#heads th", has_text="IPC").first
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert "50" in rows.first.inner_text()


def test_without_scripts_everything_is_there(shown):
    page = shown("sweep", java_script_enabled=False)
    assert page.locator("#static-table tbody tr").count() == 6
    assert page.locator("#static-table").is_visible()
    assert not page.locator("#explorer").is_visible()
    for title in ("Decision", "Trends", "All runs", "Each run"):
        assert page.get_by_role("heading", name=title, exact=True).is_visible()


def test_no_text_is_missing(shown, name):
    page = shown(name)
    page.evaluate(OPEN_ALL)
    text = page.locator("body").inner_text()
    assert not re.search(r"undefined|\bNaN\b|\bNone\b(?!\.)|\{\w*\}|\[object|�", text)
    pictures = page.locator("img")
    for picture in pictures.all():
        assert picture.get_attribute("alt")
        assert picture.evaluate("(node) => node.complete && node.naturalWidth > 0")


@pytest.mark.parametrize("name", ["japanese", "loaded"])
def test_every_line_of_the_decision_is_in_its_language(shown, name):
    page = shown(name)
    part = page.locator("section.decision")
    assert part.get_attribute("lang") == "ja"
    lines = part.locator("h2, h3, h4, p, li, th").all_inner_texts()
    assert len(lines) > 60
    japanese = re.compile("[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff]")
    assert [line for line in lines if line.strip() and not japanese.search(line)] == []
    english = shown("sweep").locator("section.decision").inner_text()
    assert not japanese.search(english)


def test_a_printed_page_fits_its_paper(shown, name):
    upright, wide = 688, 1016  # A4 without its margins, at 96 dots an inch
    page = shown(name, upright)
    page.emulate_media(media="print")
    assert page.evaluate(WIDEST, LANDSCAPE) <= upright
    page.set_viewport_size({"width": wide, "height": HEIGHT})
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
