"""The real service as a process, a flood of frames for it, and the checks of its log and ledger."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import psycopg
from websockets.sync.server import ServerConnection

from recon.db.engine import create_engine, libpq_url
from recon.log.events import Head
from recon.log.verify import verify
from recon.simulator.load import rendered_load
from tests.support.wire_messages import encoded
from tests.support.ws_servers import Gateway as Server
from tests.support.ws_servers import gateway as served

#: Deadline of a wait in seconds; it limits hanging, not speed.
PATIENCE = 150.0
#: Characters of a service's log that are shown where its test fails.
SHOWN_CHARS = 20_000
GATEWAY = "g"
#: Frames per burst of the flood, and frames per second.
CHUNK = 40
RATE = 2500


def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Poll a condition until it is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        threading.Event().wait(0.05)


def told_by(pids: Iterable[int]) -> list[bytes]:
    """Return what the system shows of processes: their command lines and environments; nothing of one that ended."""
    told = []
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            told += [Path(f"/proc/{pid}/{file}").read_bytes() for file in ("cmdline", "environ")]
    return told


class Flood:
    """A gateway that sends a pre-rendered load; a new session gets the snapshots and the remaining frames."""

    def __init__(self, orders: int) -> None:
        self.frames = [frame.decode() for frame in rendered_load(orders, 4, 7)]
        updates = (n for n, frame in enumerate(self.frames) if "ORDER_EXEC_REPORT_UPDATE" in frame)
        self._snapshots = next(updates)
        self._next = self._snapshots
        self._guard = threading.Lock()
        self.sessions = 0
        #: No more frames than these are sent; heartbeats go on.
        self.allowed = len(self.frames)
        self._muted = False

    def mute(self, *, muted: bool = True) -> None:
        """Send no more heartbeats, with the session open, or send them again."""
        self._muted = muted

    def allow(self, share: float) -> None:
        """Have a share of all frames sent, and then heartbeats alone."""
        self.allowed = max(self._snapshots, round(share * len(self.frames)))

    @property
    def sent(self) -> int:
        return self._next

    @property
    def held(self) -> bool:
        """True if all that is allowed was sent."""
        return self._next >= self.allowed

    @property
    def over(self) -> bool:
        return self._next >= len(self.frames)

    def script(self, server: Server, session: ServerConnection) -> None:
        with self._guard:
            self.sessions += 1
            number = self.sessions
        for frame in self.frames[: self._snapshots]:
            session.send(frame)
        # The same instance_guid throughout: another one would make the service reconnect.
        beats = [json.loads(frame) | {"server_name": "END"} for frame in self.frames if '"SERVER_INFO"' in frame]
        while not server.over.wait(0.5 if self.held else CHUNK / RATE):
            if self.held:
                for beat in [] if self._muted else beats:
                    session.send(encoded(beat).decode())
                continue
            with self._guard:
                if number < self.sessions:
                    return  # An ended session that wakes late would send frames to nobody.
                chunk = self.frames[self._next : min(self._next + CHUNK, self.allowed)]
                self._next += len(chunk)
            for frame in chunk:
                session.send(frame)


@contextmanager
def flooding(orders: int, port: int = 0) -> Iterator[tuple[Flood, str]]:
    flood = Flood(orders)
    with served(flood.script, port=port) as server:
        yield flood, server.url


class Service:
    """`python -m recon.service` as a separate process."""

    def __init__(
        self,
        directory: Path,
        settings: dict[str, object],
        name: str = "service",
        log_format: str = "json",
        *,
        code: Path | None = None,
    ) -> None:
        """`code` is a checkout of another version, which is run instead of this one."""
        self._code = code
        self._directory = directory
        self._settings = settings
        self._log_format = log_format
        self._log = directory / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """Return the variables that hold its settings, and those of this process."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RECON_")}
        sections = ("webhooks", "commands", "apprise", "alert_logs", "alertmanager", "pagerduty", "web", "monitoring")
        for section in ("gateways", "accounts", "alerts", *sections):
            if section in self._settings:
                environment[f"RECON_{section.upper()}"] = json.dumps(self._settings[section])
        database = self._settings["database"]
        assert isinstance(database, dict)
        environment |= {f"RECON_DATABASE__{key.upper()}": str(value) for key, value in database.items()}
        backup = self._settings.get("backup", {})
        assert isinstance(backup, dict)
        environment |= {f"RECON_BACKUP__{key.upper()}": str(value) for key, value in backup.items()}
        chosen = self._settings.get("service", {})
        assert isinstance(chosen, dict)
        environment |= {f"RECON_SERVICE__{key.upper()}": str(value) for key, value in chosen.items()}
        if self._code is not None:
            environment["PYTHONPATH"] = str(self._code)
        environment.setdefault("RECON_SERVICE__SHUTDOWN_SECONDS", "10")
        return environment | {"RECON_LOG__LEVEL": "debug", "RECON_LOG__FORMAT": self._log_format}

    def start(self) -> None:
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "recon.service"], stderr=output, env=self.environment(), cwd=self._directory
            )
        served_before = self.log_count("serving")
        until(lambda: self.log_count("serving") > served_before or self._ended())
        assert not self._ended(), self.output()

    def log_count(self, event: str) -> int:
        """Return the number of its log lines with this event."""
        mark = f'"event": "{event}"' if self._log_format == "json" else f"] {event} "
        return self.output().count(mark)

    def output(self) -> str:
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def command(self, *arguments: str, status: int = 0) -> str:
        """Run a command with the same settings, which must end with `status`; return all that it says."""
        done = self._run(*arguments)
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    def says(self, command: str, status: int, *texts: str) -> bool:
        """True if a command ends with `status` now, and says all these texts."""
        done = self._run(command)
        return done.returncode == status and all(text in done.stdout + done.stderr for text in texts)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "recon.cli", *arguments],
            env=self.environment(),
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Request a stop and return the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Stop the process before the test's directory is removed; first gently, so that its database stops too."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


