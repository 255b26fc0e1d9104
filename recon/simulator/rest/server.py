"""A gateway's REST API (protocol 11): answers from the order log, with habits and troubles. Pure.

`RestApi.answer` returns the bytes, their delay and their length; the caller sends them. The same requests, in the same
order and at the same times, get the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from recon.exact import exact
from recon.simulator.day import Gateway
from recon.simulator.gateway.account import Account
from recon.simulator.gateway.order_log import find
from recon.simulator.gateway.wire import Row, reject
from recon.simulator.rest.rows import history_row, order_row, position_row
from recon.simulator.rest_habits import HISTORY, STATUS, Grouping, RestHabits, Trouble
from recon.simulator.rng import stream
from recon.simulator.ticks import from_datetime, ticks, to_datetime

#: The API key in the order log if the gateway needs none.
PLACEHOLDER_KEY: Final = "9a55567a-b5ff-4b78-b6aa-000000000000"
LIVE: Final = "/health/live"
READY: Final = "/health/ready"
PROBES: Final = frozenset({LIVE, READY})

_JSON: Final = "application/json; charset=utf-8"
_MISSPELT: Final = "appliction/json"
_TEXT: Final = "text/plain; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"
_PAGE: Final = b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n"
#: Shortest delay of an answer, in seconds.
_MIN_LATENCY_SECONDS: Final = 0.001
#: Paths that place and cancel orders on a real gateway; a planned day refuses them.
_ORDERING: Final = frozenset({"/v1/orders/cancel", "/v1/orders/cancel/all"})
#: Accepted times (protocol 15): from days to ticks, UTC without a zone.
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?)?)?Z?")

_encode: Final = msgspec.json.Encoder().encode
Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestAnswer:
    """An HTTP answer, `delay` seconds after its request.

    The connection is lost after `cut` bytes of the body (None: never). An answer that `hangs` is never sent.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay: float = 0.0
    cut: int | None = None
    hangs: bool = False


def plain_answer(status: int, words: str, *headers: tuple[str, str]) -> RestAnswer:
    """Return an answer in plain text."""
    return RestAnswer(status=status, headers=(("Content-Type", _TEXT), *headers), body=words.encode())


def health(path: str, *, ready: bool) -> RestAnswer | None:
    """Answer a probe; None for any other path. A process that answers is alive."""
    if path == LIVE or (path == READY and ready):
        return plain_answer(200, "Healthy")
    return plain_answer(503, "Unhealthy") if path == READY else None


