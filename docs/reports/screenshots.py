#!/usr/bin/env python
"""Pictures of reports, as a browser shows them: two widths, light and dark; and what is wrong with a report.

    python docs/reports/screenshots.py ptb=runs/ptb/report.html table=runs/table/report.html

writes `ptb-400-light.png` and others beside itself. Wanted are Chromium and Pillow. Exit status 1 where a report asks
for anything outside its own file, a script of it fails, something is wider than the page, or a drawing has no words for
those who cannot see it.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from operator import sub
from typing import Any

from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
WIDTHS = (400, 1280)  # pixels
SCHEMES = ("light", "dark")
COLOURS = 96  # of a picture's palette
APART = 20  # levels of 255, of red, green and blue together, between two of its colours
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)

# what is wider than the page without a scrollbar of its own, and drawings without words
FAULTS = """(() => {
  const wide = [...document.querySelectorAll('body *')].filter(element => {
    if (element.closest('svg') !== null && element.tagName !== 'svg') return false;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.right <= window.innerWidth + 1) return false;
    for (let above = element.parentElement; above !== null; above = above.parentElement)
      if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(above).overflowX)) return false;
    return true;
  }).map(element => `wider than the page: ${element.tagName} ${element.className.baseVal ?? element.className}`);
  const mute = [...document.querySelectorAll('svg, img')].filter(element =>
    element.closest('[aria-hidden=true]') === null && !element.getAttribute('alt') &&
    !element.getAttribute('aria-label') && !element.getAttribute('aria-labelledby') &&
    element.querySelector('title') === null
  ).map(element => `without words: ${element.outerHTML.slice(0, 80)}`);
  const lost = [...document.querySelectorAll('a[href^="#"]')].filter(link =>
    document.getElementById(decodeURIComponent(link.getAttribute('href').slice(1))) === null
  ).map(link => `leads nowhere: ${link.getAttribute('href')}`);
  return [...wide, ...mute, ...lost];
})()"""


class Browser:
    """Chromium, spoken to through a pipe by its DevTools protocol.

    Args:
        program: the executable.
        profile: an empty folder.
    """

    def __init__(self, program: str, profile: str):
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()

        def descriptors():  # the browser reads commands from 3 and writes answers to 4
            first, second = os.dup(to_read), os.dup(to_write)
            os.dup2(first, 3)
            os.dup2(second, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=descriptors,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._numbers = itertools.count(1)
        self._rest = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command; what happens meanwhile is added to `events`."""
        message = {"id": next(self._numbers), "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method: str) -> None:
        """Waits for an event, also one that came already."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._next())

    def close(self) -> None:
        """The browser ends."""
        self._session = None
        self.call("Browser.close")
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._read, 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


def picture(browser: Browser, address: str, *, width: int, scheme: str) -> tuple[bytes, list[str]]:
    """A page in full height as PNG, and what is wrong with it.

    Args:
        browser: shows it.
        address: of the page.
        width: of the window, in pixels.
        scheme: of the colours, light or dark.
    """
    browser.events.clear()
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.call("Emulation.setDeviceMetricsOverride", **size)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Page.navigate", url=address)
    browser.wait_for("Page.loadEventFired")
    faults = browser.call("Runtime.evaluate", expression=FAULTS, returnByValue=True)["result"]["value"]
    size["height"] = int(browser.call("Page.getLayoutMetrics")["cssContentSize"]["height"])
    browser.call("Emulation.setDeviceMetricsOverride", **size)
    shown = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
    for event in browser.events:
        told = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            faults.append(f"a script failed: {told['exceptionDetails'].get('text')}")
        elif event.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            faults.append(f"error: {told['entry']['text']}")
        elif event.get("method") == "Network.requestWillBeSent":
            asked = told["request"]["url"]
            if not asked.startswith("data:") and asked.partition("#")[0] != address:
                faults.append(f"asks for {asked[:200]}")
    return base64.b64decode(shown["data"]), faults


def small(png: bytes) -> bytes:
    """A picture with few colours, as PNG: those that most pixels have, so that areas and lines keep theirs."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    counts = sorted(image.getcolors(image.width * image.height) or (), reverse=True)
    kept: list[tuple[int, ...]] = []
    for _, colour in counts:
        if len(kept) < COLOURS and all(sum(map(abs, map(sub, colour, other))) > APART for other in kept):
            kept.append(colour)
    palette = Image.new("P", (1, 1))
    palette.putpalette(list(itertools.chain.from_iterable(kept)))
    file = io.BytesIO()
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+", metavar="NAME=FILE", help="a report, and the name of its pictures")
    parser.add_argument("--to", type=pathlib.Path, default=HERE, help="folder of the pictures")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    given = parser.parse_args()
    if given.chromium is None:
        parser.error("no Chromium on the path; --chromium=FILE names it")
    wrong = 0
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(given.chromium, profile)
        for name, _, file in (report.partition("=") for report in given.reports):
            address = pathlib.Path(file).resolve(strict=True).as_uri()
            for width, scheme in itertools.product(WIDTHS, SCHEMES):
                png, faults = picture(browser, address, width=width, scheme=scheme)
                path = given.to / f"{name}-{width}-{scheme}.png"
                path.write_bytes(small(png))
                print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
                for fault in faults:
                    print(f"  {fault}")
                wrong += len(faults)
        browser.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
