"""The contract's older callback shape: the verdict at the top level, the evidence in riskDetail."""

from __future__ import annotations

from typing import Any

from daemon.contracts.audiostream.payload import PayloadWriter
from pipeline.report import WindowReport

EVIDENCE = {
    "audioStartTime": "audioStartTime",
    "audioEndTime": "audioEndtime",
    "userId": "userId",
    "strUserId": "strUserId",
    "room": "room",
    "beginProcessTime": "beginProcessTime",
    "finishProcessTime": "finishProcessTime",
}
"""What riskDetail holds of the nested auxInfo, and its name there, spelt as in the document."""


class FlatWriter(PayloadWriter):
    """Writes the callbacks of one stream in the older shape.

    The original document shows it in one example. Its fields and spellings are kept: `btid`, `audioEndtime`,
    and `businessLabels` as the object that the nested shape calls audioTags. What the example does not have
    stands beside what it has: the clip before beside the clip, the other labels beside the label.
    """

    def window(self, report: WindowReport) -> dict[str, Any]:
        """Write a window's callback."""
        body = super().window(report)
        detail = body.pop("audioDetail", None)
        if detail is None:
            return body
        info = detail["auxInfo"]
        evidence = {"audioUrl": detail["audioUrl"], **detail["riskDetail"]}
        evidence |= {flat: info[nested] for nested, flat in EVIDENCE.items() if nested in info}
        if "preAudioUrl" in detail:
            evidence["preAudioUrl"] = detail["preAudioUrl"]
        levels = ("riskLevel", "riskLabel1", "riskLabel2", "riskLabel3", "riskDescription", "riskSource")
        body |= {name: detail[name] for name in (*levels, "allLabels", "vadCode")}
        body["riskDetail"] = evidence
        body["businessLabels"] = detail["audioTags"]
        return body

    def _whose(self, report: WindowReport) -> dict[str, Any]:
        user = self._user_of(report)
        return {"riskDetail": user} if user else {}

    def _envelope(self, request_id: str, stat_code: int) -> dict[str, Any]:
        body = super()._envelope(request_id, stat_code)
        return {"btid" if name == "btId" else name: value for name, value in body.items()}
