"""What goes wrong with a child process, and what it may cost: one request, one second, no process left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from XAIReportLib.worker.client import WorkerClient
from XAIReportLib.worker.process import ChildProcess
from XAIReportLib.worker.protocol import Event

SCRIPT = Path(__file__).with_name("scripted_worker.py")
COMMAND = [sys.executable, str(SCRIPT)]
on_posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


def last(client: WorkerClient, request: str) -> Event:
    return list(client.events(request, 60))[-1]


def first_progress(client: WorkerClient, request: str) -> str:
    return next(event.data["message"] for event in client.events(request, 60) if event.type == "progress")


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return Path("/proc").is_dir() is False


def stderr_of(code: str) -> tuple[str, int]:
    """The last words of a child that runs this code, and the most bytes that it took here to hear them."""
    ended = threading.Event()
    tracemalloc.start()
    try:
        child = ChildProcess([sys.executable, "-c", code], os.environ, print, lambda _: None, ended.set)
        assert ended.wait(60)
        return child.last_words(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def ends(condition: Callable[[], bool], within_s: float = 20) -> bool:
    limit = time.monotonic() + within_s
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_request_that_heeds_no_cancel_is_killed_and_the_next_one_works() -> None:
    with WorkerClient(command=COMMAND) as client:
        request = client.submit("hang")
        first_progress(client, request)
        client.cancel(request)
        event = last(client, request)
        assert (event.type, event.data) == ("cancelled", {"worker_stopped": True})
        assert last(client, client.submit("echo", text="on")).data["echo"] == "on"


def test_a_waiting_request_can_be_cancelled_without_harm_to_the_one_at_work() -> None:
    with WorkerClient(command=COMMAND) as client:
        busy, waiting = client.submit("compute", seconds=1.0), client.submit("echo")
        client.cancel(waiting)
        assert last(client, waiting).type == "cancelled"
        assert last(client, busy).type == "result"


@on_posix
def test_what_the_child_had_started_ends_with_it() -> None:
    with WorkerClient(command=COMMAND) as client:
        request = client.submit("offspring")
        grandchild = int(first_progress(client, request))
        assert is_alive(grandchild)
        client.cancel(request)
        assert last(client, request).type == "cancelled"
        assert ends(lambda: not is_alive(grandchild))


def test_a_deadlock_is_silence_although_its_interpreter_lives() -> None:
    with WorkerClient(command=COMMAND, silence_timeout_s=2) as client:
        event = last(client, client.submit("hang"))
        assert event.type == "died"
        assert "no sign of life for 2 s" in event.data["message"]
        assert last(client, client.submit("echo")).type == "result"


def test_a_long_silent_computation_is_no_hang() -> None:
    with WorkerClient(command=COMMAND, silence_timeout_s=2) as client:
        assert last(client, client.submit("compute", seconds=6)).type == "result"


@on_posix
def test_time_in_which_nobody_could_listen_is_no_silence() -> None:
    keeping_pythons_lock = ctypes.PyDLL(None).usleep
    with WorkerClient(command=COMMAND, silence_timeout_s=1) as client:
        last(client, client.submit("echo"))
        request = client.submit("compute", seconds=7)
        for _ in range(3):  # as Slicer's window does while it computes
            time.sleep(0.2)
            keeping_pythons_lock(1_900_000)
        assert last(client, request).type == "result"


@on_posix
def test_a_stopped_process_is_taken_for_hung() -> None:
    with WorkerClient(command=COMMAND, silence_timeout_s=2) as client:
        pid = last(client, client.submit("echo")).data["pid"]
        request = client.submit("compute", seconds=60)
        os.kill(pid, signal.SIGSTOP)
        assert last(client, request).type == "died"
        assert ends(lambda: not is_alive(pid))


@on_posix
@pytest.mark.parametrize("wait_s", [0.0, 0.1, 0.4])
def test_a_killed_child_costs_its_request_only(wait_s: float) -> None:
    with WorkerClient(command=COMMAND) as client:
        pid = last(client, client.submit("echo")).data["pid"]
        lost, kept = client.submit("slow"), client.submit("echo", text="kept")
        time.sleep(wait_s)
        os.kill(pid, signal.SIGKILL)
        died, result = last(client, lost), last(client, kept)
        assert died.type == "died"
        assert "SIGKILL" in died.data["message"]
        assert died.data["returncode"] == -signal.SIGKILL
        assert result.data["echo"] == "kept"
        assert result.data["pid"] != pid


@on_posix
def test_an_idle_child_that_dies_is_reported_and_replaced() -> None:
    with WorkerClient(command=COMMAND) as client:
        os.kill(last(client, client.submit("echo")).data["pid"], signal.SIGKILL)
        assert ends(lambda: any(event.type == "died" and event.id == "" for event in client.poll()))
        assert last(client, client.submit("echo")).type == "result"


@pytest.mark.parametrize(("request_type", "name"), [("leave", "SystemExit"), ("unspeakable", "TypeError")])
def test_no_failure_goes_without_an_answer(request_type: str, name: str) -> None:
    with WorkerClient(command=COMMAND) as client:
        event = last(client, client.submit(request_type))
        assert (event.type, event.data["kind"]) == ("error", "internal")
        assert name in event.data["message"]
        assert last(client, client.submit("echo")).type == "result"


def test_another_version_of_the_protocol_is_refused_with_a_sentence() -> None:
    line = '{"protocol": 99, "id": "", "type": "ready", "data": {}}'
    with WorkerClient(command=[sys.executable, "-c", f"print({line!r}, flush=True); input()"]) as client:
        event = last(client, client.submit("echo"))
    assert event.type == "died"
    assert "protocol 99" in event.data["message"]


# Answers each request after a line of its own.
ODD = """
import json, sys
print('{"protocol": 1, "id": "", "type": "ready"}', flush=True)
for request in sys.stdin:
    id = json.loads(request)["id"]
    print(LINE.replace("ID", id), flush=True)
    print(json.dumps({"protocol": 1, "id": id, "type": "result", "data": {}}), flush=True)
