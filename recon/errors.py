"""The one tree of errors.

    ReconError                      exit status
    ├── ConfigError                 2   the settings cannot be used
    ├── DocumentRefused             2   rules, a decision, a fact or a case cannot be read, or are beyond their bounds
    ├── DatabaseError               3   the database cannot be reached or used
    │   ├── NotMigrated             3   the schema is missing or of another version
    │   ├── WrongRole               3   connected as a role that recon refuses to act as
    │   ├── DeadlineExceeded        3   a transaction took longer than its bound
    │   └── EmbeddedPostgresError   3   the embedded server could not be started or stopped
    ├── LogError                    4   the event log refused an event or contradicts itself
    │   ├── AppendRefused           4   a batch was out of order, or its time is far ahead
    │   ├── LeaseLost               4   another instance has taken over the gateway
    │   └── IntegrityError          4   `recon verify` found a digest that does not fit
    ├── GatewayError                5   a session with an EMS gateway failed
    │   ├── Unauthorised            5   the gateway refused our credentials
    │   ├── Restarted               5   another process took over an account during a session
    │   └── Overrun                 5   the buffer between socket and log is full
    ├── VenueError                  5   a venue that recon asks itself gave no answer
    ├── ProjectionError             6   the books cannot be folded, or a rebuild gives other books
    ├── DeliveryError               7   an alert could not be delivered
    ├── SimulationError             8   the simulator, or a demo's expectation, failed
    ├── ServiceError                9   the service did not stop cleanly within its bound
    ├── DecisionRefused             10  a decision is not allowed, or needs a second person
    ├── LoginRefused                10  who asks over HTTP is not known, or is no person
    ├── NotCurrent                  3   what had to be current is not: recon does not see everything now
    ├── BackupError                 12  there is no backup, it is damaged, or it cannot be made
    └── OutputError                 74  standard output cannot be written
        └── ReaderGone              141 the reader of standard output has gone

A message says what happened, to what, and what to do. Discrepancies in data are values, never errors. The command
line exits with the error's status; 1 is reserved for a negative answer (a demo that missed a fault), 11 for state that
was shown and is not current, and 130 for an interrupt.
"""

from __future__ import annotations


class ReconError(Exception):
    """Any failure that recon reports; the message is for a person."""

    exit_status = 1


class ConfigError(ReconError):
    """The settings are missing or contradictory, or name something that does not exist."""

    exit_status = 2


class DocumentRefused(ReconError):
    """Rules, a decision, a fact or a case cannot be read, or are beyond their bounds; the text is the problem."""

    exit_status = 2


class DatabaseError(ReconError):
    """The database cannot be reached or used."""

    exit_status = 3
    #: True if another attempt may succeed: after a lost connection, a restart, a deadlock.
    transient = False
    #: In plain words why the database refused the content of a row; None if it failed for another reason.
    refusal: str | None = None


class NotMigrated(DatabaseError):
    """The schema is missing or of another version; run `recon migrate`."""


class WrongRole(DatabaseError):
    """The role has too many or too few rights."""


class DeadlineExceeded(DatabaseError):
    """A transaction took longer than its bound and was cancelled."""

    transient = True


class EmbeddedPostgresError(DatabaseError):
    """The embedded server could not be initialised, started or stopped."""


class LogError(ReconError):
    """The event log refused an event, or contradicts itself."""

    exit_status = 4


class AppendRefused(LogError):
    """The append function refused a batch."""


class LeaseLost(LogError):
    """Another instance has the lease of a gateway's log."""


class IntegrityError(LogError):
    """A recomputed digest differs from the recorded one."""


class TimeStampRefused(ReconError):
    """A time-stamping authority gave no answer, or one that its certificates do not bear out."""


class GatewayError(ReconError):
    """A session with an EMS gateway failed."""

    exit_status = 5


class Unauthorised(GatewayError):
    """The gateway refused our credentials."""


class Restarted(GatewayError):
    """Another process took over an account during a session; only a new session reads its balances."""


class Overrun(GatewayError):
    """The bounded buffer between the socket and the log is full."""


class VenueError(ReconError):
    """A venue that recon asks itself gave no answer, or one that cannot be used."""

    exit_status = 5
    #: True if the same question may be answered soon.
    transient = False

    @classmethod
    def passing(cls, message: str) -> VenueError:
        """Return an error that may pass by itself."""
        error = cls(message)
        error.transient = True
        return error


class ProjectionError(ReconError):
    """The books cannot be folded, or a rebuild gave other books."""

    exit_status = 6


class DeliveryError(ReconError):
    """An alert could not be delivered."""

    exit_status = 7
    #: True if only a person can repair it (a wrong address, a refused signature): retry slowly.
    slow = False
    #: The delay that the receiver requests, in seconds.
    retry_after: float | None = None
    #: True if the receiver says that it is gone for good: nothing is sent to it any more until a person acts.
    gone = False


class SimulationError(ReconError):
    """The simulator failed, or recon missed a planted fault."""

    exit_status = 8


class ServiceError(ReconError):
    """The service did not stop within its bound, or could not append all received events."""

    exit_status = 9


class DecisionRefused(ReconError):
    """The lifecycle of the break does not allow the decision, or it needs another login (semantics 10)."""

    exit_status = 10


class LoginRefused(ReconError):
    """Who asks over HTTP is not known by this login and password or token, or the login is not a person's own."""

    exit_status = 10


class NotCurrent(ReconError):
    """What had to be current is not: a gateway is not recorded, connected or folded, or an account not covered."""

    exit_status = 3


class BackupError(ReconError):
    """There is no backup, it is damaged, or it cannot be made or restored."""

    exit_status = 12


class OutputError(ReconError):
    """Standard output cannot be written, such as onto a full disk."""

    exit_status = 74


class ReaderGone(OutputError):
    """The reader of standard output has gone; there is nobody to tell, so it has no text (128 + SIGPIPE)."""

    exit_status = 141
