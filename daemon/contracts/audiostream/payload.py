"""The contract's callbacks: a window's report, and the end of a stream, in the vendor's field names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from config.taxonomy import RiskType, Taxonomy
from daemon.contracts.audiostream.heard import audio_tags, business_labels, describe
from daemon.contracts.audiostream.replies import MESSAGES, Code
from daemon.contracts.audiostream.schema import StartRequest
from models.results import ListMatch, Span
from pipeline.report import Evidence, Failure, Finding, RiskLevel, StreamEnd, StreamEvent, WindowReport
from pipeline.source import SourceFault

PASS_DESCRIPTION = {"zh": "正常", "en": "Normal"}
LIST_DESCRIPTION = {"zh": "命中自定义名单", "en": "Hit custom list"}
LIST_LABEL = "customlist"
"""riskLabel1 of a window in which only a customer's own list was hit; the documents name none."""
USER_FIELDS = {"AGORA": "userId", "TRTC": "strUserId", "ZEGO": "strUserId"}
"""Where a room's separate streams say whose they are."""
FAILURES = {
    Failure.OVERLOAD: {"zh": "系统繁忙，该片段未审核", "en": "overload, the window was not moderated"},
    Failure.MODEL: {"zh": "模型异常，该片段未审核", "en": "a model failed, the window was not moderated"},
    Failure.SURPLUS: {
        "zh": "房间内发言用户超过上限，该片段未审核",
        "en": "more users talk than are listened to, the window was not moderated",
    },
    Failure.UNHEARD: {
        "zh": "该用户的流拉取失败，该片段未审核",
        "en": "the user's stream cannot be pulled, the window was not moderated",
    },
}
STREAM_OVER = {"zh": "该路流审核已结束", "en": "the stream is not moderated any more"}
STAT_EVENT = 2
SOURCE_NONE, SOURCE_TEXT, SOURCE_AUDIO = 1000, 1001, 1003


