"""A file that breaks off on its way is seen to have broken off by whoever reads it, over HTTP as over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from scoreline.client import Client
from scoreline.client.errors import Unavailable
from stack import Stack
from tests.support.eventually import eventually
from tests.support.projects import TestProject

LEADS = 500
TEXT = "x" * 30_000
"""Together far more than all that lies between the database and the reader takes."""


@pytest.fixture
def large(http: httpx.Client, beside: ThreadPoolExecutor) -> httpx.Client:
    """A project with a large export."""

    def make(number: int) -> None:
        lead = {"lead_id": f"lead-{number:04}", "attributes": {"text": TEXT}}
        http.post("/v1/leads", json=lead).raise_for_status()

    list(beside.map(make, range(LEADS)))
    return http


def end_export(suite: Stack) -> None:
    """Take the export's connection to the database from it."""

    def ended() -> bool:
        with psycopg.connect(suite.superuser_url, autocommit=True) as database:
            found = database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE '%exported_leads%' AND pid <> pg_backend_pid()"
            )
            return bool(found.fetchall())

    eventually(ended)


def read(pieces: Iterator[bytes], meanwhile: Callable[[], None]) -> int:
    """Bytes of all pieces; something happens after the first."""
    size = len(next(pieces))
    meanwhile()
    return size + sum(map(len, pieces))


@pytest.mark.parametrize("form", ["CSV", "NDJSON"])
def test_over_http_the_response_breaks_off_too(
    suite: Stack, large: httpx.Client, form: str
) -> None:
    params = {"format": f"EXPORT_FORMAT_{form}"}
    with large.stream("GET", "/v1/leads:export", params=params) as answer:
        assert (answer.status_code, answer.headers["x-lead-count"]) == (200, str(LEADS))
        assert read(answer.iter_bytes(), lambda: None) > LEADS * len(TEXT)
    with large.stream("GET", "/v1/leads:export", params=params) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            read(answer.iter_bytes(), lambda: end_export(suite))


def test_over_grpc_the_status_says_why(
    suite: Stack, large: httpx.Client, project: TestProject
) -> None:
    with Client(suite.grpc_target, api_key=project.api_key) as client:
        with pytest.raises(Unavailable, match="the database can't be reached") as failed:
            read(client.leads.export("csv"), lambda: end_export(suite))
        assert failed.value.request_id
        assert read(client.leads.export("csv"), lambda: None) > LEADS * len(TEXT)
