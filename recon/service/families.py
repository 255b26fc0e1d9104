"""The metrics by name, what each one means, and its labels: for the answer, the document and the tests. Pure.

1. Units are seconds, bytes and counts. Labels are gateways, parts, channels and words of a fixed list: never an
   account, a unit or an id, whose number has no bound.
2. Counters and spreads are of this process since its start. What is read from the database is the same in each
   instance, so a query takes the maximum over the instances.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram", "info"]


class Family(NamedTuple):
    """One metric: its name without what its kind adds, its kind, its labels, and what it means."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names of its series, as a query writes them."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{end}" for end in ("bucket", "sum", "count"))
        return (self.name + {"counter": "_total", "info": "_info"}.get(self.kind, ""),)


_GATEWAY: Final = ("gateway",)
_PART: Final = ("gateway", "part")
_CHANNEL: Final = ("channel",)

_FAMILIES: Final[tuple[tuple[str, Kind, tuple[str, ...], str], ...]] = (
    ("recon_build", "info", (), "The version that runs"),
    ("recon_alive", "gauge", (), "1 while every part moves, as /livez says"),
    ("recon_ready", "gauge", (), "1 while the service records or stands by and its books follow, as /readyz says"),
    ("recon_part_failing", "gauge", _PART, "1 while a part restarts, retries, refuses or is slow"),
    ("recon_part_failures", "gauge", _PART, "Failures of a part in a row"),
    ("recon_part_still_seconds", "gauge", _PART, "How long a part has not moved; none of its work lasts 180 s"),
    ("recon_gateway_connected", "gauge", _GATEWAY, "1 while this instance has a session with the gateway"),
    ("recon_gateway_recorded", "gauge", _GATEWAY, "1 while any instance holds the lease (database)"),
    ("recon_lease_held", "gauge", _GATEWAY, "1 while this instance holds the lease"),
    ("recon_lease_taken", "counter", _GATEWAY, "How often this instance took the lease"),
    ("recon_buffer_events", "gauge", _GATEWAY, "Events that were received and are not in the log yet"),
    ("recon_buffer_bytes", "gauge", _GATEWAY, "Bytes of these events"),
    ("recon_buffer_limit_bytes", "gauge", _GATEWAY, "Bytes beyond which the session is closed and a gap recorded"),
    ("recon_log_frames", "counter", _GATEWAY, "Frames that were appended; unchanged heartbeats are summed up in ticks"),
    ("recon_log_bytes", "counter", _GATEWAY, "Bytes of the payloads that were appended"),
    ("recon_log_batch_events", "histogram", _GATEWAY, "Events of each appended batch"),
    ("recon_log_append_seconds", "histogram", _GATEWAY, "How long each append took"),
    ("recon_log_append_failures", "counter", _GATEWAY, "Appends that failed and were repeated"),
    ("recon_log_position", "gauge", _GATEWAY, "Position of the log's last event (database)"),
    ("recon_log_silent_seconds", "gauge", _GATEWAY, "Age of the log's last event (database); a tick comes every 10 s"),
    ("recon_fold_position", "gauge", _GATEWAY, "Position up to which the books are folded (database)"),
    ("recon_fold_lag_events", "gauge", _GATEWAY, "Events in the log that the books do not hold"),
    ("recon_fold_lag_seconds", "gauge", _GATEWAY, "Log time between the last event and the last folded one"),
    ("recon_fold_step_events", "histogram", _GATEWAY, "Events of each step that folded some"),
    ("recon_fold_step_seconds", "histogram", _GATEWAY, "How long each of these steps took"),
    ("recon_fold_cpu_seconds", "counter", _GATEWAY, "What the threads of these steps have computed"),
    ("recon_fold_refused_events", "counter", _GATEWAY, "Events that the fold left out"),
    ("recon_fold_failures", "counter", _GATEWAY, "Steps that failed"),
    ("recon_breaks", "gauge", ("gateway", "state"), "Active breaks by state (database)"),
    ("recon_units", "gauge", ("gateway", "verdict"), "Units by verdict (database)"),
    ("recon_accounts", "gauge", ("gateway", "coverage"), "Accounts by coverage (database)"),
    ("recon_findings", "gauge", _GATEWAY, "Findings, counted up to 10,000 (database)"),
    ("recon_log_room_events", "gauge", (), "Log positions with a partition, ahead of the furthest gateway (database)"),
    ("recon_routing_signals", "counter", (), "Signals that the policy took"),
    ("recon_routing_messages", "counter", (), "Messages that the policy queued"),
    ("recon_routing_seconds", "histogram", (), "How long each routing took that did something"),
    ("recon_signals_waiting", "gauge", (), "Signals that no policy has taken yet (database)"),
    ("recon_signals_oldest_seconds", "gauge", (), "Age of the oldest of them (database)"),
    ("recon_delivery_attempts", "counter", ("channel", "outcome"), "Attempts to deliver, by outcome"),
    ("recon_delivery_seconds", "histogram", _CHANNEL, "How long each attempt took"),
    ("recon_deliveries_waiting", "gauge", _CHANNEL, "Messages that are not delivered yet (database)"),
    ("recon_deliveries_oldest_seconds", "gauge", _CHANNEL, "Age of the oldest of them (database)"),
    ("recon_backup_ok", "gauge", (), "1 while the last backup can be read and is not too old; absent: none is wanted"),
    ("recon_backup_age_seconds", "gauge", (), "Age of the last backup of recon's own Postgres; absent: there is none"),
    ("recon_database_up", "gauge", (), "1 if the last reading of the figures marked (database) succeeded"),
    ("recon_database_reading_seconds", "gauge", (), "How long the last reading took"),
    ("recon_database_reading_age_seconds", "gauge", (), "How old the figures marked (database) are"),
)  # fmt: skip

FAMILIES: Final = {each[0]: Family(*each) for each in _FAMILIES}