class PayloadWriter:
    """Writes the callbacks of one stream; knows the names and the language its client asked with."""

    def __init__(
        self, request_id: str, request: StartRequest, data: dict[str, Any], asked: dict[RiskType, str],
        taxonomy: Taxonomy, user: str | None,
    ) -> None:  # fmt: skip
        """`data` is the request's data as it was sent; `asked` the client's name of every risk type; `user`
        whose stream it is where a room has one for each.
        """
        self._user = user
        self._request_id = request_id
        self._request = request
        self._data = data
        self._asked = asked
        self._taxonomy = taxonomy
        self._language = request.acceptLang

    def window(self, report: WindowReport) -> dict[str, Any]:
        """Write a window's callback; of one that could not be moderated it says why, and whose it was."""
        request_id = f"{self._request_id}_{report.index}"
        if report.failure is not None:
            why = f"{MESSAGES[Code.FAILED][self._language]}: {FAILURES[report.failure][self._language]}"
            failed = {"requestId": request_id, "code": int(Code.FAILED), "message": why}
            return failed | self._whose(report)
        body = self._envelope(request_id, stat_code=0)
        body["audioDetail"] = self._audio_detail(report)
        body["auxInfo"] = {"streamTime": round(report.stream_time_s)}
        return body

    def end(self, end: StreamEnd, next_index: int) -> dict[str, Any]:
        """Write the finish notice; its number follows the last window's, so that it is no window's id."""
        body = self._envelope(f"{self._request_id}_{next_index}", stat_code=1)
        body["auxInfo"] = {"streamTime": round(end.streamed_s)}
        if end.fault is not None:
            body["auxInfo"]["errorCode"] = int(end.fault)
        return body

    def stopped(self, code: Code, fault: SourceFault | None, next_index: int) -> dict[str, Any]:
        """Say that nothing more will come, and why; numbered as the finish notice."""
        why = f"{int(fault)}, " if fault is not None else ""
        message = f"{MESSAGES[code][self._language]}: {why}{STREAM_OVER[self._language]}"
        return {"requestId": f"{self._request_id}_{next_index}", "code": int(code), "message": message}

    def event(self, event: StreamEvent, number: int) -> dict[str, Any]:
        """Write a stream event, which is ours and no vendor's."""
        body = self._envelope(f"{self._request_id}_event_{number}", stat_code=STAT_EVENT)
        del body["requestParams"]
        told: dict[str, Any] = {"type": event.type.value, "time": _epoch_ms(event.at)}
        if event.fault is not None:
            told["errorCode"] = int(event.fault)
        if event.gap is not None:
            told |= {"gapStart": _epoch_ms(event.gap.started_at), "gapEnd": _epoch_ms(event.gap.ended_at)}
            if event.gap.windows:
                told |= {"firstWindow": event.gap.windows[0], "lastWindow": event.gap.windows[-1]}
        if event.end is not None:
            told["streamTime"] = round(event.end.streamed_s)
            if event.end.crashed:
                told["errorCode"] = int(Code.FAILED)
        body["streamEvent"] = told
        return body

    def _envelope(self, request_id: str, stat_code: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "requestId": request_id,
            "btId": self._request.data.btId,
            "code": int(Code.SUCCESS),
            "message": MESSAGES[Code.SUCCESS][self._language],
            "statCode": stat_code,
            "requestParams": self._data,
        }
        if self._pass_through is not None:
            body["passThrough"] = self._pass_through
        return body

    @property
    def _pass_through(self) -> dict[str, Any] | None:
        return self._request.data.extra.passThrough if self._request.data.extra is not None else None

    def _audio_detail(self, report: WindowReport) -> dict[str, Any]:
        decisive = _decisive(report)
        labels, description = self._headline(report, decisive[0] if decisive else None)
        source = _source(decisive, report.list_matches)
        detail: dict[str, Any] = {
            "audioUrl": report.clip_url,
            "riskLevel": report.level.value,
            "riskLabel1": labels[0],
            "riskLabel2": labels[1],
            "riskLabel3": labels[2],
            "riskDescription": description,
            "riskSource": source,
            "audioText": report.text,
            "riskDetail": self._risk_detail(report, source),
            "auxInfo": self._aux_info(report),
            "businessLabels": business_labels(report.attributes, self._taxonomy, self._language),
            "allLabels": [self._label(finding) for finding in report.findings],
            "audioTags": audio_tags(report.attributes, frozenset(self._asked), self._taxonomy),
            "vadCode": 0 if report.silent else 1,
        }
        if self._request.data.returnPreAudio:
            detail["preAudioUrl"] = report.previous_clip_url
        return detail

    def _headline(self, report: WindowReport, leading: Finding | None) -> tuple[tuple[str, str, str], str]:
        """Return the three labels and the description that stand for the window."""
        if report.level is RiskLevel.PASS:
            return ("normal", "", ""), PASS_DESCRIPTION[self._language]
        labels = self._path(leading) if leading is not None else (LIST_LABEL, "", "")
        if report.list_matches:
            return labels, LIST_DESCRIPTION[self._language]
        return labels, self._describe(leading) if leading is not None else ""

    def _path(self, finding: Finding) -> tuple[str, str, str]:
        name = self._asked.get(finding.label.risk, finding.label.risk.value)
        return name.lower(), finding.label.label2, finding.label.label3

    def _describe(self, finding: Finding) -> str:
        return describe(finding.label, self._taxonomy, self._language)

    def _label(self, finding: Finding) -> dict[str, Any]:
        labels = self._path(finding)
        return {
            "riskLabel1": labels[0],
            "riskLabel2": labels[1],
            "riskLabel3": labels[2],
            "riskDescription": self._describe(finding),
            "riskLevel": finding.level.value,
            "probability": round(finding.probability, 4),
        }

    def _risk_detail(self, report: WindowReport, source: int) -> dict[str, Any]:
        detail: dict[str, Any] = {"audioText": report.text, "riskSource": source}
        if report.list_matches:
            detail["matchedLists"] = _matched_lists(report.list_matches)
        names = _recognised(report.findings)
        if names:
            detail["audioMatches"] = names
        spans = _outermost(span for finding in report.findings for span in finding.spans)
        if spans:
            detail["riskSegments"] = [
                {"segment": report.text[span.start : span.end], "position": _positions([span])}
                for span in spans
            ]
        return detail

    def _aux_info(self, report: WindowReport) -> dict[str, Any]:
        info: dict[str, Any] = {
            "beginProcessTime": _epoch_ms(report.processing_began_at),
            "finishProcessTime": _epoch_ms(report.processing_ended_at),
            "audioStartTime": _local_time(report.started_at),
            "audioEndTime": _local_time(report.ended_at),
        }
        info |= self._user_of(report)
        if self._request.data.room is not None:
            info["room"] = self._request.data.room
        if self._pass_through is not None:
            info["passThrough"] = self._pass_through
        return info

    def _whose(self, report: WindowReport) -> dict[str, Any]:
        """Name the user of a window that could not be moderated, where a window's user stands."""
        user = self._user_of(report)
        return {"audioDetail": {"auxInfo": user}} if user else {}

    def _user_of(self, report: WindowReport) -> dict[str, int | str]:
        """Say whose voice it is, where a room's users are told apart; as the documents have it."""
        if report.user is not None and self._request.data.streamType == "AGORA":
            return {"userId": _uid(report.user)}
        user = report.user or self._user
        return {} if user is None else {USER_FIELDS[self._request.data.streamType]: user}


