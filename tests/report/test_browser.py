"""The report in a browser: quiet, offline, accessible, usable, and readable without scripts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproof.report import Section, write
from tests.report_run import KINDS, make_run

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the report was not opened in a browser: playwright is absent"
)
axe = pytest.importorskip(
    "axe_playwright_python.base",
    reason="the report was not opened in a browser: axe-playwright-python is absent",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
if BROWSER is None:
    pytest.skip("the report was not opened in a browser: none is here", allow_module_level=True)
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "reports/example/index.html"

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SOME = ["Linear", "GELU", "Softmax", "LogSoftmax", "Hardshrink", "Add", "MSELoss", "Tanh"]
SHOTS = os.environ.get("GRADPROOF_SHOTS")  # a folder: pictures of the page are left there


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    run = make_run(folder / "run", kinds=SOME, optimizers=1, wrong=["Linear", "GELU"])
    section = Section("A chapter", "chapter", "<h3>One weight</h3><p>E = ½</p>", "E = ½")
    write(run, folder / "out", [section])
    return (folder / "out/index.html").as_uri()


class Opened:
    """A page, and what it asked for and complained of while it was open."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Opened]:
    opened = Opened(browser, address, viewport={"width": 1280, "height": 900})
    yield opened
    assert opened.requests == [address]
    assert opened.complaints == []
    opened.page.close()


def layers(opened: Opened) -> list[str]:
    """The layers shown in the table, from above."""
    rows = opened.page.locator("#layer-table > tbody > tr:not(.more):visible > th")
    names: list[str] = rows.all_inner_texts()
    return names


# Only colours differ between the themes, and checking is slow.
@pytest.mark.parametrize(("theme", "rules"), [("light", []), ("dark", ["color-contrast"])])
def test_no_accessibility_violation(
    browser: Any, address: str, theme: str, rules: list[str]
) -> None:
    opened = Opened(browser, address, color_scheme=theme, viewport={"width": 1280, "height": 900})
    page = opened.page
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("rules => axe.run(rules.length ? {runOnly: rules} : {})", rules)[
        "violations"
    ]
    told = [(v["id"], n["html"][:200], n["failureSummary"]) for v in found for n in v["nodes"]]
    assert told == []
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{theme}.png", full_page=True)
    assert opened.requests == [address] and opened.complaints == []
    page.close()


