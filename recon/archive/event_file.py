"""Events as a Parquet file: each column of an event exactly, in row groups that are bounded in memory.

1. Times are microseconds in UTC, the content is its bytes, digests are 32 bytes.
2. `leaf` is the digest of the event by itself: with it the chain can be computed without the content.
3. The file says in its metadata, as `recon`, of which gateway it is and which events it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import pyarrow as pa
from pyarrow import parquet

from recon.errors import IntegrityError
from recon.log.stored_event import StoredEvent, leaf_of

#: Raised when a reader of the former version could misread a file.
VERSION: Final = 1
#: Most events and most bytes of content of one row group, unless a single event is larger.
GROUP_EVENTS: Final = 16_384
GROUP_BYTES: Final = 32 << 20
#: Events that are in memory at once while a file is read, beside the row group itself.
BATCH_EVENTS: Final = 1_000

_TIME: Final = pa.timestamp("us", tz="UTC")
_DIGEST: Final = pa.binary(32)
_SCHEMA: Final = pa.schema(
    [
        pa.field("gateway", pa.string(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("recorded_at", _TIME, nullable=False),
        pa.field("received_at", _TIME, nullable=False),
        pa.field("appended_at", _TIME),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("account", pa.string()),
        pa.field("session", pa.string()),
        pa.field("payload", pa.binary(), nullable=False),
        pa.field("redacted", pa.bool_(), nullable=False),
        pa.field("readable", pa.bool_(), nullable=False),
        pa.field("digest", _DIGEST, nullable=False),
        pa.field("leaf", _DIGEST, nullable=False),
    ]
)
#: Columns of an event, in the order of its fields.
_FIELDS: Final = [name for name in _SCHEMA.names if name not in {"gateway", "leaf"}]


def write_events(stream: BinaryIO, gateway: str, first_seq: int, events: Iterable[StoredEvent]) -> None:
    """Write the events of one gateway, the first of which is at `first_seq`."""
    about = {"format": "recon.archive", "version": VERSION, "gateway": gateway, "first_seq": first_seq}
    schema = _SCHEMA.with_metadata({"recon": msgspec.json.encode(about)})
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for group in _groups(events):
            writer.write_table(_table(schema, gateway, group), len(group))


def read_events(path: Path, gateway: str, *, after: int = 0) -> Iterator[list[StoredEvent]]:
    """Yield the events of a file after a position, in batches. Raise IntegrityError where it cannot be read so."""
    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            groups = _wanted_groups(file, after)
            for batch in file.iter_batches(BATCH_EVENTS, row_groups=groups, columns=[*_FIELDS, "gateway"]):
                if batch.column("gateway").unique().to_pylist() != [gateway]:
                    raise IntegrityError(f"{path} has events of another gateway than {gateway!r}")
                events = [event for event in _events(batch) if event.seq > after]
                if events:
                    yield events
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{path} is damaged: it is no file of archived events") from error
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror or 'it is no file of archived events'}") from None


def _groups(events: Iterable[StoredEvent]) -> Iterator[list[StoredEvent]]:
    group: list[StoredEvent] = []
    size = 0
    for event in events:
        if group and (len(group) >= GROUP_EVENTS or size + len(event.payload) > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(event)
        size += len(event.payload)
    if group:
        yield group


def _table(schema: pa.Schema, gateway: str, events: Sequence[StoredEvent]) -> pa.Table:
    columns = dict(zip(StoredEvent._fields, zip(*events, strict=True), strict=True))
    values: dict[str, Sequence[object]] = {
        "gateway": [gateway] * len(events),
        "recorded_at": columns["recorded_us"],
        "received_at": columns["received_us"],
        "appended_at": columns["appended_us"],
        "leaf": [leaf_of(event) for event in events],
    }
    arrays = [_array(field, values.get(field.name, columns.get(field.name, ()))) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(field: pa.Field, values: Sequence[object]) -> pa.Array:
    if field.type == _TIME:
        return pa.array(values, pa.int64()).cast(_TIME)
    return pa.array(values, field.type)


def _events(batch: pa.RecordBatch) -> list[StoredEvent]:
    columns = [batch.column(name) for name in _FIELDS]
    values = [each.cast(pa.int64()) if each.type == _TIME else each for each in columns]
    return [StoredEvent(*row) for row in zip(*(each.to_pylist() for each in values), strict=True)]


def _wanted_groups(file: parquet.ParquetFile, after: int) -> list[int]:
    """Return the row groups that may hold an event after a position, by what the file says of each."""
    place = file.schema_arrow.get_field_index("seq")
    if file.schema_arrow.names != _SCHEMA.names or file.schema_arrow.types != _SCHEMA.types:
        raise TypeError("another schema")
    found: list[int] = []
    for number in range(file.num_row_groups):
        statistics = file.metadata.row_group(number).column(place).statistics
        if statistics is None or statistics.max > after:
            found.append(number)
    return found
