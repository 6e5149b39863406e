"""Reads settings: defaults, then a TOML file, then `AUDIOWARDEN__SECTION__KEY` from the environment."""

from __future__ import annotations

import difflib
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from config.errors import ConfigError
from config.section import Section
from config.settings import SECRET_NAME, Settings

ENV_PREFIX = "AUDIOWARDEN__"

SectionT = TypeVar("SectionT", bound=Section)


class _Environment(BaseSettings):
    """Only carries the settings' fields, so that the library's environment reader knows their types."""


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Raises ConfigError whose text names the file, the key and what it takes."""
    values = _read_toml(path) if path is not None else {}
    environment = _read_environment(os.environ if environ is None else environ)
    try:
        settings = Settings.model_validate(_merge(values, environment))
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(path, environment, error))) from None
    return _anchor(settings, path)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read configuration {path}: {error.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{path} is not valid TOML: nested too deeply") from None
    except ValueError as error:  # not TOML, not UTF-8, a number of thousands of digits
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Turn AUDIOWARDEN__SERVER__PORT=1 into {"server": {"port": "1"}}; JSON where a list or table is due."""
    source = EnvSettingsSource(
        Settings,  # type: ignore[arg-type]  # the reader only asks for the model's fields
        case_sensitive=False,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_parse_none_str="null",
    )
    source.env_vars = {key.lower(): value for key, value in environ.items()}
    known = {name.lower() for name in Settings.model_fields}
    for key in environ:
        if key.upper().startswith(ENV_PREFIX):
            section = key[len(ENV_PREFIX) :].lower().split("__")[0]
            if section not in known:
                raise ConfigError(f"environment variable {key}: {_unknown(section, known)}")
    try:
        return dict(source())
    except RecursionError:
        raise ConfigError("environment: a value is nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"environment: {error}") from None


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _anchor(settings: Settings, path: Path | None) -> Settings:
    """Make relative folders relative to the configuration file, so that the start folder does not matter."""
    base = path.resolve().parent if path is not None else Path.cwd()

    def anchored(folder: Path | None) -> Path | None:
        if "\0" in str(folder):
            raise ConfigError(f"{str(folder)!r} is no path: it holds a NUL character")
        try:
            return None if folder is None else base / folder.expanduser()
        except RuntimeError as error:  # `~name` of somebody unknown
            raise ConfigError(f"{folder}: {error}") from None

    def moved(section: SectionT, key: str) -> SectionT:
        return section.model_copy(update={key: anchored(getattr(section, key))})

    return settings.model_copy(
        update={
            "data_dir": anchored(settings.data_dir),
            "enrolled_dir": anchored(settings.enrolled_dir),
            "accounts": tuple(moved(account, "lists_dir") for account in settings.accounts),
            "network": moved(settings.network, "ca_file"),
            "recogniser": moved(settings.recogniser, "cache_dir"),
            "storage": moved(settings.storage, "local_root"),
        }
    )


def _explain(file: Path | None, environment: Mapping[str, Any], error: ValidationError) -> list[str]:
    lines = []
    for fault in error.errors(include_url=False):
        path = [part for part in fault["loc"] if part != "function-after"]
        place = "environment" if file is None or _holds(environment, path) else str(file)
        key = ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in path).replace(
            ".[", "["
        )
        if fault["type"] == "extra_forbidden":
            lines.append(f"{place}: {key}: {_unknown(str(path[-1]), _fields_at(path[:-1]))}")
            continue
        shown = f" (got {fault['input']!r})" if _may_be_shown(path, fault["input"]) else ""
        lines.append(f"{place}: {key}: {fault['msg'].removeprefix('Value error, ')}{shown}")
    return lines


def _holds(environment: Mapping[str, Any], path: list[int | str]) -> bool:
    """Whether the value at `path` was set by the environment, which wins over the file."""
    value: Any = environment
    for part in path:
        if not isinstance(value, Mapping):
            return True  # a list, or a text where a section is due: all of it is the environment's
        if part not in value:
            return False
        value = value[part]
    return bool(path)


def _may_be_shown(path: list[int | str], value: object) -> bool:
    """Whether a wrong value is no secret, neither by its name nor by what it holds."""
    if isinstance(value, dict | list | tuple) or any(SECRET_NAME.search(str(part)) for part in path):
        return False
    if path[:1] == ["accounts"] and len(path) < 3:
        return False  # an account that is no table may be its key
    # An address may hold a password, or a key in its query.
    return not (isinstance(value, str) and ("@" in value or "?" in value))


def _unknown(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    if near:
        return f"unknown key, did you mean {near[0]}?"
    return "unknown key; known keys: " + ", ".join(sorted(known))


def _fields_at(path: list[int | str]) -> set[str]:
    """Return the field names of the section at `path`."""
    model: type[BaseModel] = Settings
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            found = _model_in(model.model_fields[part].annotation)
            if found is None:
                break
            model = found
    return set(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (tuple, list, types.UnionType, typing.Union):
        return next((m for m in map(_model_in, typing.get_args(annotation)) if m is not None), None)
    return None
