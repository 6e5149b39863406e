"""The contract's answers: codes, messages in both languages, and faults of a request in one sentence."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.errors import AudiowardenError
from daemon.contracts.body import BodyError, BodyFault


class Code(IntEnum):
    """The outcome of a request."""

    SUCCESS = 1100
    QUOTA = 1901
    BAD_PARAMETER = 1902
    FAILED = 1903
    PULL_FAILED = 1904
    NOT_PERMITTED = 9101


MESSAGES = {
    Code.SUCCESS: {"zh": "成功", "en": "Success"},
    Code.QUOTA: {"zh": "QPS或并发路数超限", "en": "QPS or stream quota exceeded"},
    Code.BAD_PARAMETER: {"zh": "参数不合法", "en": "Bad parameter"},
    Code.FAILED: {"zh": "服务失败", "en": "Service failed"},
    Code.PULL_FAILED: {"zh": "拉流失败", "en": "Stream pull failed"},
    Code.NOT_PERMITTED: {"zh": "无权限操作", "en": "Not permitted"},
}
NO_SUCH_STREAM = {"zh": "该路流不存在", "en": "No such stream"}
NOTHING_KEPT = {
    "zh": "本服务不保存回调记录（callbacks.history_hours 为 0）",
    "en": "This server keeps no callbacks (callbacks.history_hours is 0)",
}
NOT_SUPPORTED = {
    "zh": "本服务不支持 {stream_type}，请用 NORMAL 和 url 拉流",
    "en": "{stream_type} is not supported by this server; use NORMAL with a url",
}
NOT_CONFIGURED = {
    "zh": "账号未配置 {stream_type} 拉流地址：请设置 accounts.pull_templates.{setting}",
    "en": "{stream_type} is not configured for this account: set accounts.pull_templates.{setting} on the "
    "server, or use NORMAL with a url",
}
NO_ROSTER = {
    "zh": "账号未配置房间成员来源：请设置 accounts.{setting}.app_id 和 server_secret，"
    "或 accounts.{setting}.roster_url，或按用户传 streamId",
    "en": "nothing says who is in a room: set accounts.{setting}.app_id and server_secret, or "
    "accounts.{setting}.roster_url, on the server, or start each user's stream by its streamId",
}
CONFIGURABLE = {"TRTC", "ZEGO", "AGORA"}
SDK_INSTEAD = {"AGORA": {"zh": "，或安装扩展 agora", "en": "; or install the extra `agora`"}}
AT_CAPACITY = {
    "zh": "并发路数超限：本机处理能力已满，请稍后重试",
    "en": "QPS or stream quota exceeded: this server is at capacity, try again later",
}
DUPLICATE = {"zh": "重复推流", "en": "The stream is already being moderated"}

BODY_FAULTS = {
    BodyFault.ENCODING: "请求体不能压缩",
    BodyFault.UNREADABLE: "请求体读取失败",
    BodyFault.TOO_LARGE: "请求体过大",
    BodyFault.EMPTY: "请求体为空",
    BodyFault.TOO_COMPLEX: "请求体结构过于复杂",
    BodyFault.NO_TEXT: "请求体不是UTF-8文本",
    BodyFault.NO_JSON: "请求体不是合法JSON",
    BodyFault.NO_OBJECT: "请求体必须是JSON对象",
    BodyFault.LATE: "请求体未按时到达",
}

_FAULTS = {
    "missing": {"zh": "必填", "en": "is required"},
    "string_type": {"zh": "必须是字符串", "en": "must be a string"},
    "string_too_short": {"zh": "不能为空", "en": "must not be empty"},
    "string_too_long": {"zh": "最多{max_length}个字符", "en": "takes at most {max_length} characters"},
    "string_pattern_mismatch": {"zh": "格式须为 {pattern}", "en": "must match {pattern}"},
    "int_type": {"zh": "必须是整数", "en": "must be an integer"},
    "bool_type": {"zh": "必须是布尔值", "en": "must be true or false"},
    "dict_type": {"zh": "必须是JSON对象", "en": "must be a JSON object"},
    "model_type": {"zh": "必须是JSON对象", "en": "must be a JSON object"},
    "list_type": {"zh": "必须是数组", "en": "must be an array"},
    "literal_error": {"zh": "可选值：{expected}", "en": "must be one of {expected}"},
    "greater_than_equal": {"zh": "不能小于{ge}", "en": "must be at least {ge}"},
    "less_than_equal": {"zh": "不能大于{le}", "en": "must be at most {le}"},
    "one_of": {"zh": "{fields} 必传其一", "en": "one of {fields} is required"},
    "needed_for": {
        "zh": "在streamType为{stream_type}时必填",
        "en": "is required for streamType {stream_type}",
    },
    "needed_for_mode": {"zh": "在subscribeMode为{mode}时必填", "en": "is required for subscribeMode {mode}"},
    "uid": {"zh": "须为uint32数字", "en": "must be uint32 numbers"},
    "too_long": {"zh": "最多{max_length}项", "en": "takes at most {max_length} items"},
    "unknown_type": {"zh": "未知类型 {token}，可选值：{known}", "en": "unknown type {token}; known: {known}"},
}


class RefusedError(AudiowardenError):
    """A request that is answered with another code than success."""

    def __init__(self, code: Code, message: str = "", detail: dict[str, Any] | None = None) -> None:
        super().__init__(message or MESSAGES[code]["en"])
        self.code = code
        self.message = message
        self.detail = detail


def answer(
    request_id: str, code: Code, language: str, message: str = "", detail: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Build an answer; without `message` the code's own is used."""
    body: dict[str, Any] = {
        "requestId": request_id,
        "code": int(code),
        "message": message or MESSAGES[code][language],
    }
    if detail is not None:
        body["detail"] = detail
    return body