"""


def said_by(line: str) -> list[Event]:
    with WorkerClient(command=[sys.executable, "-c", f"LINE = {line!r}\n{ODD}"], silence_timeout_s=20) as client:
        return list(client.events(client.submit("echo"), 60))


@pytest.mark.parametrize(
    "line",
    [
        '{"protocol": 1, "id": "ID", "type": "progress", "data": null}',
        '{"protocol": 1, "id": "ID", "type": "progress", "data": [1]}',
        '{"protocol": [1], "id": "ID", "type": "progress", "data": {}}',
        '{"protocol": 1, "id": {"ID": 1}, "type": "progress", "data": {}}',
        "[" * 100_000,
    ],
)
def test_a_line_that_is_not_understood_is_passed_over_and_the_request_goes_on(line: str) -> None:
    assert [event.type for event in said_by(line)] == ["result"]


def test_data_may_have_any_names() -> None:
    data = '{"type": "x", "request_id": 1, "self": 2}'
    event, _result = said_by(f'{{"protocol": 1, "id": "ID", "type": "progress", "data": {data}}}')
    assert (event.type, event.data) == ("progress", {"type": "x", "request_id": 1, "self": 2})


def test_of_a_progress_bar_that_never_ends_its_line_the_last_state_is_kept() -> None:
    """A bar of hours is many megabytes."""
    code = "import os\nfor _ in range(300): os.write(2, b'\\r 10% |####|' * 10_000)\nos.write(2, b'\\r 99% at the end')"
    tail, peak = stderr_of(code)
    assert tail == " 99% at the end"
    assert peak < 2_000_000


def test_of_a_line_without_end_the_beginning_is_kept() -> None:
    tail, peak = stderr_of("import os\nfor _ in range(300): os.write(2, b'x' * 100_000)\nos.write(2, b'\\nlast words')")
    assert tail == "x" * 2000 + "\nlast words"
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (r"10%\r20%\r\nnext\n", "20%\nnext"),
        (r"10%\r20%\r", "20%"),
        (r"10%\r   \r20%", "20%"),
        (r"\n \n\r\n", ""),
        ("é漢" * 3000, "é漢" * 1000),
    ],
)
def test_a_line_of_stderr_is_kept_as_it_is_shown(written: str, kept: str) -> None:
    assert stderr_of(f"import os; os.write(2, '{written}'.encode())")[0] == kept


def test_a_program_that_is_no_worker_is_a_sentence_with_its_last_words() -> None:
    with WorkerClient(command=[sys.executable, "-c", "raise SystemExit('no torch here')"]) as client:
        event = last(client, client.submit("echo"))
    assert (event.type, event.data["returncode"]) == ("died", 1)
    assert "no torch here" in event.data["details"]


def test_a_missing_interpreter_is_a_sentence(tmp_path: Path) -> None:
    with WorkerClient(python=tmp_path / "python") as client:
        one, two = client.submit("ping"), client.submit("ping")
        assert [last(client, r).type for r in (one, two)] == ["died", "died"]


def test_polling_never_waits_and_gives_everything_once() -> None:
    with WorkerClient(command=COMMAND) as client:
        assert client.poll() == []
        request = client.submit("echo")
        events: list[Event] = []
        assert ends(lambda: events.extend(client.poll()) or any(e.id == request and e.is_last for e in events))
        assert [e.type for e in events if e.id == request and e.type != "log"] == ["progress", "result"]
        assert client.poll() == []


def test_a_deadline_passes_and_the_request_can_still_be_cancelled() -> None:
    with WorkerClient(command=COMMAND) as client:
        request = client.submit("slow")
        with pytest.raises(TimeoutError):
            list(client.events(request, 0.5))
        client.cancel(request)
        assert last(client, request).type == "cancelled"


@on_posix
def test_closing_ends_everything_also_a_request_that_heeds_nothing() -> None:
    client = WorkerClient(command=COMMAND)
    pid = last(client, client.submit("echo")).data["pid"]
    active, waiting = client.submit("hang"), client.submit("echo")
    client.close()
    assert [last(client, r).type for r in (active, waiting)] == ["cancelled", "cancelled"]
    assert ends(lambda: not is_alive(pid))
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.submit("echo")


@on_posix
def test_the_child_does_not_outlive_a_client_that_was_killed() -> None:
    text = (
        "import time\nfrom XAIReportLib.worker.client import WorkerClient\n"
        f"client = WorkerClient(command={COMMAND!r})\n"
        "print(next(client.events(client.submit('slow'))).data, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert "started" in parent.stdout.readline()
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        if not children.exists():
            parent.kill()
            pytest.skip("this system does not list a process's children")
        every = [int(pid) for task in children.parents[1].iterdir() for pid in (task / "children").read_text().split()]
        parent.kill()
    assert every
    assert ends(lambda: not any(is_alive(pid) for pid in every))
