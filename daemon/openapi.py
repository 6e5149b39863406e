"""`/openapi.json`: what the daemon takes and answers, as OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    models_json_schema,
)
from pydantic_core import core_schema

from daemon.contracts.interfaces import Description

REFERENCES = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    """No titles that repeat the names; what the daemon writes has a field or leaves it out, never null."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        if self.mode == "serialization":
            return bool(field["schema"]["type"] != "default")
        return bool(super().field_is_required(field, total))


class OpenApiRoutes:
    """Serves the description; it does not change while the daemon runs."""

    def __init__(self, contracts: Iterable[Description]) -> None:
        self._document = document(contracts)

    def add_to(self, app: web.Application) -> None:
        """Register the endpoint."""
        app.router.add_get("/openapi.json", self.openapi)

    async def openapi(self, _: web.Request) -> web.Response:
        """Return the description."""
        return web.json_response(self._document)


def document(contracts: Iterable[Description]) -> dict[str, Any]:
    """Put the contracts' descriptions together with the daemon's own endpoints."""
    paths: dict[str, Any] = _own_paths()
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = []
    for each in contracts:
        paths |= each.paths
        models += [(model, "validation") for model in each.taken]
        models += [(model, "serialization") for model in each.written]
    _, schemas = models_json_schema(models, ref_template=REFERENCES, schema_generator=_Plain)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "audiowarden",
            "version": version("audiowarden"),
            "description": "Moderates live audio: streams in, verdicts to your callback.",
        },
        "paths": paths,
        "components": {"schemas": schemas.get("$defs", {})},
    }


def _own_paths() -> dict[str, Any]:
    return {
        "/healthz": {"get": _probe("alive", "The event loop runs", {"200": "It does."})},
        "/readyz": {
            "get": _probe(
                "ready", "New streams are taken", {"200": "They are.", "503": "They are not: see reason."}
            )
        },
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Metrics in Prometheus' text format",
                "tags": ["operation"],
                "responses": {"200": {"description": "Every metric.", "content": {"text/plain": {}}}},
            }
        },
    }


def _probe(name: str, summary: str, answers: dict[str, str]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"status": {"type": "string"}, "reason": {"type": "string"}},
        "required": ["status"],
        "additionalProperties": False,
    }
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["operation"],
        "responses": {
            status: {"description": text, "content": {"application/json": {"schema": schema}}}
            for status, text in answers.items()
        },
    }
