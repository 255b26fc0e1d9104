"""The accountant's day: which day of which account is closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

GATEWAY, ACCOUNT = "prod-eu", "BINANCE"
CUT_OFF = datetime.combine(datetime.now(UTC).date() - timedelta(days=1), datetime.min.time(), UTC)
DAY = (CUT_OFF - timedelta(days=1)).date().isoformat()
OF = ("--date", DAY, "--gateway", GATEWAY, "--account", ACCOUNT)