def _uid(user: str) -> int | str:
    """Return a user of an AGORA channel: a number, where it is one."""
    return int(user) if user.isascii() and user.isdecimal() else user


def _decisive(report: WindowReport) -> list[Finding]:
    """Return the labels that make the window's level; none where a list's word alone makes it REJECT."""
    weak = {RiskLevel.PASS, RiskLevel.REVIEW} if report.list_matches else {RiskLevel.PASS}
    return [finding for finding in report.findings if finding.level not in weak]


def _source(findings: Iterable[Finding], list_matches: Iterable[ListMatch]) -> int:
    evidence = [finding.evidence for finding in findings]
    if not evidence:
        return SOURCE_TEXT if list_matches else SOURCE_NONE
    return SOURCE_TEXT if evidence[0] is Evidence.TEXT else SOURCE_AUDIO


def _matched_lists(matches: Iterable[ListMatch]) -> list[dict[str, Any]]:
    by_list: dict[str, list[dict[str, Any]]] = {}
    for match in matches:
        by_list.setdefault(match.list_name, []).append(
            {"word": match.word, "position": _positions(match.spans)}
        )
    return [{"name": name, "words": words} for name, words in by_list.items()]


def _recognised(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Name the enrolled voices and songs; the documents have no field for them."""
    return [
        {"name": each.name, "riskLabel3": each.label.label3, "probability": round(each.probability, 4)}
        for each in findings
        if each.name
    ]


def _outermost(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, without those that lie within another one."""
    kept: list[Span] = []
    for span in sorted(set(spans), key=lambda each: (each.start, -each.end)):
        if not kept or span.end > kept[-1].end:
            kept.append(span)
    return kept


def _positions(spans: Iterable[Span]) -> list[int]:
    """Return the index of every character of the spans, each once."""
    return sorted({index for span in spans for index in range(span.start, span.end)})


def _epoch_ms(epoch_s: float) -> int:
    return round(epoch_s * 1000)


def _local_time(epoch_s: float) -> str:
    """Write a time as the contract does: `YYYY-MM-DD HH:MM:SS` in the host's time zone."""
    return datetime.fromtimestamp(epoch_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
