"""A real child process: what it says arrives, what it does wrong costs one request."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from XAIReportLib.worker.client import WorkerClient

SCRIPT = Path(__file__).with_name("scripted_worker.py")


@pytest.fixture
def worker() -> Iterator[WorkerClient]:
    with WorkerClient(command=[sys.executable, str(SCRIPT)], silence_timeout_s=20) as client:
        yield client


def last(client: WorkerClient, request: str) -> object:
    return list(client.events(request, 60))[-1]


def test_progress_and_result_arrive_whatever_is_printed(worker: WorkerClient) -> None:
    text = "ü\n\u2028" + "x" * 300_000
    events = list(worker.events(worker.submit("echo", text=text), 60))
    assert [e.data["message"] for e in events if e.type == "progress"] == ["half way é漢"]
    assert events[-1].type == "result"
    assert events[-1].data["echo"] == text


def test_two_requests_are_answered_in_order_by_one_child(worker: WorkerClient) -> None:
    first, second = worker.submit("echo", text="1"), worker.submit("echo", text="2")
    one, two = last(worker, first), last(worker, second)
    assert (one.data["echo"], two.data["echo"]) == ("1", "2")
    assert one.data["pid"] == two.data["pid"]


def test_cancel_is_co_operative_and_the_child_stays_warm(worker: WorkerClient) -> None:
    before = last(worker, worker.submit("echo")).data["pid"]
    request = worker.submit("slow")
    for event in worker.events(request, 60):
        if event.type == "progress":
            worker.cancel(request)
    assert event.type == "cancelled"
    assert last(worker, worker.submit("echo")).data["pid"] == before


def test_the_death_of_the_child_is_an_event_and_the_next_request_gets_a_new_one(worker: WorkerClient) -> None:
    event = last(worker, worker.submit("die"))
    assert event.type == "died"
    assert "last words" in event.data["details"]
    assert last(worker, worker.submit("echo", text="again")).data["echo"] == "again"


def test_bad_input_is_a_sentence_and_a_defect_has_details(worker: WorkerClient) -> None:
    refused, failed = last(worker, worker.submit("refuse")), last(worker, worker.submit("fail"))
    assert (refused.type, refused.data["kind"]) == ("error", "input")
    assert refused.data["message"] == "scan.nii.gz is empty; copy it again."
    assert failed.data["kind"] == "internal"
    assert failed.data["message"] == "The request fail failed (ZeroDivisionError: a defect)."
    assert "ZeroDivisionError" in failed.data["details"]


def test_whoever_waits_is_back_in_python_twice_a_second(worker: WorkerClient) -> None:
    """Windows hears Ctrl-C nowhere else."""
    wait, waits = worker._news.wait, []
    worker._news.wait = lambda seconds=None: waits.append(seconds) or wait(seconds)
    last(worker, worker.submit("echo"))
    with pytest.raises(TimeoutError):
        list(worker.events(worker.submit("slow"), 0.8))
    assert waits and all(seconds is not None and 0 < seconds <= 0.5 for seconds in waits)


def test_an_unknown_request_is_refused(worker: WorkerClient) -> None:
    assert "it was asked for juggle" in last(worker, worker.submit("juggle")).data["message"]


def test_a_worker_that_is_stuck_is_stopped() -> None:
    stuck = 'import sys,time\nprint(\'{"protocol":1,"id":"","type":"ready","data":{}}\',flush=True)\ntime.sleep(60)'
    with WorkerClient(command=[sys.executable, "-c", stuck], silence_timeout_s=1.5) as client:
        event = last(client, client.submit("echo"))
    assert event.type == "died"
    assert "no sign of life" in event.data["message"]


def test_the_child_ends_when_its_input_does() -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert b'"ready"' in done.stdout
    assert time.monotonic() - began < 60


def test_the_real_worker_answers() -> None:
    with WorkerClient() as client:
        assert last(client, client.submit("ping")).data["pong"] is True
        missing = last(client, client.submit("analyze", source="nowhere.nii.gz", output="unused", case_id="x"))
    assert missing.type == "error"
    assert missing.data["kind"] == "input"
