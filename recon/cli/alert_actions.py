"""What people do with alerts: silence them, end a silence, send again, and try a receiver."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from recon.cli.recording import account_name
from recon.clock import utc_now
from recon.config import Settings
from recon.db.source import query_rows
from recon.deciding import silences
from recon.errors import ConfigError, DeliveryError
from recon.nearest import hint

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from recon.alerts.message import Message

#: Longest a receiver may take for a test message, in seconds.
TEST_SECONDS: Final = 15.0


def ask_for_silence(
    connection: Connection, until: datetime, reason: str, name: str | None, of: Mapping[str, str | None]
) -> str:
    """Store a silence under the login of the connection, and commit; return its id.

    Errors: ConfigError where it is not one that can be stored.
    """
    id_ = silences.ask_for_silence(connection, until, reason, name or account_name(), of)
    connection.commit()
    return id_


def end_silence(connection: Connection, start: str) -> str:
    """End the silence whose id begins so, and commit; return its id.

    Errors: ConfigError where none holds, or several do.
    """
    id_ = silences.end_silence(connection, start)
    connection.commit()
    return id_


def check_channel(connection: Connection, channel: str, settings: Settings) -> None:
    """Refuse a channel that no settings name and no message went to. Errors: ConfigError."""
    from recon.alerts.channels import configured_channels  # noqa: PLC0415 - other commands start without it

    sent = query_rows(connection, "SELECT DISTINCT channel FROM recon.deliveries", {})
    known = {str(row["channel"]) for row in sent} | set(configured_channels(settings))
    if channel not in known:
        raise ConfigError(f"there is no channel {channel!r}; {hint(channel, known)}")


def send_again(connection: Connection, channel: str | None, id_: str | None) -> int:
    """Have messages that were given up, or wait for a later attempt, sent now, and commit; return how many.

    Errors: ConfigError where a message or channel is named that there is not.
    """
    count = int(str(silences.call(connection, "SELECT recon_store.retry_deliveries(%s, %s)", (channel, id_))))
    connection.commit()
    if not count and id_ is not None:
        raise ConfigError(f"no message {id_!r} was given up or waits for a later attempt; see `recon alerts pending`")
    return count


def try_channel(settings: Settings, channel: str) -> None:
    """Send a test message to a receiver of the settings. Errors: ConfigError, DeliveryError."""
    import trio  # noqa: PLC0415 - other commands start without it

    from recon.alerts.channels import open_level_senders, open_senders, try_level  # noqa: PLC0415

    async def send() -> None:
        async with open_senders(settings, utc_now) as senders, open_level_senders(settings, utc_now) as levels:
            if channel not in {*senders, *levels}:
                known = sorted({*senders, *levels})
                there = f"there are {', '.join(known)}" if known else "there is none that takes messages"
                raise ConfigError(f"the settings have no channel {channel!r}; {there}")
            with trio.move_on_after(TEST_SECONDS) as waiting:
                if channel in levels:
                    await try_level(levels[channel], utc_now())
                else:
                    await senders[channel].send(_test_message(channel))
        if waiting.cancelled_caught:
            raise DeliveryError(f"{channel} did not take the test message within {TEST_SECONDS:g} s")

    trio.run(send)


def _test_message(channel: str) -> Message:
    """Return a message that only tries whether a receiver can be reached; it is of no case."""
    from recon.alerts.channels import TEST  # noqa: PLC0415
    from recon.alerts.message import CaseNumber, Message, Told, compose  # noqa: PLC0415
    from recon.alerts.policy.model import Outgoing  # noqa: PLC0415

    now, id_ = utc_now(), uuid4().hex
    outgoing = Outgoing(f"msg_{id_}", channel, "notice", now, (id_,), (), "somebody tries whether it can be reached")
    cases: list[CaseNumber] = []
    document = f'{{"type":"{TEST}","id":"{id_}","version":1}}'
    event, body = compose(outgoing, [Told(id_, TEST, now, document)], cases, {})
    return Message(outgoing.id, "", channel, event, TEST, (id_,), now, 1, body)
