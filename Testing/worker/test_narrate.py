"""A language model in a worker: sentences arrive checked, it is stopped at once, and it never delays an analysis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from XAIReportLib.worker.client import WorkerClient

ROOT = Path(__file__).parents[1] / "report"
SERVER = ROOT / "language" / "scripted_server.py"
sys.path.insert(0, str(ROOT / "grounding"))

from cases import findings_of  # noqa: E402


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    log = tmp_path_factory.mktemp("server") / "log.jsonl"
    process = subprocess.Popen([sys.executable, str(SERVER), str(log)], stdout=subprocess.PIPE, text=True)
    yield int(process.stdout.readline())
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    (folder / "findings.json").write_text(findings_of("left glioma").to_json(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def worker():
    with WorkerClient() as client:
        yield client


def asked(client, port, case, fault):
    url = f"http://127.0.0.1:{port}/{fault}/v1"
    return client.submit("narrate", findings=str(case), narrator="openai", endpoint=url, model="m")


def test_sentences_come_checked_while_the_answer_arrives_and_the_narrative_at_its_end(worker, port, case):
    events = list(worker.events(asked(worker, port, case, "wrong"), 60))
    said = [e.data["sentence"] for e in events if e.type == "progress" and "sentence" in e.data]
    assert said[0] is None
    assert [s["text"] for s in said[1:]] == [
        "The model suggests glioma.",
        "The lesion measures 4.45 ml.",
        "The plane agreement is 1.00.",
    ]
    assert {s["outcome"] for s in said[1:]} == {"supported"}
    assert events[-1].type == "result"
    story = events[-1].data["narrative"]
    assert story["narrator"] == "openai"
    assert {s["outcome"] for s in story["sentences"]} == {"supported"}
    assert any("malignant" in s["text"] for s in story["left_out"])


def test_a_host_without_consent_is_refused_in_a_sentence(worker, case):
    request = worker.submit("narrate", findings=str(case), narrator="xai", model="grok")
    event = list(worker.events(request, 60))[-1]
    assert (event.type, event.data["kind"]) == ("error", "input")
    assert "api.x.ai is not on this machine" in event.data["message"]


def test_a_silent_server_is_waited_for_aloud_and_left_at_once_when_cancelled(worker, port, case):
    request = asked(worker, port, case, "silence")
    cancelled = False
    for event in worker.events(request, 60):
        if event.type == "progress" and "waiting for openai" in event.data["message"] and not cancelled:
            worker.cancel(request)
            cancelled = True
    assert (event.type, event.data) == ("cancelled", {"worker_stopped": False})


@pytest.mark.parametrize("fault", ["echo", "locked", "half"])
def test_a_key_is_in_no_event(port, case, fault):
    with WorkerClient(environment={**os.environ, "OPENAI_API_KEY": "sk-planted-4711"}) as client:
        events = list(client.events(asked(client, port, case, fault), 60))
    assert events[-1].type == "result"
    assert "sk-planted-4711" not in json.dumps([event.data for event in events])


def test_an_analysis_does_not_wait_for_a_language_model(worker, port, case):
    """The panel asks language models through a client of its own: the other one answers while a server is silent."""
    waiting = asked(worker, port, case, "silence")
    next(event for event in worker.events(waiting, 60) if event.type == "progress")
    with WorkerClient() as analyses:
        assert list(analyses.events(analyses.submit("ping"), 60))[-1].data["pong"]
        assert not any(event.is_last for event in worker.poll() if event.id == waiting)
    worker.cancel(waiting)
    list(worker.events(waiting, 60))


def test_a_child_that_only_asks_loads_no_network():
    """Another child for language costs little: neither torch nor the arrays of an analysis are in it."""
    program = (
        "import sys; from XAIReportLib.worker import server; from XAIReportLib.report import language_models, commands;"
        "print(sorted({'torch', 'torchvision', 'SimpleITK', 'matplotlib', 'nibabel'} & set(sys.modules)))"
    )
    library = str(Path(__file__).parents[2] / "XAIReport")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=library)
    assert done.stdout.strip() == "[]"
