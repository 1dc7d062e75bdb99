"""Timestamps between protobuf and datetime, to the microsecond, without losing range checks."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(stamp: Timestamp) -> datetime:
    """The instant in UTC; parts smaller than a microsecond are cut off.

    Raises OverflowError beyond year 9999 or before year 1.
    """
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def to_timestamp(instant: datetime) -> Timestamp:
    """The instant as protobuf has it."""
    since = instant - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)