@pytest.fixture(scope="module")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with as many layers, networks and training runs as one of `make verify`."""
    folder = tmp_path_factory.mktemp("full")
    kinds = [*KINDS, *(f"{kind}2" for kind in list(KINDS)[: 63 - len(KINDS)])]
    write(make_run(folder / "run", networks=200, steps=60, optimizers=11, kinds=kinds), folder)
    return (folder / "index.html").as_uri()


@pytest.mark.parametrize("wrong", [False, True], ids=["agrees", "disagrees"])
def test_the_first_screen_shows_the_verdict_and_what_it_rests_on(
    browser: Any, address: str, full_size: str, wrong: bool
) -> None:
    opened = Opened(
        browser, address if wrong else full_size, viewport={"width": 1280, "height": 900}
    )
    seen = ["#headline", ".stamp", ".tiles", "#disagreements-title"]
    seen += ["#disagree-Linear", "details[open] > summary"] if wrong else ["#layer-table tbody tr"]
    for place in seen:
        box = opened.page.locator(place).first.bounding_box()
        assert box["y"] + min(box["height"], 40) <= 900, place
    opened.page.close()


def test_the_whole_is_read_on_ten_screens(browser: Any, full_size: str) -> None:
    opened = Opened(browser, full_size, viewport={"width": 1280, "height": 900})
    assert opened.page.locator("#layer-table > tbody > tr:visible").count() == 63 + 11
    assert opened.page.evaluate("document.documentElement.scrollHeight") <= 10 * 900
    opened.page.close()


def test_at_full_size_it_opens_within_a_second(browser: Any, full_size: str) -> None:
    page = browser.new_page()
    timing = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    times = []
    for _ in range(3):  # the best counts: the machine may be busy
        page.goto(full_size)
        times.append(page.evaluate(timing))
    page.close()
    assert min(times) < 1000


def test_sorting(opened: Opened) -> None:
    by_name = layers(opened)
    assert by_name == sorted(by_name, key=str.lower)
    header = opened.page.locator("#layer-table th", has_text="Cases")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert opened.page.locator("#layer-table th[aria-sort]").count() == 1
    cells = opened.page.locator("#layer-table > tbody > tr > td:nth-child(3)").all_inner_texts()
    assert [int(c) for c in cells] == sorted((int(c) for c in cells), reverse=True)
    header.get_by_role("button").press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    opened.page.locator("#layer-table th", has_text="Worst float64").get_by_role("button").click()
    assert layers(opened)[0] in {"Linear", "GELU"}


def test_filtering(opened: Opened) -> None:
    page = opened.page
    every = len(layers(opened))
    assert every > len(SOME)
    page.get_by_label("Layer", exact=True).fill("softM")
    assert layers(opened) == ["LogSoftmax", "Softmax"]
    assert page.locator("#layer-filter output").inner_text() == f"2 of {every}"
    page.get_by_label("Layer", exact=True).fill("")
    page.locator("#layer-filter select").select_option("disagree")
    assert layers(opened) == ["GELU", "Linear"]


def test_following_a_disagreement_to_its_message(opened: Opened) -> None:
    page = opened.page
    page.locator("#layer-GELU a").click()
    finding = page.locator("#disagree-GELU")
    assert finding.bounding_box()["y"] < 900
    assert finding.locator("details[open]").count() == 0
    finding.get_by_text("The worst arrays").click()
    finding.locator("tbody th a").first.click()
    message = finding.locator("pre")
    message.wait_for(state="visible")
    assert "GELU disagrees with PyTorch in the gradient of x" in message.inner_text()


def test_the_theme_follows_the_system_and_the_button(browser: Any, address: str) -> None:
    opened = Opened(browser, address, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = opened.page.evaluate(paper)
    button = opened.page.get_by_role("button", name="Dark")
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    light = opened.page.evaluate(paper)
    assert button.get_attribute("aria-pressed") == "false"
    assert dark != light
    opened.page.emulate_media(color_scheme="light")
    assert opened.page.evaluate(paper) == light
    opened.page.close()


def test_a_narrow_window_scrolls_only_its_tables(browser: Any, address: str) -> None:
    opened = Opened(browser, address, viewport={"width": 390, "height": 800})
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / "narrow.png", full_page=True)
    page.close()


@pytest.mark.skipif((ROOT / "PKG-INFO").is_file(), reason="a source distribution has no example")
def test_the_example_fits_a_narrow_window_too(browser: Any) -> None:
    opened = Opened(browser, EXAMPLE.as_uri(), viewport={"width": 390, "height": 800})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert opened.requests == [EXAMPLE.as_uri()] and opened.complaints == []
    opened.page.close()


@pytest.mark.skipif((ROOT / "PKG-INFO").is_file(), reason="a source distribution has no example")
@pytest.mark.parametrize("name", ["textbook", "judged"])
def test_the_examples_other_pages_are_quiet_accessible_and_lead_back(
    browser: Any, name: str
) -> None:
    opened = Opened(browser, EXAMPLE.as_uri(), viewport={"width": 390, "height": 800})
    opened.page.locator(f"header a[href='{name}.html']").click()
    page = opened.page
    page.wait_for_url(f"**/{name}.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("figure svg").count() > 0
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("axe.run()")["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
    page.locator("footer a").first.click()
    page.wait_for_url("**/index.html")
    addresses = [EXAMPLE.as_uri(), EXAMPLE.with_name(f"{name}.html").as_uri(), EXAMPLE.as_uri()]
    assert opened.requests == addresses and opened.complaints == []
    page.close()


def test_everything_is_there_without_scripts(browser: Any, address: str) -> None:
    opened = Opened(browser, address, java_script_enabled=False)
    page = opened.page
    assert "arrays disagree" in page.get_by_role("heading", level=1).inner_text()
    assert len(layers(opened)) > len(SOME)
    inside = page.locator("#layer-GELU + .more")
    assert not inside.is_visible()
    page.locator("#layer-GELU summary").click()
    assert inside.is_visible() and "isolated" in inside.inner_text()
    page.locator("#training summary").last.click()
    assert page.locator("#training-table tbody tr:visible").count() > 0
    assert page.locator("#layer-table svg:visible").count() > len(SOME)
    assert page.get_by_role("link", name="A chapter").count() == 2
    assert not page.locator("#layer-filter").is_visible()
    assert not page.locator("#theme").is_visible()
    page.locator("#disagree-GELU summary").first.click()
    assert page.locator("#disagree-GELU pre").is_visible()
    assert opened.requests == [address] and opened.complaints == []
    page.close()
