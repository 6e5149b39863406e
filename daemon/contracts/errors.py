"""The answers to requests that reach no endpoint: unknown paths, wrong methods, errors of our own."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

log = structlog.get_logger()


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as JSON of one shape; what we did not expect is logged, and never shown."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < web.HTTPBadRequest.status_code:
            raise
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        body = {"code": 1902, "message": _explain(request, error)}
        return web.json_response(body, status=error.status, headers=allowed)
    except Exception:
        log.exception("request_failed", method=request.method, path=request.match_info.route.name or "")
        # Not 200: probes and scrapers go by the status. A contract's own endpoints answer for themselves.
        return web.json_response({"code": 1903, "message": "the server failed"}, status=500)


def _explain(request: web.Request, error: web.HTTPException) -> str:
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"{request.method} is not allowed here, use {' or '.join(sorted(error.allowed_methods))}"
    if isinstance(error, web.HTTPNotFound):
        return "no such endpoint"
    return error.reason
