"""How soon 32,000 pictures can be looked at in a real browser, what is sent for it, and what scrolling loads.

200 runs × 20 checkpoints × 8 cells (4 prompts × 2 weights), with their thumbnails made. Needs Chromium and playwright
(requirements/test.in). `--keep FOLDER` keeps what was made there, or takes what is there already.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

from train_tools.compare.board import read_board
from train_tools.compare.thumbnails import make_all
from train_tools.preview.index import CellEntry, Index, write_index
from train_tools.workspace import toml
from train_tools.workspace.workspace import Version, Workspace

RUNS, EPOCHS = 200, 20
PROMPTS = (
    "zorb",
    "zorb, a red circle on blue",
    "{trigger}, 在花园里",
    "zorb, a very long prompt " + "of many words " * 12,
)
WEIGHTS = (0.5, 1.0)
SIDE = 256  # pixels
DISTINCT = 400  # pictures; the others are links to them, as drawing isn't what is measured
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PAGE = {"width": 1600, "height": 900}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--times", type=int, default=5, help="how often the page is opened")
    parser.add_argument("--runs", type=int, default=RUNS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.keep or Path(temporary)
        version = existing(root) or make(root, arguments.runs)
        server_side(version)
        with served(root) as (url, server):
            browser_side(f"{url}#/zorb/v1/compare", server, arguments.times)


def existing(root: Path) -> Version | None:
    found = root / "train_tools" / "projects" / "zorb" / "versions" / "v1"
    is_whole = (found / "previews" / "previews.json").is_file()
    return Workspace(root).version("zorb", "v1") if is_whole else None


def make(root: Path, runs: int) -> Version:
    started = time.perf_counter()
    workspace = Workspace(root)
    workspace.create_project("zorb")
    version = workspace.create_version("zorb", "v1")
    drawn = [draw(version.folder / "drawn", number) for number in range(DISTINCT)]
    cells = []
    for run in range(runs):
        name = f"v1-5-bs-10-op-{('Lion', 'AdamW')[run % 2]}-lr-{run}-net-{8 << run % 4}"
        folder = version.trains / name
        folder.mkdir(parents=True)
        arguments = {
            "output_name": f"zorb-{run}", "learning_rate": (run + 1) * 1e-5,
            "optimizer_type": ("Lion", "AdamW")[run % 2], "network_dim": 8 << run % 4,
        }  # fmt: skip
        (folder / "run.toml").write_text(toml.dumps(arguments), encoding="utf-8")
        for epoch in range(1, EPOCHS + 1):
            file = f"zorb-{run}-{epoch:06d}.safetensors"
            checkpoint(folder / file, run, epoch)
            cells += pictures(version, name, file, (run, epoch), drawn)
    write_index(version, Index(made=1.0, cells=tuple(cells)))
    make_all(version, read_board(version).cells)
    print(f"made {len(cells):,} pictures and thumbnails in {time.perf_counter() - started:.0f} s")
    return version


def draw(folder: Path, number: int) -> Path:
    folder.mkdir(exist_ok=True)
    image = Image.linear_gradient("L").resize((SIDE, SIDE)).rotate(37 * number % 360)
    colour = tuple(40 + (number * step) % 200 for step in (53, 97, 151))
    shown = Image.composite(
        Image.new("RGB", (SIDE, SIDE), colour), Image.new("RGB", (SIDE, SIDE), "white"), image
    )
    left = number * 7 % 120
    ImageDraw.Draw(shown).ellipse(
        (left, left // 2, left + 110, left // 2 + 110), fill=colour[::-1], outline="black"
    )
    path = folder / f"{number}.png"
    shown.save(path, compress_level=1)
    return path


def checkpoint(path: Path, run: int, epoch: int) -> None:
    """The smallest safetensors file that says what the board asks for."""
    content = hashlib.sha256(f"{run} {epoch}".encode()).digest()
    said = {"ss_epoch": str(epoch), "ss_steps": str(100 * epoch), "sshs_model_hash": content.hex()}
    entry = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    head = json.dumps({"__metadata__": said, "a": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + content)


def pictures(
    version: Version, run: str, file: str, at: tuple[int, int], drawn: list[Path]
) -> Iterator[CellEntry]:
    images = version.trains / run / Path(file).stem / "images"
    images.mkdir(parents=True)
    for number, (prompt, weight) in enumerate((p, w) for p in PROMPTS for w in WEIGHTS):
        key = hashlib.sha256(f"{at} {number}".encode()).hexdigest()[:16]
        path = images / f"cell-{key}.png"
        os.link(drawn[(at[0] * 31 + at[1] * 7 + number * 50) % DISTINCT], path)
        yield CellEntry(
            key, run, file, at[1], weight, weight, "", "base.safetensors", prompt, prompt, "", 1, "Euler", "", 20,
            5.0, 1, SIDE, SIDE, "diffusers", path.relative_to(version.folder).as_posix(),
        )  # fmt: skip


def server_side(version: Version) -> None:
    from train_tools.compare import board
    from train_tools.compare.service import View, document, view_board

    board._read.cache_clear()  # noqa: SLF001 - as in a server that has just started
    for what in ("read for the first time since a change", "asked again, from memory"):
        started, worked = time.perf_counter(), time.process_time()
        answer = json.dumps(document(version, view_board(version, View())), separators=(",", ":"))
        seconds, work = time.perf_counter() - started, time.process_time() - worked
        size = len(answer.encode())
        print(f"{what}: {seconds:.2f} s ({work:.2f} s of the processor), {size / 1e6:.2f} MB of JSON")


@contextmanager
def served(root: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The page server as it is started by people: its address, and its process."""
    command = [sys.executable, "-m", "train_tools", "page", "--port", "0", "--json", "--root", str(root)]
    here = {**os.environ, "TRAIN_TOOLS_ENV": "current"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=here) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        try:
            yield told["url"], psutil.Process(told["pid"])
        finally:
            process.terminate()


