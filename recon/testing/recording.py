"""A recording of one account: cut out of a gateway's log, disguised or as it is, and written as a case.

A disguise must not change what is found. So the case is replayed as it is and disguised; a factor of the amounts under
which the two differ is not used. A power of ten always leaves the digits as they are, and is tried last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import msgspec

from recon.errors import ConfigError
from recon.ledger.rules import RecoveryRules, Rules, parse_rules
from recon.log.events import Event
from recon.testing.case import EXPECTED, FRAMES, RULES, Case
from recon.testing.case_cutting import Cut, Shown, cut, written
from recon.testing.case_player import replay
from recon.testing.disguise import Disguise
from recon.testing.outcome import Outcome

#: How far apart two figures may be relative to their size: what recon infers, it rounds at digits of its own choice.
_ROUNDED: Final = Decimal("1e-6")
#: Findings about texts, which a disguise leaves out.
_OF_TEXTS: Final = frozenset({"long_text"})
_RECOVERY: Final = "recovery is off: a case has no answers over REST"
_encode: Final = msgspec.json.Encoder().encode


class Recording(NamedTuple):
    """A case with what it lacks in words; `factor` is that of its amounts, None where they are as they were."""

    cut: Cut
    rules: bytes
    factor: Decimal | None
    lacks: list[str]

    def case(self, name: str) -> Case:
        """Return it as a case."""
        return Case(name, self.cut.lines, self.rules, self.cut.quiet_s, self.cut.begins_at)

    def write(self, directory: Path) -> None:
        """Write it into a directory, which is made; what is expected of it, a person adds. Errors: ConfigError.

        Of one that cannot be written whole nothing stays.
        """
        expected = {
            "trouble": "",
            "note": " ".join(f"{line}." for line in self.lacks),
            "begins_at": self.cut.begins_at,
            "quiet_s": self.cut.quiet_s,
        }
        contents = {
            FRAMES: b"".join(map(written, self.cut.lines)),
            RULES: self.rules + b"\n",
            EXPECTED: msgspec.json.format(_encode(expected), indent=1) + b"\n",
        }
        made = not directory.exists()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                (directory / name).write_bytes(content)
        except OSError as error:
            with suppress(OSError):
                for name in contents:
                    (directory / name).unlink(missing_ok=True)
                if made:
                    directory.rmdir()
            raise ConfigError(f"{directory} cannot be written: {error.strerror or 'unknown reason'}") from error


def as_it_is(log: Sequence[Event], account: str, rules: bytes) -> Recording:
    """Return a recording with names, ids and amounts as they are; of the rules, those of the account."""
    narrowed = partial(_narrowed, account=account)
    taken = cut(log, account, Shown(account, bytes, bytes, narrowed))
    return Recording(taken, narrowed(rules), None, _lacks(taken, rules))


def disguised(
    log: Sequence[Event], account: str, rules: bytes, *, key: bytes, factors: Iterable[Decimal]
) -> Recording | None:
    """Return a recording with names, ids and amounts replaced, by the first factor that changes nothing else.

    `key` is secret and makes the ids. None: under every factor something else is found.
    """
    plain = replay(as_it_is(log, account, rules).case(account)).outcome
    for factor in factors:
        disguise = Disguise(key, factor)
        replaced = partial(_replaced, account=account, disguise=disguise)
        name = disguise.account(account)
        taken = cut(log, account, Shown(name, disguise.frame, disguise.frame, replaced))
        recording = Recording(taken, replaced(rules), factor, _lacks(taken, rules))
        if are_alike(plain, replay(recording.case(name)).outcome, factor):
            return recording
    return None


def are_alike(one: Outcome, other: Outcome, factor: Decimal) -> bool:
    """True if two outcomes are the same but for names and ids, and amounts multiplied by a factor."""
    figures = [_figures(one), _figures(other)]
    if [len(each) for each in figures[0]] != [len(each) for each in figures[1]]:
        return False
    pairs = (pair for left, right in zip(*figures, strict=True) for pair in zip(left, right, strict=True))
    return all(words == others and _scaled(mine, theirs, factor) for (words, mine), (others, theirs) in pairs)


_Figures: TypeAlias = tuple[tuple[object, ...], tuple[Decimal | None, ...]]


def _figures(outcome: Outcome) -> list[list[_Figures]]:
    """Return what an outcome says, in an order that no name decides: the words of each row, and its amounts."""
    units: list[_Figures] = [
        ((_code(each.unit), each.verdict, each.reason), (each.opening, each.booked, each.reported))
        for each in outcome.units
    ]
    units.sort(key=lambda row: str(row[0]))
    breaks: list[_Figures] = [
        ((_code(each.unit), each.cause, each.certainty, each.state), (each.amount,)) for each in outcome.breaks
    ]
    fills: list[_Figures] = [((each.symbol, each.side, each.price), (each.amount, each.cash)) for each in outcome.fills]
    kinds = {each.kind for each in outcome.findings} - _OF_TEXTS
    findings: list[_Figures] = [((kind,), ()) for kind in sorted(kinds)]
    alerts: list[_Figures] = [((outcome.alerts,), ())]
    return [units, breaks, fills, findings, alerts]


def _code(unit: str) -> str:
    return unit.partition("|")[2]


def _scaled(mine: Sequence[Decimal | None], theirs: Sequence[Decimal | None], factor: Decimal) -> bool:
    return all(
        one is other is None
        or (one is not None and other is not None and abs(one * factor - other) <= _ROUNDED * abs(other))
        for one, other in zip(mine, theirs, strict=True)
    )


def _lacks(taken: Cut, rules: bytes) -> list[str]:
    return [*taken.lacks, *([_RECOVERY] if parse_rules(rules).recovery.enabled else [])]


def _narrowed(rules: bytes, *, account: str) -> bytes:
    whole = parse_rules(rules)
    own = {name: each for name, each in whole.accounts.items() if name == account}
    return _encode(Rules(whole.defaults, own, RecoveryRules()))


def _replaced(rules: bytes, *, account: str, disguise: Disguise) -> bytes:
    return _encode(disguise.rules(parse_rules(rules), account))