def bad_parameter(field: str, fault: str, language: str) -> RefusedError:
    """Build the refusal of one field: its path and what it takes."""
    place = f"{field} " if field else ""
    return RefusedError(Code.BAD_PARAMETER, f"{MESSAGES[Code.BAD_PARAMETER][language]}: {place}{fault}")


def not_configured(stream_type: str, language: str, *, roster: bool = False) -> str:
    """Say what to configure so that streams of a kind are taken, or that nothing helps.

    With `roster`: so that a whole room is.
    """
    if roster:
        return NO_ROSTER[language].format(setting=stream_type.lower())
    texts = NOT_CONFIGURED if stream_type in CONFIGURABLE else NOT_SUPPORTED
    text = texts[language].format(stream_type=stream_type, setting=stream_type.lower())
    return text + SDK_INSTEAD.get(stream_type, {}).get(language, "")


def in_words(english: str, language: str) -> str:
    """Return a text that is there in English alone in the client's language: the Chinese says what it is."""
    return english if language == "en" else f"不可用（{english}）"


def bad_body(error: BodyError) -> RefusedError:
    """Build the refusal of a body that cannot be read: in both languages, since nobody knows the client's."""
    return bad_parameter("", f"{BODY_FAULTS[error.fault]}（{error}）", "zh")


def not_permitted(field: str, value: str, language: str) -> str:
    """Say which field's value the account may not use."""
    return f"{MESSAGES[Code.NOT_PERMITTED][language]}: {field} {value[:64]!r}"


def refuse(error: ValidationError, language: str) -> RefusedError:
    """Turn the first fault that validation found into a refusal that names the field and what it takes."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = [str(part) for part in first["loc"] if not isinstance(part, int)]
    if first["type"] in ("needed_for", "needed_for_mode"):
        path.append(first["ctx"]["field"])
    return bad_parameter(".".join(path), _explain(first, language), language)


def fault(kind: str, language: str) -> str:
    """Return what is wrong with a field, for faults without parameters."""
    return _FAULTS[kind][language]


def _explain(fault: ErrorDetails, language: str) -> str:
    template = _FAULTS.get(fault["type"])
    if template is None:
        return in_words(fault["msg"], language)
    facts = dict(fault.get("ctx", {}))
    if language == "zh" and "expected" in facts:
        facts["expected"] = facts["expected"].replace(" or ", ", ").replace(", ", "、")
    return template[language].format(**facts)
