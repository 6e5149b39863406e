"""What a stream tells its platform: a report per window, and how it ended. Vendor-neutral."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from config.taxonomy import Label, RiskType
from models.results import EMPTY_TRANSCRIPT, ListMatch, SoundFinding, Span, Transcript
from pipeline.audio import WINDOW_S, Loss
from pipeline.retry import PULL_BACKOFF, Backoff
from pipeline.rooms.channel import Channel
from pipeline.rooms.roster import PulledRoom
from pipeline.source import SourceFault


class RiskLevel(StrEnum):
    """What the platform is advised to do."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    REVIEW = "REVIEW"
    REJECT = "REJECT"


class Evidence(StrEnum):
    """Where a finding comes from."""

    TEXT = "text"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Finding:
    """A label that applies to a window, with its level under the stream's policy."""

    label: Label
    level: RiskLevel
    probability: float
    evidence: Evidence
    spans: tuple[Span, ...] = ()
    """Places in the report's `text`."""
    name: str = ""
    """The enrolled voice or song that was recognised."""


class Failure(StrEnum):
    """Why a window could not be moderated."""

    OVERLOAD = Loss.OVERLOAD.value
    MODEL = "model"
    SURPLUS = Loss.SURPLUS.value
    UNHEARD = Loss.UNHEARD.value


@dataclass(frozen=True, slots=True)
class WindowReport:
    """The verdict on one window with its evidence."""

    index: int
    started_at: float
    """Seconds since the epoch, as are the other times."""
    ended_at: float
    processing_began_at: float
    processing_ended_at: float
    level: RiskLevel = RiskLevel.PASS
    findings: tuple[Finding, ...] = ()
    """Every label that applies, the strongest first."""
    attributes: tuple[SoundFinding, ...] = ()
    """What was heard of the business types: the more probable of a type first, whatever the policy says."""
    list_matches: tuple[ListMatch, ...] = ()
    transcript: Transcript = EMPTY_TRANSCRIPT
    text: str = ""
    """What findings' spans refer to: the transcript, after the previous window's text when that was asked."""
    silent: bool = False
    clip_url: str = ""
    previous_clip_url: str = ""
    failure: Failure | None = None
    user: str | None = None
    """Who was heard, where a room's users are listened to one by one."""
    slot: int | None = None
    """The place on the timeline where that is not the index, as in `Window`."""

    @property
    def stream_time_s(self) -> float:
        """How far the timeline has come with this window, in seconds."""
        place = self.index if self.slot is None else self.slot
        return place * WINDOW_S + self.ended_at - self.started_at


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended. `fault` is None when it ended or was finished as it should."""

    fault: SourceFault | None
    streamed_s: float
    """Seconds of audio that were heard."""
    reason: str = ""
    crashed: bool = False
    """Whether an error of our own ended it."""


class EventType(StrEnum):
    """What happens to a stream besides its windows."""

    STARTED = "started"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    RESUMED = "resumed"
    GAP = "gap"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a stream's timeline in which nothing was heard; seconds since the epoch."""

    started_at: float
    ended_at: float
    windows: range
    """Indices that no window will have; empty when the gap began in one window and ends at the next."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """Something that happened to a stream, in its place among the windows."""

    type: EventType
    at: float
    """Seconds since the epoch."""
    fault: SourceFault | None = None
    """Why it is pulled again, or ended."""
    gap: Gap | None = None
    end: StreamEnd | None = None
    """Of an end: how it came."""


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """What to moderate and how to report it, in our own words."""

    stream_id: str
    account: str
    url: str
    risks: frozenset[RiskType]
    language: str | None
    """ISO 639-1 code; None: detect."""
    policy: str = "default"
    role: str = "USER"
    report_all: bool = False
    """Report every window, not only those that are not PASS."""
    previous_text: bool = False
    previous_clip: bool = False
    moderate_every: int = 1
    """Moderate one window out of so many."""
    backoff: Backoff = PULL_BACKOFF
    """When a pull that failed is tried again."""
    user: str | None = None
    """Whose voice it is, where a room has a stream for each user and this is one of them."""
    channel: Channel | None = None
    """What is joined in place of `url`."""
    room: PulledRoom | None = None
    """Whose users are pulled in place of `url`, each from an address of his own."""

    @property
    def separate(self) -> bool:
        """Whether it is a room whose users are listened to one by one."""
        return self.room is not None or (self.channel is not None and not self.channel.mixed)