class RestApi:
    """Answers for one gateway, as of its last advance. Without habits every path is 404."""

    def __init__(self, gateway: Gateway, habits: RestHabits | None, *, apikey: str = PLACEHOLDER_KEY) -> None:
        self._gateway = gateway
        self._habits = habits
        self._apikey = apikey
        self._dice = stream(gateway.plan.seed, gateway.plan.name, "rest")
        #: Bad answers in a row, per target.
        self._bad: dict[str, int] = {}
        self._routes: Mapping[str, Callable[[Query, RestHabits], RestAnswer]] = {
            "/v1/orders": self._orders,
            "/v1/balances": self._balances,
            "/v1/positions": self._positions,
            HISTORY: self._history,
        }

    def answer(self, method: str, target: str) -> RestAnswer:
        """Answer a request; `target` is its percent-encoded path and query."""
        parts = urlsplit(target)
        gateway = self._gateway
        if gateway.muted:
            return RestAnswer(status=0, hangs=True)
        probed = health(parts.path, ready=gateway.accepting)
        if probed is not None:
            return probed
        if not gateway.accepting:
            return plain_answer(503, "Not running")
        if self._habits is None:
            return plain_answer(404, "Not Found")
        with exact():
            contents = self._contents(method, parts.path, parse_qs(parts.query, keep_blank_values=True), self._habits)
        return self._deliver(target, parts.path, contents, self._habits)

    # Contents, as the gateway knows them.

    def _contents(self, method: str, path: str, query: Query, habits: RestHabits) -> RestAnswer:
        route, of_order = self._routes.get(path), path.startswith(STATUS) and path != STATUS
        if route is None and not of_order and path not in _ORDERING:
            return plain_answer(404, "Not Found")
        if method != "GET" or path in _ORDERING:
            allowed = "POST" if path in _ORDERING else "GET"
            return plain_answer(405, "The simulator plays a planned day and takes no orders.", ("Allow", allowed))
        return self._status(unquote(path.removeprefix(STATUS)), habits) if route is None else route(query, habits)

    def _requested_accounts(self, query: Query) -> list[Account] | None:
        """Return the requested accounts; None if they are unreachable."""
        present = [account for account in self._gateway.accounts.values() if account.is_present]
        requested = query.get("exchange_id")
        if not requested:
            return present
        return [account for account in present if account.name == requested[-1]] or None

    def _groups(self, kind: str, query: Query, habits: RestHabits, rows: Callable[[Account], list[Row]]) -> RestAnswer:
        accounts = self._requested_accounts(query)
        if accounts is None:
            return self._unreachable(habits, query["exchange_id"][-1])
        return _json([{"type": kind, "exchange_id": each.name, "data": rows(each)} for each in accounts])

    def _orders(self, query: Query, habits: RestHabits) -> RestAnswer:
        def rows(account: Account) -> list[Row]:
            return [order_row(row, habits) for row in account.order_rows()]

        if habits.orders is Grouping.GROUPED:
            return self._groups("ORDER_EXEC_REPORT_SNAPSHOT", query, habits, rows)
        accounts = self._requested_accounts(query)
        if accounts is None:
            return self._unreachable(habits, query["exchange_id"][-1])
        return _json([row for account in accounts for row in rows(account)])

    def _balances(self, query: Query, habits: RestHabits) -> RestAnswer:
        return self._groups("BALANCE_SNAPSHOT", query, habits, lambda account: account.balance_rows())

    def _positions(self, query: Query, habits: RestHabits) -> RestAnswer:
        def rows(account: Account) -> list[Row]:
            return [position_row(row) for row in account.position_rows()]

        return self._groups("POSITION_SNAPSHOT", query, habits, rows)

    def _status(self, client_id: str, habits: RestHabits) -> RestAnswer:
        accounts = [each for each in self._gateway.accounts.values() if each.is_present]
        found = find(
            [each.order_log for each in accounts if each.order_log is not None],
            client_id,
            now=self._gateway.queue.now,
            remembers=habits.remembers,
            first_used=habits.foreign_status,
        )
        if found is None:
            asked = _encode({"client_order_id": client_id}).decode()
            body = reject("ORDER_ID_NOT_FOUND", f"Order with ID: {client_id} not found", asked)
            return _rejected(404, body, habits)
        return _json(order_row(self._gateway.accounts[found.order.account].report_row(found), habits))

    def _history(self, query: Query, habits: RestHabits) -> RestAnswer:
        if not habits.history:
            return _json({"message": "The order log is not configured."}, status=400)
        given = {name: _moment(query.get(name, [""])[-1]) for name in ("time_start", "time_end")}
        first, last = given["time_start"], given["time_end"]
        if first is None or last is None:
            return _invalid({name: ["The value is not a time."] for name, at in given.items() if at is None})
        if last < first:
            return _invalid({"time_end": ["The end is before the start."]})
        shown = min(last, self._gateway.queue.now - ticks(habits.history_lag))
        found = [
            (learning, account)
            for account in self._gateway.accounts.values()
            if account.is_present and account.order_log is not None
            for learning in account.order_log.between(first, shown)
        ]
        found.sort(key=lambda pair: pair[0].at, reverse=habits.newest_first)
        return _json(
            [history_row(each.report_row(learnt.report), learnt, habits, self._apikey) for learnt, each in found]
        )

    def _unreachable(self, habits: RestHabits, account: str | None = None) -> RestAnswer:
        asked = "{}" if account is None else _encode({"exchange_id": account}).decode()
        body = reject("EXCHANGE_UNREACHABLE", "The exchange cannot be reached", asked, account)
        return _rejected(490, body, habits)

    # Delivery: delays and troubles.

    def _deliver(self, target: str, path: str, honest: RestAnswer, habits: RestHabits) -> RestAnswer:
        delay = self._dice.uniform(_MIN_LATENCY_SECONDS, max(habits.latency, _MIN_LATENCY_SECONDS))
        trouble, where = self._drawn(habits), self._dice.random()
        if habits.always is not None and habits.is_always(path):
            trouble = habits.always
        elif habits.bad_in_a_row is not None and self._bad.get(target, 0) >= habits.bad_in_a_row:
            trouble = None
        if trouble is None or trouble is Trouble.SLOW:
            self._bad.pop(target, None)
            return replace(honest, delay=delay if trouble is None else habits.slow_for)
        self._bad[target] = self._bad.get(target, 0) + 1
        return replace(self._spoilt(trouble, honest, where, habits), delay=delay)

    def _drawn(self, habits: RestHabits) -> Trouble | None:
        roll = self._dice.random()
        for trouble, share in habits.troubles.items():
            roll -= share
            if roll < 0:
                return trouble
        return None

    def _spoilt(self, trouble: Trouble, honest: RestAnswer, where: float, habits: RestHabits) -> RestAnswer:
        match trouble:
            case Trouble.UNREACHABLE:
                return self._unreachable(habits)
            case Trouble.TIMED_OUT:
                body = reject("EXCHANGE_RESPONSE_TIMEOUT", "The exchange did not answer in time", "{}")
                return _rejected(504, body, habits)
            case Trouble.THROTTLED:
                return plain_answer(429, "Too Many Requests", ("Retry-After", self._retry_after(habits)))
            case Trouble.FAILING:
                return plain_answer(500, "Internal Server Error")
            case Trouble.DOWN:
                return plain_answer(503, "Service Unavailable")
            case Trouble.CUT:
                return replace(honest, cut=int(len(honest.body) * where))
            case Trouble.PAGE:
                return RestAnswer(status=200, headers=(("Content-Type", _HTML),), body=_PAGE)
            case _:
                return replace(honest, hangs=True)

    def _retry_after(self, habits: RestHabits) -> str:
        if not habits.retry_after_date:
            return str(habits.retry_after)
        at = to_datetime(self._gateway.queue.now) + timedelta(seconds=habits.retry_after)
        return format_datetime(at, usegmt=True)


