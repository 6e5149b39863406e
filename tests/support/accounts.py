"""Accounts as an operator configures them."""

from __future__ import annotations

from typing import Any

from config.accounts import AccountSettings


def account(name: str = "acme", **settings: Any) -> AccountSettings:
    """An account with a key of its own."""
    return AccountSettings.model_validate({"name": name, "access_key": f"key-of-{name}", **settings})
