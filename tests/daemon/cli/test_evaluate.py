"""`audiowarden evaluate` as a person types it, on the test voice."""

from __future__ import annotations

import json
from pathlib import Path

from tests.daemon.cli.test_commands import INSULT
from tests.support.commands import run
from tests.support.speech import fit, join, noise, speech_pcm, write_wav

TALK = "Tomorrow the weather will be cold and windy in the mountains."


def test_recordings_are_measured_against_their_manifest(tmp_path: Path) -> None:
    write_wav(tmp_path / "insult.wav", fit(join(0.3, speech_pcm(INSULT)), 10))
    write_wav(tmp_path / "talk.wav", speech_pcm(TALK))
    write_wav(tmp_path / "noise.wav", noise(11))
    (tmp_path / "text.wav").write_text("this is no recording", encoding="utf-8")
    (tmp_path / "manifest.csv").write_text(
        "file,text,language,gender,speaker,events\n"
        f'insult.wav,"{INSULT}",en,male,joe,ABUSE\n'
        f"talk.wav,{TALK},en,male,joe,none\n"
        "noise.wav,-,,,,none\n"
        "text.wav,,,,,\n",
        encoding="utf-8",
    )
    done = run("evaluate", str(tmp_path), "--json", "out.json", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "text.wav" in done.stdout, "what could not be measured is named"
    told = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(told["failed"]) == ["text.wav"]
    assert told["words"]["en"]["words"] == 24
    assert told["words"]["en"]["rate"] < 0.2
    assert told["languages"] == {
        "right": 1.0,
        "counts": [{"known": "en", "told": "en", "recordings": 2}],
    }
    abuse = told["events"]["ABUSE"]
    assert [abuse[name] for name in ("present", "hits", "absent", "false_alarms")] == [1, 1, 2, 0]
    assert told["invented"]["noise.wav"]["words"] == 0
    assert "ABUSE.insult.personal" in told["recordings"]["insult.wav"]["found"]


def test_a_mistake_is_one_sentence_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,events\ngone.wav,none\n", encoding="utf-8")
    missing = run("evaluate", str(tmp_path), cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("audiowarden: ")
    assert missing.stderr.endswith("names files that are not there: gone.wav\n")
    (tmp_path / "gone.wav").touch()
    unwritable = run("evaluate", str(tmp_path), "--json", "no/such/folder.json", cwd=tmp_path)
    assert unwritable.returncode == 1
    assert unwritable.stderr == "audiowarden: cannot write no/such/folder.json: No such file or directory\n"
