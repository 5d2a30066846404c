"""``python -m docs.in_browser``: every built page in a browser, narrow and wide, light and dark.

No page may ask for anything outside, leave TeX unrendered, be wider than its window, link to what
is not there, or break a rule of axe-core. Exit status 1 if one does.

Source    https://github.com/dequelabs/axe-core
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

BUILT = Path(__file__).parent / "_build" / "html"
SCHEMES, WIDTHS = ("light", "dark"), (390, 1280)
TEX = r"document.body.innerText.match(/\$\$|\\frac|\\partial/) !== null"
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"
IDS = "[...document.querySelectorAll('[id]')].map(e => e.id)"


class Quiet(SimpleHTTPRequestHandler):
    """A server that does not write what it is asked."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder, on this machine alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def looked_at(browser: Any, base: str, names: list[str]) -> Iterator[str]:
    """Yield what is wrong with the pages."""
    links: dict[str, list[str]] = {}
    ids: dict[str, set[str]] = {}
    for scheme, width in product(SCHEMES, WIDTHS):
        size = {"width": width, "height": 900}
        page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        for name in names:
            asked.clear()
            page.goto(base + name)
            at = f"{name} ({scheme}, {width} pixels)"
            yield from (
                f"{at} asks for {url}" for url in asked if not url.startswith((base, "data:"))
            )
            if page.evaluate(TEX):
                yield f"{at} has a formula that is not rendered"
            if page.evaluate(WIDER):
                yield f"{at} is wider than the window"
            for rule in Axe().run(page).response["violations"]:
                yield f"{at}: {rule['help']}, {rule['nodes'][0]['html'][:100]}"
            links[name], ids[name] = page.evaluate(LINKS), set(page.evaluate(IDS))
    yield from broken(links, ids)


def broken(links: dict[str, list[str]], ids: dict[str, set[str]]) -> Iterator[str]:
    """Yield the links to a page, or a place in it, that is not there."""
    for name, targets in links.items():
        for target in targets:
            path, place = urldefrag(urljoin(name, target))
            if "://" in path or path.startswith("mailto:"):
                continue
            path = unquote(path) or name
            if path in ids:
                if place and unquote(place) not in ids[path]:
                    yield f"{name} links to {target}, which {path} has not"
            elif not (BUILT / path).is_file():
                yield f"{name} links to {target}, which is not there"


def main() -> int:
    """Look at all pages, and print what is wrong."""
    names = sorted(str(path.relative_to(BUILT)) for path in BUILT.rglob("*.html"))
    found = next(
        filter(None, map(shutil.which, [*sys.argv[1:], "chromium", "google-chrome"])), None
    )
    if not names or found is None:
        print(
            "no page is built; run make docs" if found else "no browser; install chromium",
            file=sys.stderr,
        )
        return 2
    with served(BUILT) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        wrong = list(looked_at(browser, base, names))
        browser.close()
    print("\n".join(wrong) or f"{len(names)} pages: nothing is wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
