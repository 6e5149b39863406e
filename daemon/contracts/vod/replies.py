"""The contract's refusals: status, code and sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.errors import AudiowardenError


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of refusal, in the vendor's codes."""

    status: int
    code: str
    english: str
    chinese: str

    def text(self, language: str) -> str:
        """Return its sentence in `zh` or `en`."""
        return self.chinese if language == "zh" else self.english


BAD_PARAMETER = Fault(400, "VOD.10053", "The request parameter is incorrect.", "请求参数错误。")
TOO_LARGE = Fault(413, "VOD.10053", "The request body is too large.", "请求体过大。")
LATE = Fault(408, "VOD.10053", "The request body did not arrive in time.", "请求体未及时到达。")
CONTENT_TYPE = Fault(400, "VOD.10059", "The content type is not supported.", "不支持的Content-Type。")
NOT_FOUND = Fault(
    400,
    "VOD.10062",
    "Media asset or resource does not exist, please check.",
    "媒资或资源不存在，请检查。",
)
UNSUPPORTED = Fault(400, "VOD.10063", "The type is not supported.", "类型不支持。")
FORBIDDEN = Fault(403, "VOD.10074", "You have no permission for this.", "没有操作权限。")
WRONG_STATE = Fault(
    400,
    "VOD.10083",
    "The state of the media asset does not allow this: only a queued task can be cancelled.",
    "媒资状态不支持该操作：只有排队中的任务可以取消。",
)
NOT_AUTHENTICATED = Fault(401, "APIG.0301", "Incorrect IAM authentication information.", "IAM认证信息错误。")
NO_SUCH_API = Fault(404, "APIG.0101", "The API does not exist.", "API不存在。")
THROTTLED = Fault(429, "APIG.0308", "Too many requests: try later.", "请求过多，请稍后重试。")
AWAY = Fault(
    503, "VOD.10051", "The service is not available just now: try later.", "服务暂不可用，请稍后重试。"
)
UNREADABLE = Fault(
    503,
    "VOD.10051",
    "The media asset was written by another version of this program, in a form that this one does not know.",
    "该媒资由本程序的其他版本写入，当前版本无法读取。",
)
INTERNAL = Fault(500, "VOD.10051", "The service failed.", "内部错误。")


class RefusedError(AudiowardenError):
    """A request is refused; `detail` (English) goes behind the fault's own sentence."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(detail or fault.english)
        self.fault = fault
        self.detail = detail


def refusal(fault: Fault, language: str, detail: str = "") -> dict[str, Any]:
    """Write a refusal."""
    text = fault.text(language)
    return {"error_code": fault.code, "error_msg": f"{text} {detail}" if detail else text}


def refused(error: ValidationError) -> RefusedError:
    """Say what the first field is that is wrong, and how."""
    first: ErrorDetails = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "unsupported":
        return RefusedError(UNSUPPORTED, f"{field}: {first['msg']}")
    return RefusedError(BAD_PARAMETER, f"{field}: {first['msg']}" if field else first["msg"])