def browser_side(url: str, server: psutil.Process, times: int) -> None:
    with sync_playwright() as playwright:
        program = os.environ.get("TRAIN_TOOLS_CHROMIUM") or "/usr/bin/chromium"
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        print("\nin the browser, with nothing in its cache")
        open_page(browser, url, server)  # the server reads the index once
        opened = [open_page(browser, url, server) for _ in range(times)]
        for name, (words, unit) in WHAT.items():
            values = [row[name] for row in opened]
            print(f"{words}: {statistics.median(values):.2f} {unit} (worst {max(values):.2f})")
        scroll(browser, url)
        browser.close()


WHAT = {
    "board": ("from the address to the first tile", "s"),
    "pictures": ("from the address until every visible picture is there", "s"),
    "server": ("processor time of the server for all that", "s"),
    "page": ("processor time of the page's main thread", "s"),
    "sent": ("all that was sent", "MB"),
    "thumbnails": ("thumbnails asked for", ""),
    "tiles": ("tiles in the document", ""),
}
ALL_THERE = "() => [...document.querySelectorAll('.tile img')].every((i) => i.complete && i.naturalWidth)"


def open_page(browser: Any, url: str, server: psutil.Process) -> dict[str, float]:
    context = browser.new_context(viewport=PAGE, locale="en")
    page = context.new_page()
    developer = context.new_cdp_session(page)
    developer.send("Performance.enable")
    sizes: list[int] = []
    thumbs: list[str] = []
    page.on("response", lambda r: thumbs.append(r.url) if "/thumb/" in r.url else None)
    page.on("requestfinished", lambda r: sizes.append(r.sizes()["responseBodySize"]))
    worked = sum(server.cpu_times()[:2])
    started = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(".tile")
    board = time.perf_counter() - started
    page.wait_for_function(f"() => document.querySelector('.tile img') && ({ALL_THERE})()")
    there = time.perf_counter() - started
    metrics = {m["name"]: m["value"] for m in developer.send("Performance.getMetrics")["metrics"]}
    page.wait_for_timeout(300)
    found = {
        "board": board, "pictures": there, "server": sum(server.cpu_times()[:2]) - worked,
        "page": metrics["ThreadTime"], "sent": sum(sizes) / 1e6, "thumbnails": float(len(thumbs)),
        "tiles": float(page.locator(".tile").count()),
    }  # fmt: skip
    context.close()
    return found


def scroll(browser: Any, url: str) -> None:
    """One screen at a time, then to the end in one go."""
    page = browser.new_context(viewport=PAGE, locale="en").new_page()
    thumbs: list[str] = []
    page.on("request", lambda r: thumbs.append(r.url) if "/thumb/" in r.url else None)
    page.goto(url)
    page.wait_for_function(f"() => document.querySelector('.tile img') && ({ALL_THERE})()")
    first = len(thumbs)
    page.evaluate(FRAMES)
    page.mouse.move(800, 600)
    for _ in range(40):
        page.mouse.wheel(0, 120)
        page.wait_for_timeout(16)
    page.wait_for_timeout(500)
    frames = page.evaluate("() => window.frames_")
    slow = sum(one > 50 for one in frames)
    most = page.evaluate("() => document.querySelectorAll('.tile').length")
    print(
        f"scrolling 40 notches: median frame {statistics.median(frames):.0f} ms, {slow} of {len(frames)} over 50 ms, "
        f"{len(thumbs) - first} thumbnails asked for, {most} tiles in the document"
    )
    before = len(thumbs)
    page.evaluate("() => { const b = document.querySelector('.board'); b.scrollTop = b.scrollHeight; }")
    page.wait_for_timeout(1000)
    page.wait_for_function(ALL_THERE)
    print(f"jumping to the end: {len(thumbs) - before} thumbnails asked for")


FRAMES = """() => {
  window.frames_ = [];
  let last = performance.now();
  const turn = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(turn); };
  requestAnimationFrame(turn);
}"""


if __name__ == "__main__":
    main()
