"""What all sections of the settings share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]
"""Up to a day: beyond, timers and media libraries overflow."""


class Section(BaseModel):
    """A part of the settings: frozen, no unknown keys; secrets are masked when printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
