"""Which days can be closed: one that began, and of which something is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recon.errors import ConfigError
from recon.reads.close import AccountClose


def check_day(closes: Sequence[AccountClose], now: datetime) -> None:
    """Refuse a day of which there is nothing to say. Errors: ConfigError where it is to come, or nothing is known."""
    if not closes:
        raise ConfigError("no account is known yet: nothing was recorded; is the service running?")
    if all(each.now.opens_at > now for each in closes):
        begins = min(each.now.opens_at for each in closes)
        raise ConfigError(f"{closes[0].now.day} is still to come: it begins at {begins:%Y-%m-%d %H:%M} UTC")
    if all(each.unknown for each in closes):
        raise ConfigError(nothing_known(closes))


def nothing_known(closes: Sequence[AccountClose]) -> str:
    """Return the words for a day of which nothing is known."""
    cut_off = max(each.now.cut_off for each in closes)
    return (
        f"nothing is known of {closes[0].now.day}: no account was heard of before its cut-off,"
        f" {cut_off:%Y-%m-%d %H:%M} UTC"
    )
