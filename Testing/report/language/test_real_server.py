"""A real OpenAI-compatible server in another process: llama-cpp-python with a tiny model that speaks schema-valid nonsense."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import tiny_server
from cases import findings_of
from XAIReportLib.report import answers, language_models, narrative, outbound
from XAIReportLib.report.chat import ask
from XAIReportLib.report.language_models import Choice
from XAIReportLib.report.servers import Server, server
from XAIReportLib.results import Cancelled
from XAIReportLib.worker.client import WorkerClient

MISSING = tiny_server.missing()
pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"{', '.join(MISSING)} not installed; scripts/test.py builds the server where there is a C++ compiler",
)
FOUND = findings_of("left glioma")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tiny_server.running(tmp_path_factory.mktemp("model")) as address:
        yield address


@pytest.fixture
def at(url: str) -> Server:
    return server("llama.cpp", url, "tiny")


def test_it_refuses_json_schema_with_500_and_follows_a_json_object_with_a_schema(at):
    answer = ask(at, outbound.question(FOUND))
    assert answer.dialect == "json_object"
    (item,) = json.loads(answer.text)["sentences"]
    assert set(item) == {"text", "section", "evidence"}
    assert answers.is_sentence(item)


def test_its_answer_arrives_word_by_word(at):
    heard: list[str] = []

    class Ear:
        def begin(self) -> None:
            heard.clear()

        def add(self, text: str) -> None:
            heard.append(text)

    answer = ask(at, outbound.question(FOUND), Ear())
    assert len(heard) > 20
    assert "".join(heard) == answer.text


@pytest.mark.parametrize("case", ["left glioma", "two lesions", "picture", "no lesion"])
def test_nothing_of_its_nonsense_is_shown_as_supported(url, case):
    found = findings_of(case)
    said: list[narrative.Sentence | None] = []
    story = language_models.narrate(found, Choice("llama.cpp", "tiny", url), said.append)
    assert set(said) == {None}
    assert story.sentences == narrative.told(found).sentences
    assert story.narrator == "template"
    assert len(story.left_out) == 2
    assert all("bilateral" in s.text and s.outcome in ("contradicted", "unsupported") for s in story.left_out)
    assert "No sentence of the answer is held by the findings." in story.notes


def test_an_interface_that_it_does_not_have_is_said_to_be_refused(url):
    story = language_models.narrate(FOUND, Choice("llama.cpp", "tiny", url, "responses"))
    assert story.narrator == "template"
    assert "127.0.0.1 refused the request (HTTP 404); check --model tiny." in story.notes


def test_its_answer_is_kept_and_scored_again_without_it(url, tmp_path):
    file = tmp_path / "answers.jsonl"
    first = language_models.narrate(FOUND, Choice("llama.cpp", "tiny", url, store=file))
    again = language_models.narrate(FOUND, Choice("replay", replay=file))
    assert again.left_out == first.left_out


def test_it_can_be_left_in_the_middle_of_a_word(at):
    heard: list[str] = []

    class Ear:
        def begin(self) -> None:
            pass

        def add(self, text: str) -> None:
            heard.append(text)

    with pytest.raises(Cancelled):
        ask(at, outbound.question(FOUND), Ear(), cancelled=lambda: bool(heard))
    assert ask(at, outbound.question(FOUND)).text  # the server is free again


def test_through_the_worker(url, tmp_path):
    (tmp_path / "findings.json").write_text(FOUND.to_json(), encoding="utf-8")
    with WorkerClient() as client:
        request = client.submit("narrate", findings=str(tmp_path), narrator="llama.cpp", endpoint=url, model="tiny")
        event = list(client.events(request, 120))[-1]
    assert event.type == "result", event.data
    assert event.data["narrative"]["narrator"] == "template"
    assert len(event.data["narrative"]["left_out"]) == 2
