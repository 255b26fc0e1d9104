"""Facts that wait for a second person, as commands name and tell them (`recon.reads.waiting_facts`)."""

from __future__ import annotations

from recon.cli.output import note
from recon.cli.queries import gateway_names
from recon.db.source import Source
from recon.errors import ConfigError
from recon.reads.waiting_facts import MAX_DECIDED, WaitingGroup, approval_command
from recon.reads.waiting_facts import waiting_groups as groups_of

__all__ = [
    "MAX_DECIDED",
    "WaitingGroup",
    "approval_command",
    "chosen_group",
    "note_waiting",
    "waiting_groups",
]


def waiting_groups(connection: Source, gateway: str | None) -> list[WaitingGroup]:
    """Return what waits, oldest first. Errors: ConfigError where there is no such gateway."""
    gateway_names(connection, gateway)
    return groups_of(connection, gateway)


def chosen_group(connection: Source, gateway: str | None, start: str) -> WaitingGroup:
    """Return the group whose digest starts so. Errors: ConfigError where there are none, or several."""
    found = [group for group in waiting_groups(connection, gateway) if group.digest.startswith(start)]
    if not found:
        raise ConfigError(f"no waiting facts have a digest that starts with {start!r}; see `recon facts show`")
    if len(found) > 1:
        raise ConfigError(f"several waiting facts have a digest that starts with {start!r}; give more of it")
    return found[0]


def note_waiting(connection: Source, gateway: str, first_seq: int, last_seq: int) -> int:
    """Say how to approve what waits of the events just recorded; return how many facts wait."""
    found = 0
    for group in waiting_groups(connection, gateway):
        ours = sum(first_seq <= seq <= last_seq for seq, _ in group.facts)
        if ours:
            told = "it waits" if first_seq == last_seq else f"{ours} of the facts told wait"
            verb = "changes" if first_seq == last_seq else "change"
            note(f"{told} for a second person and {verb} nothing yet: {group.shown['reason']}")
            note(f"a second person runs: {approval_command(group.digest)}")
        found += ours
    return found
