"""The main job on one machine: a spoken live stream is registered, moderated, called back and finished."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from pipeline.audio import WINDOW_S
from tests.support.consumer import Consumer, Platform, Received
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.media_server import RtmpServer
from tests.support.speech import fit, join, speech_pcm, write_wav

SCRIPT = (
    "Good evening everybody, and welcome back to the kitchen. "
    "Tonight we are cooking chicken breast with lemon.",
    "First we wash the vegetables, and then we cut the onions into very small pieces.",
    "If you want to buy cheap followers, add me on WhatsApp. "
    "My number is five five five, one two three, four five six seven.",
    "Oh shut up, you stupid idiot. You are a worthless piece of trash.",
    "Anyway, let us get back to cooking. Put the pan on the fire and wait for two minutes.",
)
"""What is said, one entry a window."""
EXPECTED = {"AD", "ABUSE"}
COLOURS = {"PASS": "green", "REVIEW": "yellow", "REJECT": "bold red"}


async def main() -> int:
    """Run the demo; 0 when the advertisement and the insult were found and called back."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="audiowarden-demo-") as name:
        folder = Path(name)
        console.print("Speaking the script ...")
        media = await asyncio.to_thread(_speak, folder)
        console.print("Starting the daemon: [bold]audiowarden serve --config audiowarden.toml[/]")
        config = configuration(folder)
        async with DaemonProcess(config) as daemon, Consumer() as consumer:
            async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
                ok = await _moderate(console, media, platform, consumer)
            delays_ms = {event["window"]: event["delay_ms"] for event in daemon.events("window_reported")}
            console.print(_table(consumer.received, delays_ms))
            console.print("Stopping the daemon ...")
            status = await asyncio.to_thread(daemon.stop)
    found = {label for each in consumer.received for label in _risks(each.body)}
    missing = EXPECTED - found
    if missing or not ok or status:
        console.print(f"[bold red]The demo failed[/]: not found {sorted(missing)}, exit status {status}")
        return 1
    console.print("[bold green]Done[/]: the advertisement and the insult were found and called back.")
    return 0


def _speak(folder: Path) -> Path:
    parts = [fit(join(0.4, speech_pcm(text)), WINDOW_S) for text in SCRIPT]
    return write_wav(folder / "live.wav", join(*parts))


async def _moderate(console: Console, media: Path, platform: Platform, consumer: Consumer) -> bool:
    """Publish, register, wait for the callbacks, finish; True when the finish notice came."""
    with RtmpServer(media, realtime=True) as server:
        answer = await platform.start(server.url, type="POLITICS_PORN_ADVERT_ABUSE_BAN_VIOLENT")
        console.print(f"POST {platform.api}/audiostream/v4 -> {answer}")
        request_id = answer["requestId"]
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("live, windows called back", total=len(SCRIPT))
            for number in range(1, len(SCRIPT)):
                await consumer.wait_for(lambda number=number: len(consumer.received) >= number, 90)  # type: ignore[misc]  # bound now
                progress.update(task, completed=number)
            await asyncio.sleep(1.0)
        answer = await platform.finish(request_id)
        console.print(f"POST {platform.api}/finish_audiostream/v4 -> {answer}")
    await consumer.wait_for(
        lambda: any(body.get("statCode") for body in consumer.taken), 30, "the finish notice"
    )
    hits = [each.body for each in consumer.received if _risks(each.body)]
    if not hits:
        return False
    clip = hits[0]["audioDetail"]["audioUrl"]
    status, content = await platform.get(clip)
    console.print(f"Evidence clip: {clip.partition('?')[0]}?... -> {status}, {len(content)} bytes of mp3")
    return status == 200


def _table(received: list[Received], delays_ms: dict[int, int]) -> Table:
    labels_column, text_column = Column("labels", overflow="fold"), Column("text", overflow="fold")
    columns = ("window", "verdict", labels_column, text_column, "latency")
    table = Table(*columns, title="What the consumer received")
    for each in received:
        window = each.body["requestId"].rpartition("_")[2]
        if "statCode" not in each.body:
            table.add_row(window, "not moderated", each.body["message"], "", "")
            continue
        if each.body["statCode"] != 0:
            continue
        detail = each.body["audioDetail"]
        labels = "\n".join(dict.fromkeys(label["riskDescription"] for label in detail["allLabels"]))
        text = Text(detail["audioText"])
        for segment in detail["riskDetail"].get("riskSegments", []):
            text.stylize("bold red", segment["position"][0], segment["position"][-1] + 1)
        level = Text(detail["riskLevel"], style=COLOURS[detail["riskLevel"]])
        table.add_row(window, level, labels, text, f"{delays_ms[int(window)] / 1000:.2f} s")
    table.caption = "latency: from the end of the window to its callback"
    return table


def _risks(body: dict[str, Any]) -> set[str]:
    labels = body.get("audioDetail", {}).get("allLabels", [])
    names = {"advert": "AD"}
    return {
        names.get(label["riskLabel1"], label["riskLabel1"].upper())
        for label in labels
        if label["riskLevel"] != "PASS"
    }


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
