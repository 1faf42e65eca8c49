"""A report in a browser: all is drawn at any width, nothing is fetched, nothing complains."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from snnexp.cli.report import report
from tests.support.report_runs import run, sweep

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not BROWSER, reason="no Chromium here: nobody has seen a report in a browser by this run"
    ),
]
LOOK = """<!doctype html><link rel="icon" href="data:,"><body><script>
for (const wanted of decodeURIComponent(location.hash.slice(1)).split(";")) {
  const [name, width] = wanted.split(","), frame = document.createElement("iframe");
  frame.width = width; frame.height = 900; frame.src = name;
  frame.onload = () => {
    const page = frame.contentDocument, svgs = [...page.querySelectorAll("svg")];
    const marks = "polyline,circle,rect:not(.grid),path";
    const box = node => node.getBoundingClientRect();
    const flat = svgs.filter(svg => box(svg).height < 40 || !svg.querySelector(marks));
    const out = svgs.flatMap(svg => [...svg.querySelectorAll("text")].filter(
      text => box(text).left < box(svg).left - 2 || box(text).right > box(svg).right + 2
    )).map(text => text.firstChild.textContent);
    const wide = page.documentElement.scrollWidth > frame.contentWindow.innerWidth;
    const colour = getComputedStyle(page.body).backgroundColor;
    const told = {name, width, svgs: svgs.length, flat: flat.length, out, wide, colour};
    const line = document.createElement("pre");
    line.textContent = JSON.stringify(told);
    frame.replaceWith(line);
  };
  document.body.append(frame);
}
</script>"""
"""A page that shows others in frames of some width, and says what is wrong with them."""
SHOWN = [("runs.html", 1400, 10), ("runs.html", 400, 10), ("sweep.html", 1400, 3)]
SHOWN += [("sweep.html", 400, 3)]
"""Reports, widths, and how many pictures there are at least."""
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}


class Served(SimpleHTTPRequestHandler):
    """Serves a folder, and remembers what was asked for."""

    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[str]:
    """The address of a folder with the reports of two runs and of a sweep."""
    folder = tmp_path_factory.mktemp("browser")
    long = "body.stage1_block2.branches.0.convolution1.of_a_very_long_name"
    layers = {long: {"neurons": 10, "spikes_per_neuron": 0.25}}
    runs = [run(folder / "a", experiment="a" * 60), run(folder / "b", spikes_by_layer=layers)]
    assert report([*map(str, runs), "-o", str(folder / "runs.html")]) == 0
    assert report([str(sweep(folder / "s")), "-o", str(folder / "sweep.html")]) == 0
    (folder / "look.html").write_text(LOOK)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Served, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def seen(place: str, folder: Path, scheme: str) -> tuple[list[dict], str]:
    """What the looking page says of the reports, and what the browser has on its console."""
    wanted = ";".join(f"{name},{width}" for name, width, _ in SHOWN)
    command = [
        *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu"),
        f"--blink-settings=preferredColorScheme={[*PAPER][::-1].index(scheme)}",
        *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--window-size=1500,1000"),
        *(f"--user-data-dir={folder}", "--enable-logging=stderr", "--virtual-time-budget=5000"),
        *("--dump-dom", f"{place}/look.html#{wanted}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    told = [json.loads(unescape(line)) for line in re.findall(r"<pre>(.*?)</pre>", done.stdout)]
    return told, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.parametrize("scheme", PAPER)
def test_reports_are_whole_in_a_browser(place, tmp_path, scheme):
    Served.asked.clear()
    told, console = seen(place, tmp_path, scheme)
    found = {(each["name"], int(each["width"])): each for each in told}
    for name, width, least in SHOWN:
        each = found[name, width]
        assert each["svgs"] >= least and each["flat"] == 0, each
        assert each["out"] == [] and not each["wide"] and each["colour"] == PAPER[scheme], each
    assert console == ""
    assert {*Served.asked} == {"/look.html", "/runs.html", "/sweep.html"}
