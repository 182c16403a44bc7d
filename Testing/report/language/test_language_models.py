"""A language model may fail in any way: the text is still there, checked, and says what happened. Against a real server."""

from __future__ import annotations

import email.utils
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cases import findings_of
from XAIReportLib import __main__ as command_line
from XAIReportLib.case import InputError
from XAIReportLib.report import answers, language_models, narrative, outbound, prices, stream
from XAIReportLib.report.chat import ChatError, ask
from XAIReportLib.report.language_models import Choice
from XAIReportLib.report.servers import Server, server
from XAIReportLib.results import Cancelled

FOUND = findings_of("left glioma")
QUESTION = outbound.question(FOUND)


def asking(at: Server) -> answers.Asker:
    return lambda question, listener: ask(at, question, listener)


def written(at: Server, findings=FOUND, said=None) -> narrative.Narrative:
    return language_models.write(findings, "openai", asking(at), said)


def by_the_model(story: narrative.Narrative, section: str) -> list[str]:
    return [s.text for s in story.of_section(section) if s.narrator != "template"]


class Heard:
    """A Listener that keeps what it hears."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def begin(self) -> None:
        self.parts = []

    def add(self, text: str) -> None:
        self.parts.append(text)


FAULTS = {
    "silence": "was silent for 0.5 s",
    "stall": "was silent for 0.5 s",
    "half": "the answer broke off",
    "reset": "the connection broke",
    "full": "HTTP 429",
    "later": "asks to wait for 3600 s",
    "superscript": "HTTP 429",
    "broken": "HTTP 503",
    "ailing": "HTTP 500",
    "form": "not the JSON document",
    "text": "not the JSON document",
    "page": "no chat answer",
    "deep": "no chat answer",
    "deepstream": "no chat answer",
    "cut": "cut off at its length limit",
    "large": "more than 4000 kB",
    "bomb": "a compressed answer",
    "absent": "check --model m",
    "locked": "refused the key",
    "elsewhere": "a redirection (HTTP 307), which was not followed",
    "nonsense": "No sentence of the answer is held by the findings",
}
GIVEN_UP = {
    *(
        "silence",
        "stall",
        "half",
        "reset",
        "full",
        "later",
        "superscript",
        "broken",
        "ailing",
        "absent",
        "locked",
        "elsewhere",
    )
}
# Requests in all: a form that is refused by an error is left out first.
ASKED = {"broken": 3, "full": 3, "ailing": 5, "locked": 1, "elsewhere": 1, "later": 1}


@pytest.mark.parametrize("interface", ["chat", "responses"])
@pytest.mark.parametrize(("fault", "said"), FAULTS.items())
def test_after_a_fault_the_text_is_the_templates_and_says_why(scripted, fault, said, interface):
    if interface == "responses" and fault in ("page", "cut"):
        pytest.skip("the scripted answer is one of the chat interface")
    limits = {"silence": {"silence_s": 0.5}, "stall": {"silence_s": 0.5}}
    story = written(scripted.at(fault, interface, **limits.get(fault, {})))
    assert story.sentences == narrative.told(FOUND).sentences
    assert story.narrator == "template"
    assert any(said in note for note in story.notes), story.notes
    assert story.notes[-1] == "The text is the template's."
    # Two failures, then the template; what was given up is not asked a second time.
    assert len(story.notes) == (2 if fault in GIVEN_UP else 3)


@pytest.mark.parametrize(("fault", "times"), ASKED.items())
def test_findings_are_not_sent_oftener_than_is_said(scripted, fault, times):
    before = len(scripted.all_sent(fault))
    written(scripted.at(fault))
    assert len(scripted.all_sent(fault)) - before == times


def test_of_an_answer_that_does_not_end_so_many_sentences_are_read(scripted):
    story = written(scripted.at("ramble"))
    assert len([left for left in story.left_out if "It was not read" in left.why]) == 400 - 60
    assert story.narrator == "openai"


def test_a_redirection_is_not_followed_to_another_host(scripted):
    written(scripted.at("elsewhere"))
    assert not scripted.all_sent("trap")


def test_a_tls_failure_is_said_to_be_one(scripted):
    at = server("openai", f"https://127.0.0.1:{scripted.port}/good/v1", "m")
    story = written(at)
    assert "TLS failed" in story.notes[0]
    assert story.narrator == "template"


def test_no_server_at_all():
    story = written(server("llama.cpp", "http://127.0.0.1:9/v1", "m"))
    assert "is the server running?" in story.notes[0]


@pytest.mark.parametrize("interface", ["chat", "responses"])
def test_supported_sentences_stand_and_every_section_is_filled(scripted, interface):
    story = written(scripted.at("good", interface))
    assert (story.narrator, story.model_requested, story.model_returned) == ("openai", "m", "m")
    assert by_the_model(story, "impression") == ["The model suggests glioma with a score of 0.89."]
    (found,) = [s for s in story.of_section("findings") if s.narrator != "template"]
    assert found.evidence == ("/lesions/0/side", "/lesions/0/volume_ml")
    template = narrative.write(FOUND)
    for section in ("technique", "anatomy", "confidence", "limits"):
        assert [s.text for s in story.of_section(section)] == [s.text for s in template.of_section(section)]
    assert {s.outcome for s in story.sentences} == {"supported"}


def test_a_contradicted_sentence_gives_its_section_back_to_the_template(scripted):
    story = written(scripted.at("wrong"))
    template = narrative.write(FOUND)
    assert [s.text for s in story.of_section("findings")] == [s.text for s in template.of_section("findings")]
    assert by_the_model(story, "confidence") == ["The plane agreement is 1.00."]
    assert by_the_model(story, "impression") == ["The model suggests glioma."]
    assert {(s.text, s.outcome) for s in story.left_out} == {
        ("It is a malignant tumour.", "unsupported"),
        ("The lesion lies on the right.", "contradicted"),
    }
    assert not any("malignant" in s.text for s in story.sentences)


def test_a_sentence_that_cites_nothing_or_a_place_that_is_not_there_is_left_out_and_says_so(scripted):
    story = written(scripted.at("uncited"))
    assert by_the_model(story, "impression") == ["The model suggests glioma."]
    why = {s.text: s.why for s in story.left_out}
    assert why == {
        "The lesion measures 4.45 ml.": "It cites /lesions/7/volume_ml, which is no place in the findings that were given.",
        "The lesion lies on the left.": "It does not say what it rests on.",
        "The plane agreement is 1.00.": "It cites nothing in particular, which is no place in the findings that were given.",
        "The model suggests glioma with a score of 0.89.": "It cites /case_id, which is no place in the findings that were given.",
    }
    assert {s.outcome for s in story.left_out} == {"unsupported"}


@pytest.mark.parametrize(
    ("fault", "interface", "dialect", "tokens"),
    [
        ("good", "chat", "json_schema", (40, 2)),
        ("old", "chat", "json_object", (40, 2)),
        ("older", "chat", "plain", (40, 2)),
        ("whole", "chat", "json_schema", (3, 4)),
        ("good", "responses", "json_schema", (40, 2)),
        ("old", "responses", "json_object", (40, 2)),
        ("older", "responses", "plain", (40, 2)),
    ],
)
def test_the_dialect_of_the_server_is_found(scripted, fault, interface, dialect, tokens):
    answer = ask(scripted.at(fault, interface), QUESTION)
    assert (answer.dialect, answer.input_tokens, answer.output_tokens) == (dialect, *tokens)
    assert json.loads(answer.text)["sentences"]


def test_a_server_that_keeps_what_it_is_asked_is_told_not_to(scripted):
    ask(scripted.at("kept", "responses"), QUESTION)
    sent = scripted.sent("kept")
    assert sent["path"] == "/kept/v1/responses"
    assert sent["body"]["store"] is False


def test_a_busy_server_is_asked_again(scripted):
    assert ask(scripted.at("busy"), QUESTION).text
    assert len(scripted.all_sent("busy")) == 3


def test_the_pause_that_a_server_asks_for_is_a_number_or_a_date():
    assert stream._pause("7") == 7
    assert stream._pause("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    later = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=90))
    assert 80 < stream._pause(later) <= 90
    assert stream._pause("Mon, 01 Jan 0001 00:00:00 -0000") in (0, None)
    for text in ("soon", "²", ""):
        assert stream._pause(text) is None


def test_another_model_than_asked_for_is_recorded(scripted):
    story = written(scripted.at("swapped"))
    assert story.model_returned == "another"
    assert "Model m was asked for, another has answered." in story.notes


@pytest.mark.parametrize("interface", ["chat", "responses"])
def test_the_answer_arrives_in_pieces(scripted, interface):
    heard = Heard()
    answer = ask(scripted.at("good", interface), QUESTION, heard)
    assert len(heard.parts) > 1
    assert "".join(heard.parts) == answer.text


@pytest.mark.parametrize(("fault", "limits"), [("silence", {}), ("stall", {}), ("full", {"pause_s": 5})])
def test_a_question_can_be_cancelled_while_nothing_comes(scripted, fault, limits):
    waited: list[int] = []
    with pytest.raises(Cancelled):
        ask(
            scripted.at(fault, **{"silence_s": 20, **limits}),
            QUESTION,
            cancelled=lambda: len(waited) >= 2,
            waiting=lambda: waited.append(1),
        )


def test_the_whole_question_has_a_limit_in_time(scripted):
    with pytest.raises(ChatError, match=r"took longer than 0\.5 s"):
        ask(scripted.at("stall", total_s=0.5), QUESTION)


def test_sentences_are_handed_on_while_they_arrive_and_only_when_the_findings_hold_them(scripted):
    said: list[narrative.Sentence | None] = []
    written(scripted.at("wrong"), said=said.append)
    assert [s and s.text for s in said] == [
        None,
        "The model suggests glioma.",
        "The lesion measures 4.45 ml.",
        "The plane agreement is 1.00.",
    ]
    assert {s.outcome for s in said if s} == {"supported"}


def test_a_sentence_is_said_before_the_answer_has_ended(scripted):
    """Half of the answer comes, then nothing: its first sentence was heard all the same, and is void afterwards."""
    said: list[narrative.Sentence | None] = []
    story = written(scripted.at("stall", silence_s=0.5), said=said.append)
    assert [s and s.text for s in said] == [None, "The model suggests glioma with a score of 0.89."]
    assert story.narrator == "template"


def test_stored_answers_can_be_replayed(scripted, tmp_path):
    file, sha256 = tmp_path / "answers.jsonl", FOUND.sha256()
    keeping = answers.stored(file, sha256, asking(scripted.at("good")))
    first = language_models.write(FOUND, "replay", keeping)
    again = language_models.narrate(FOUND, Choice("replay", replay=file))
    assert again == first
    other = language_models.narrate(findings_of("right meningioma"), Choice("replay", replay=file))
    assert "no further answer for these findings" in other.notes[0]
    assert other.narrator == "template"
    (tmp_path / "bad.jsonl").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.jsonl"):
        language_models.narrate(FOUND, Choice("replay", replay=tmp_path / "bad.jsonl"))
    with pytest.raises(InputError, match="--replay"):
        language_models.narrate(FOUND, Choice("replay"))


def test_tokens_are_counted_and_cost_what_the_users_price_table_says(scripted, tmp_path):
    table = tmp_path / "prices.json"
    table.write_text('{"m": {"input_per_million": 1000, "output_per_million": 500, "currency": "CHF"}}', "utf-8")
    found = language_models.write(FOUND, "openai", asking(scripted.at("good")), None, prices.read(table))
    usage = found.usage
    assert (usage.answers, usage.input_tokens, usage.output_tokens) == (1, 40, 2)
    assert (usage.cost, usage.currency) == (0.041, "CHF")
    assert written(scripted.at("good")).usage.cost is None  # no price is known without the table
    failed = written(scripted.at("nonsense")).usage
    assert (failed.answers, failed.output_tokens) == (2, 4)  # what was paid for nothing is counted too
    swapped = language_models.write(FOUND, "openai", asking(scripted.at("swapped")), None, prices.read(table))
    assert swapped.usage.cost is None  # the price of the model that has answered is not known
    for text in (
        "[]",
        "[" * 30_000,
        '{"m": {}}',
        '{"m": {"input_per_million": 1e400, "output_per_million": 0, "currency": "CHF"}}',
        f'{{"m": {{"input_per_million": 1{400 * "0"}, "output_per_million": 0, "currency": "CHF"}}}}',
        '{"m": {"input_per_million": 1, "output_per_million": 0, "currency": "\\ud83d"}}',
        '{"m": {"input_per_million": -1, "output_per_million": 0, "currency": "CHF"}}',
        "x",
    ):
        table.write_text(text, "utf-8")
        with pytest.raises(InputError, match=r"prices\.json"):
            prices.read(table)


def test_on_the_command_line_the_reports_own_narrative_stays(scripted, tmp_path, capsys):
    (tmp_path / "findings.json").write_text(FOUND.to_json(), encoding="utf-8")
    own = tmp_path / "narrative.json"
    own.write_text("the template's", encoding="utf-8")
    to = ["--narrator", "openai", "--endpoint", scripted.url("good"), "--model", "m"]
    assert command_line.main(["narrate", str(tmp_path), *to, "--output", str(own)]) == 2
    assert own.read_text(encoding="utf-8") == "the template's"
    output = tmp_path / "by-model.json"
    assert command_line.main(["narrate", str(tmp_path), *to, "--output", str(output)]) == 0
    assert narrative.Narrative.model_validate_json(output.read_text(encoding="utf-8")).narrator == "openai"
    shown = capsys.readouterr()
    assert "The model suggests glioma with a score of 0.89." in shown.out
    assert "1 answer in" in shown.err and "40 tokens read and 2 written." in shown.err
    table = tmp_path / "prices.json"
    table.write_text('{"m": {"input_per_million": 1000, "output_per_million": 500, "currency": "CHF"}}', "utf-8")
    command_line.main(["narrate", str(tmp_path), *to, "--prices", str(table), "--output", str(output)])
    assert "0.041000 CHF by your price table." in capsys.readouterr().err
    remote = ["--narrator", "mistral", "--model", "m", "--output", str(output)]
    assert command_line.main(["narrate", str(tmp_path), *remote]) == 2
    assert "--allow-remote api.mistral.ai" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["api.x.ai", "API.X.AI", "Api.x.Ai"])
def test_a_host_is_the_same_in_small_and_capital_letters(host):
    for url in ("https://api.x.ai/v1", "https://API.X.AI/v1"):
        assert server("xai", url, "m", [host], None, [host]).host == "api.x.ai"
    with pytest.raises(InputError, match=r"--allow-remote api\.x\.ai"):
        server("xai", None, "m", ["API.X.AI.evil.org"])


@pytest.mark.parametrize("fault", ["page", "text", "elsewhere", "locked", "absent"])
def test_a_failure_is_one_sentence_that_names_the_server_or_the_answer(scripted, fault):
    note = written(scripted.at(fault)).notes[0]
    assert note.endswith(".")
    assert "\n" not in note
    assert note.startswith(("127.0.0.1 ", "The answer "))


def test_a_request_that_is_no_choice_is_refused():
    with pytest.raises(InputError, match="cannot be read"):
        language_models.choice_of({"narrator": "ollama", "key": "secret"})
    assert language_models.choice_of({"narrator": "replay", "replay": "x", "model": None}).replay == Path("x")
