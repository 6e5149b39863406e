"""Who is enrolled while the daemon runs is named in the callbacks of the streams that ask for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import DaemonProcess
from tests.support.media_server import HttpServer
from tests.support.speech import join, write_wav

ROOT = Path(__file__).parents[2]
OTHER_WORDS = (
    "The bakery on the corner opens at six, and the first bread is gone before seven.",
    "In spring the river comes up to the garden fence, but the house has always stayed dry.",
)


async def test_an_enrolled_voice_is_named(
    platform: Platform, consumer: Consumer, daemon: DaemonProcess, media: HttpServer, tmp_path: Path
) -> None:
    recording = write_wav(tmp_path / "joe.wav", join(*OTHER_WORDS))
    command = [sys.executable, "-m", "daemon", "voices", "enrol", "Joe", str(recording)]
    config = daemon.log_path.parent / "audiowarden.toml"
    await asyncio.to_thread(subprocess.run, [*command, "--config", str(config)], cwd=ROOT, check=True)
    await asyncio.to_thread(daemon.wait_for_event, "enrolled_loaded", 20.0)
    await platform.start(media.url("spoken.wav"), type="AUDIOPOLITICAL")
    await consumer.wait_for(
        lambda: any(body.get("statCode") == 1 for body in consumer.taken), 60, "the finish notice"
    )
    details = [body["audioDetail"] for body in consumer.taken if body.get("statCode") == 0]
    assert len(details) == 3
    for detail in details:
        assert (detail["riskLevel"], detail["riskLabel1"]) == ("REJECT", "audiopolitical")
        assert [match["name"] for match in detail["riskDetail"]["audioMatches"]] == ["Joe"]
        assert detail["riskDetail"]["riskSource"] == 1003