def _json(body: object, *, status: int = 200, content_type: str = _JSON) -> RestAnswer:
    return RestAnswer(status=status, headers=(("Content-Type", content_type),), body=_encode(body))


def _rejected(status: int, body: bytes, habits: RestHabits) -> RestAnswer:
    headers = (("Content-Type", _MISSPELT if habits.misspelt else _JSON),)
    return RestAnswer(status=status, headers=headers, body=body)


def _invalid(errors: Mapping[str, Sequence[str]]) -> RestAnswer:
    return _json(
        {
            "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
            "title": "One or more validation errors occurred.",
            "status": 400,
            "traceId": "00-00000000000000000000000000000001-0000000000000001-00",
            "errors": errors,
        },
        status=400,
        content_type="application/problem+json; charset=utf-8",
    )


def _moment(written: str) -> int | None:
    """Return a time in ticks; None if the text is not a time."""
    matched = _TIME.fullmatch(written)
    if matched is None:
        return None
    day, hour, minute, second, fraction = matched.groups()
    try:
        whole = datetime.fromisoformat(f"{day}T{hour or '00'}:{minute or '00'}:{second or '00'}").replace(tzinfo=UTC)
    except ValueError:
        return None
    return from_datetime(whole) + int((fraction or "").ljust(7, "0"))
