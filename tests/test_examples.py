"""The examples of docs/examples.md are what the contract's models take and write."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from daemon.contracts.audiostream import messages, schema

TEXT = (Path(__file__).parents[1] / "docs" / "examples.md").read_text(encoding="utf-8")
HEAD = re.compile(r"(.+) \(`(\w+)`\)\n")


def _example(section: str) -> tuple[str, type[BaseModel], str]:
    """Split a section into its title, its model and its JSON."""
    head = HEAD.match(section)
    assert head, section[:80]
    name = head[2]
    model = vars(messages).get(name) or vars(schema)[name]
    return head[1], model, section.split("```json\n")[1].split("\n```")[0]


EXAMPLES = [_example(section) for section in TEXT.split("\n## ")[1:]]
MAY_LACK = {
    # Of streams of one user in a room.
    "WindowInfo": {"userId", "strUserId"},
    "FlatEvidence": {"userId", "strUserId", "audioMatches", "matchedLists"},
    # Of a stream that was given up.
    "StreamInfo": {"errorCode"},
    # Of a gap, and of the flat shape.
    "HappenedEvent": {"gapStart", "gapEnd", "firstWindow", "lastWindow"},
    "EventCallback": {"btid"},
}


@pytest.mark.parametrize(("title", "model", "example"), EXAMPLES, ids=[title for title, *_ in EXAMPLES])
def test_an_example_is_of_its_model(title: str, model: type[BaseModel], example: str) -> None:
    model.model_validate(json.loads(example))


def _collect(shown: BaseModel, seen: dict[str, set[str]]) -> None:
    """Collect which fields of which message the examples show."""
    seen.setdefault(type(shown).__name__, set()).update(shown.model_fields_set)
    for name in shown.model_fields_set:
        held = getattr(shown, name)
        for each in held if isinstance(held, list) else [held]:
            if isinstance(each, BaseModel):
                _collect(each, seen)


def test_every_field_that_is_called_back_is_shown() -> None:
    seen: dict[str, set[str]] = {}
    for _, model, example in EXAMPLES:
        _collect(model.model_validate(json.loads(example)), seen)
    written = {"Answer", "Callback", "FlatCallback", "EventCallback"}
    assert written <= seen.keys()
    for name in seen.keys() & vars(messages).keys():
        missing = vars(messages)[name].model_fields.keys() - seen[name] - MAY_LACK.get(name, set())
        assert not missing, f"no example shows {missing} of {name}"
