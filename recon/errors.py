"""The one tree of errors.

    ReconError                      exit status
    ├── ConfigError                 2   the settings cannot be used as they are
    ├── DatabaseError               3   the database cannot be reached, or is not what we need
    │   ├── NotMigrated             3   the schema is missing or of another version
    │   ├── WrongRole               3   connected as a role that recon refuses to act as
    │   ├── DeadlineExceeded        3   a transaction took longer than its named bound
    │   └── EmbeddedPostgresError   3   the embedded server could not be started or stopped
    ├── LogError                    4   the event log refused or contradicts something
    │   ├── AppendRefused           4   a batch was out of order, or its time is far ahead
    │   ├── LeaseLost               4   another instance holds, or has taken, the gateway
    │   └── IntegrityError          4   `recon verify` found a digest that does not fit
    ├── GatewayError                5   a session with an EMS gateway failed
    │   ├── Unauthorised            5   the gateway refused our credentials
    │   ├── Restarted               5   another process speaks for an account in mid-session
    │   └── Overrun                 5   the buffer between socket and log is full
    ├── ProjectionError             6   the books cannot be folded, or differ on rebuild
    ├── DeliveryError               7   an alert could not be delivered
    ├── SimulationError             8   the simulator, or a demo's expectation, failed
    ├── ServiceError                9   the service did not stop cleanly within its bound
    └── DecisionRefused             10  a person's step is not allowed, or needs a second person

A message says what happened, to what, and what to do. Discrepancies in data are values, never errors. The exit
status is what the command line returns when the error reaches it; 1 is kept for `the answer is no` (a demo that
missed a fault) and 130 for an interrupt.
"""


class ReconError(Exception):
    """Anything that recon itself reports as failed; the message is meant for a person."""

    exit_status = 1


class ConfigError(ReconError):
    """The settings are missing, contradictory or name something that does not exist."""

    exit_status = 2


class DatabaseError(ReconError):
    """The database cannot be reached or is not what recon needs."""

    exit_status = 3
    #: Whether the same work may succeed if it is tried again: a connection lost, a restart, a deadlock.
    transient = False


class NotMigrated(DatabaseError):
    """The schema is missing or of another version; `recon migrate` mends it."""


class WrongRole(DatabaseError):
    """Connected as a role with too many or too few rights."""


class DeadlineExceeded(DatabaseError):
    """A transaction took longer than its bound and was cancelled."""

    transient = True


class EmbeddedPostgresError(DatabaseError):
    """The embedded server could not be initialised, started or stopped."""


class LogError(ReconError):
    """The event log refused something, or contradicts itself."""

    exit_status = 4


class AppendRefused(LogError):
    """The append function refused a batch."""


class LeaseLost(LogError):
    """The right to write a gateway's log is held by another instance."""


class IntegrityError(LogError):
    """A recomputed digest differs from the recorded one."""


class GatewayError(ReconError):
    """A session with an EMS gateway failed."""

    exit_status = 5


class Unauthorised(GatewayError):
    """The gateway refused our credentials."""


class Restarted(GatewayError):
    """Another process speaks for an account in the middle of a session; only a new session tells what it holds."""


class Overrun(GatewayError):
    """The bounded buffer between the socket and the log is full."""


class ProjectionError(ReconError):
    """The books cannot be folded, or a rebuild gave other books."""

    exit_status = 6


class DeliveryError(ReconError):
    """An alert could not be delivered."""

    exit_status = 7
    #: Whether only a person can mend it (a wrong address, a refused signature): tried again, but slowly.
    slow = False
    #: Seconds that the receiver asked to be left alone.
    retry_after: float | None = None


class SimulationError(ReconError):
    """The simulator failed, or what it planted was not found."""

    exit_status = 8


class ServiceError(ReconError):
    """The service did not stop cleanly: not within its bound, or with frames in hand that were not appended."""

    exit_status = 9


class DecisionRefused(ReconError):
    """A person's step was refused: the life of a break does not allow it, or it needs another login (semantics 10)."""

    exit_status = 10