@contextmanager
def running(service: Service) -> Iterator[Service]:
    service.start()
    try:
        yield service
    except BaseException:
        sys.stderr.write(service.output()[-SHOWN_CHARS:])  # pytest shows it with the failure
        raise
    finally:
        service.end()


class LogReader:
    """Reads the database from outside, as the service role."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, query: str, *values: str | int) -> list[tuple[object, ...]]:
        """Return rows; none while the database is unreachable."""
        try:
            with psycopg.connect(libpq_url(self._url), connect_timeout=2) as raw:
                return raw.execute(query, values or None).fetchall()
        except psycopg.OperationalError:
            return []

    def head(self) -> int:
        rows = self.ask("SELECT coalesce(max(seq), 0) FROM recon_store.log_events")
        return int(str(rows[0][0])) if rows else 0

    def folded(self) -> int:
        rows = self.ask("SELECT seq FROM recon_store.editions WHERE state = 'current'")
        return int(str(rows[0][0])) if rows else 0

    def frames(self) -> list[str]:
        """Return the frames of the log in order, without our own events and the last heartbeat."""
        own = "('rules', 'tick', 'session.opened', 'session.closed', 'session.failed')"
        rows = self.ask(f"SELECT payload FROM recon_store.log_events WHERE kind NOT IN {own} ORDER BY seq")  # noqa: S608 - our own
        texts = [payload.decode() for (payload,) in rows if isinstance(payload, bytes)]
        return [text for text in texts if '"END"' not in text]

    def verified(self, against: Head | None = None) -> Head:
        """Verify the whole chain and return its head."""
        engine = create_engine(self._url, "witness", pooled=False)
        with engine.connect() as connection:
            return verify(connection, GATEWAY, against=against)


def check_books(reader: LogReader) -> int:
    """Check that the log is contiguous and counts every fill once; return the number of filled orders."""
    until(lambda: reader.folded() == reader.head() > 0)
    seqs = reader.ask("SELECT count(*), min(seq), max(seq) FROM recon_store.log_events")
    assert seqs[0][0] == seqs[0][2]
    assert seqs[0][1] == 1
    first: dict[tuple[str, str], Decimal] = {}
    furthest: dict[tuple[str, str], Decimal] = {}
    for text in reader.frames():
        if "ORDER_EXEC_REPORT_UPDATE" in text:
            report = json.loads(text, parse_float=Decimal, parse_int=Decimal)
            row = report["data"][0] if "data" in report else report
            key = (report["exchange_id"], row["client_order_id"])
            first.setdefault(key, row["amount_filled"])
            furthest[key] = max(furthest.get(key, Decimal(0)), row["amount_filled"])
    edition = "JOIN recon_store.editions AS e USING (gateway, edition)"
    orders = reader.ask(
        f"SELECT account, client_order_id, amount_filled FROM recon_store.orders {edition} WHERE e.state = 'current'"  # noqa: S608
    )
    assert {(account, order): filled for account, order, filled in orders} == furthest
    booked = reader.ask(
        f"SELECT o.account, o.client_order_id, sum(f.amount) FROM recon_store.orders AS o {edition}"  # noqa: S608
        " JOIN recon_store.fills AS f USING (gateway, edition, account, order_key)"
        " WHERE e.state = 'current' GROUP BY 1, 2"
    )
    # The load's stamps are old, so the fills of the first report precede the opening (semantics 4.4).
    filled = {key: amount - first[key] for key, amount in furthest.items() if amount > first[key]}
    assert {(account, order): amount for account, order, amount in booked} == filled
    return len(filled)
