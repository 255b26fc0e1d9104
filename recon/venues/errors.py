"""What the library's errors mean, in our words. Pure.

The library's errors are told apart by the names of their classes, the nearest first, so it need not be here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from recon.errors import VenueError


class _Meaning(NamedTuple):
    """What happened, and what to do; `passes`: the same question may be answered soon."""

    words: str
    passes: bool = False


_MEANINGS: Final = {
    "AccountNotEnabled": _Meaning("the venue says that the account is not enabled for it"),
    "PermissionDenied": _Meaning("the key may not read it: give the key the right to read it, at the venue"),
    "AccountSuspended": _Meaning("the venue says that the account is suspended"),
    "AuthenticationError": _Meaning("the venue refuses the key: check api_key, secret and password"),
    "BadSymbol": _Meaning("the venue knows no such symbol: check symbols"),
    "ArgumentsRequired": _Meaning("the venue answers for one symbol at a time: set symbols"),
    "BadRequest": _Meaning("the venue refuses the question: check symbols and wallets"),
    "RestrictedLocation": _Meaning("the venue does not serve the place where recon runs"),
    "NotSupported": _Meaning("ccxt cannot ask this venue for it: leave it out of ask"),
    "InvalidNonce": _Meaning("the venue refuses its time: is the key in use elsewhere, or a clock wrong", passes=True),
    "OnMaintenance": _Meaning("the venue is in maintenance", passes=True),
    "DDoSProtection": _Meaning("the venue asks us to slow down: raise every", passes=True),
    "RateLimitExceeded": _Meaning("the venue asks us to slow down: raise every", passes=True),
    "RequestTimeout": _Meaning("the venue did not answer in time", passes=True),
    "ExchangeNotAvailable": _Meaning("the venue is not available", passes=True),
    "NetworkError": _Meaning("the venue cannot be reached", passes=True),
    "BadResponse": _Meaning("the venue's answer cannot be read", passes=True),
    "OperationFailed": _Meaning("the venue did not answer", passes=True),
    "ExchangeError": _Meaning("the venue refuses the question"),
}  # fmt: skip


def meaning_of(error: Exception, venue: str, what: str) -> VenueError:
    """Return our error for one of the library, without a word of its own text."""
    named = (_MEANINGS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _MEANINGS)
    known = next(named, None)
    if known is None:
        return VenueError(f"{venue}: asked for {what}, ccxt cannot read the venue's answer ({type(error).__name__})")
    failed = VenueError(f"{venue}: asked for {what}, {known.words}")
    failed.transient = known.passes
    return failed
