"""A narrative by a language model: asked with the outgoing part of the findings, and checked sentence by sentence.

Supported sentences that cite places in the findings stand, with what they rest on (citations.py) as their evidence, beside those of
the template whose facts they leave out (joining.py). A section with a contradicted sentence, or without a supported one, is the
template's; other sentences are left out and kept apart. After two failures the whole narrative is the template's, and says why.

    ``narrate`` is the one door: for the command line, for the worker's request "narrate", and for Python.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from XAIReportLib.case import InputError
from XAIReportLib.reviews import LONGEST_SENTENCE

from . import narrative, outbound, prices
from .answers import NARRATIVE, Asker, Items, is_sentence, items_of, replay, stored
from .chat import Answer, ChatError, GivenUp, Listener, Question, ask
from .citations import Citations
from .grounding import Checker, sentences
from .joining import TEMPLATE, Joining
from .lenient import WithoutThoughts, bare, tidy
from .narrative import LeftOut, Narrative, Sentence, Usage
from .outbound import SECTIONS
from .outgoing_pictures import pictures
from .pointers import resolve
from .schema import Findings
from .servers import server

TRIES = 2
MOST_SENTENCES, LONGEST_ITEM = 60, LONGEST_SENTENCE  # of an answer; characters of one of its items
REPLAY = "replay"
INSTEAD = "The text is the template's."
# Called with each sentence as soon as it was checked and found supported; with None when those heard so far are void.
Said = Callable[[Sentence | None], None]


@dataclass(frozen=True)
class Choice:
    """Who writes, and what a person has consented to.

    Attributes:
        narrator: "template", "replay" or a name of servers.SERVERS.
        model, endpoint, interface: of the server; None takes the server's own.
        allow_remote: hosts that the findings may be sent to; this machine needs no consent.
        allow_pictures: hosts that pictures of the case may be sent to as well, this machine included.
        replay, store: files of kept answers, to read and to add to.
        prices: a price table (prices.py).
        language: of the template (languages.LANGUAGES); a language model writes English.
    """

    narrator: str
    model: str = ""
    endpoint: str | None = None
    interface: str | None = None
    allow_remote: tuple[str, ...] = ()
    allow_pictures: tuple[str, ...] = ()
    replay: Path | None = None
    store: Path | None = None
    prices: Path | None = None
    language: str = "en"


def choice_of(options: dict[str, Any]) -> Choice:
    """A choice from plain values, as they come through a pipe or from a command line; None takes the default.

    Raises:
        InputError: an option is unknown or unreadable, or the narrator is missing.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in ("allow_remote", "allow_pictures"):
        given[name] = tuple(given.get(name, ()))
    for name in ("replay", "store", "prices"):
        if name in given:
            given[name] = Path(given[name])
    try:
        choice = Choice(**given)
    except TypeError as error:
        raise InputError(f"The request for a narrative cannot be read ({error}).") from error
    if not str(choice.model).isprintable():  # bytes of another encoding, too
        raise InputError("The name of the model holds characters that cannot be read; give another --model.")
    return choice


def check(choice: Choice) -> None:
    """That a choice can be followed at all, before the first case of many.

    Raises:
        InputError: it cannot, or lacks a person's consent.
    """
    if choice.narrator != TEMPLATE:
        _asker("", choice)
        if choice.prices:
            prices.read(choice.prices)


def narrate(
    findings: Findings,
    choice: Choice,
    said: Said | None = None,
    cancelled: Callable[[], bool] | None = None,
    waiting: Callable[[], None] | None = None,
    folder: Path | None = None,
) -> Narrative:
    """The narrative of ``findings`` by the chosen narrator; the template's, with the reason in its notes, where that fails.

    Args:
        folder: the result folder, whose pictures are sent where ``choice`` allows it.
        said: hears each supported sentence while the answer arrives; the narrative that is returned is what counts.
        cancelled: asked ten times a second.
        waiting: called as often while nothing comes.

    Raises:
        InputError: the choice cannot be followed, or lacks a person's consent.
        Cancelled: ``cancelled`` returned True.
    """
    if choice.narrator == TEMPLATE:
        return narrative.told(findings, choice.language)
    asked = asker(findings, choice, cancelled, waiting)
    table = prices.read(choice.prices) if choice.prices else {}
    return write(findings, choice.narrator, asked, said, table, pictures_of(findings, choice, folder))


def pictures_of(findings: Findings, choice: Choice, folder: Path | None) -> tuple[str, ...]:
    """What is sent beside the facts: nothing without a consent of its own.

    Raises:
        InputError: this case has no picture that may be sent.
    """
    if not choice.allow_pictures or choice.narrator == REPLAY:
        return ()
    if folder is None:
        raise InputError("There is no result folder to take pictures from; leave out --allow-pictures.")
    return pictures(folder, findings)


def asker(
    findings: Findings,
    choice: Choice,
    cancelled: Callable[[], bool] | None = None,
    waiting: Callable[[], None] | None = None,
    task: str = NARRATIVE,
) -> Asker:
    """What asks the chosen server, or the file of kept answers; ``task`` is what the kept ones are answers to.

    Raises:
        InputError: the choice cannot be followed, or lacks a person's consent.
    """
    return _asker(findings.sha256(), choice, cancelled, waiting, task)


def _asker(
    sha256: str,
    choice: Choice,
    cancelled: Callable[[], bool] | None = None,
    waiting: Callable[[], None] | None = None,
    task: str = NARRATIVE,
) -> Asker:
    if choice.narrator == REPLAY:
        if choice.replay is None:
            raise InputError("narrator replay has no stored answers; give --replay FILE.")
        return replay(choice.replay, sha256, task)
    at = server(
        choice.narrator, choice.endpoint, choice.model, choice.allow_remote, choice.interface, choice.allow_pictures
    )

    def asked(question: Question, listener: Any) -> Answer:
        return ask(at, question, listener, cancelled, waiting)

    return stored(choice.store, sha256, asked, task) if choice.store else asked


def write(
    findings: Findings,
    name: str,
    asked: Asker,
    said: Said | None = None,
    table: dict[str, prices.Price] | None = None,
    shown: tuple[str, ...] = (),
) -> Narrative:
    """The narrative of ``findings`` by the model that ``asked`` asks; the template's where that fails."""
    template, reading = narrative.told(findings), Reading(findings)
    notes: list[str] = []
    left_out: tuple[LeftOut, ...] = ()
    answers: list[Answer] = []
    put = outbound.question(findings, pictures=shown)
    story: Narrative | None = None
    for _ in range(TRIES):
        try:
            answer = asked(put, reading.listener(said))
            answers.append(answer)
            put = replace(put, after=answer.dialect)
            read = reading.read(answer.text)
            put = replace(put, after="")  # its form is the one that was asked for
        except ChatError as error:
            notes.append(str(error))
            if isinstance(error, GivenUp):
                break
            continue
        left_out = (*left_out, *read.left_out)
        if any(read.kept.values()):
            story = _joined(template, read, reading, name, answer, notes)
            break
        notes.append("No sentence of the answer is held by the findings.")
    if story is None:
        notes.append(INSTEAD)
        story = template.model_copy(update={"notes": tuple(notes)})
    return story.model_copy(update={"left_out": left_out, "usage": usage_of(answers, table or {})})


@dataclass(frozen=True)
class Checked:
    """What an answer held: sentences by section, those left out, and sections with a contradicted sentence."""

    kept: dict[str, list[Sentence]]
    left_out: tuple[LeftOut, ...]
    contradicted: frozenset[str]


class Reading:
    """Reads answers on one case: form, pointers and grounding of every sentence."""

    def __init__(self, findings: Findings) -> None:
        self._checker, self._citations = Checker(findings), Citations(findings)
        self._joining = Joining(findings, self._checker, self._citations)
        self._told: dict[Sentence, frozenset[str]] = {}
        self._given = outbound.facts(findings)  # a model can cite only what it was given
        self._left = MOST_SENTENCES

    def listener(self, said: Said | None) -> Listener:
        """Hands on each supported sentence while the answer arrives."""
        if said is None:
            return Items(lambda _: None, lambda: None)

        def begun() -> None:
            self._left = MOST_SENTENCES
            said(None)

        return WithoutThoughts(Items(lambda item: self._say(tidy(item), said), begun))

    def _say(self, item: Any, said: Said) -> None:
        if is_sentence(item):
            for sentence in self._of(item):
                if isinstance(sentence, Sentence):
                    said(sentence)

    def read(self, text: str) -> Checked:
        """Every sentence of an answer, checked.

        Raises:
            ChatError: the answer is no JSON document of sentences.
        """
        kept: dict[str, list[Sentence]] = {section: [] for section in SECTIONS}
        left_out: list[LeftOut] = []
        self._left = MOST_SENTENCES
        for item in items_of(bare(text)):
            for sentence in self._of(item) if is_sentence(item) else ():
                if isinstance(sentence, Sentence):
                    kept[sentence.section].append(sentence)
                else:
                    left_out.append(sentence)
        wrong = frozenset(sentence.section for sentence in left_out if sentence.outcome == "contradicted")
        return Checked(kept, tuple(left_out), wrong)

    def joined(self, own: list[Sentence], template: tuple[Sentence, ...]) -> list[Sentence]:
        """A section of sentences that were read here, and of those of the template's that they do not replace."""
        return self._joining.section(own, template, frozenset().union(*(self._told[sentence] for sentence in own)))

    def _of(self, item: dict[str, Any]) -> list[Sentence | LeftOut]:
        section, error = item["section"], self._citation_error(item.get("evidence"))
        result: list[Sentence | LeftOut] = []
        text = " ".join(item["text"].split())
        count = len(sentences(text))
        if len(text) > LONGEST_ITEM or count > self._left:  # to check it would take minutes, which nobody could stop
            why = (
                f"It was not read: an answer has at most {MOST_SENTENCES} sentences, an item {LONGEST_ITEM} characters."
            )
            return [LeftOut(text=text[:LONGEST_ITEM], section=section, outcome="unsupported", why=why)]
        self._left -= count
        for found in self._checker.text(text):
            if found.verdict != "supported":
                result.append(LeftOut(text=found.text, section=section, outcome=found.verdict, why=found.reason))
            elif error:
                result.append(LeftOut(text=found.text, section=section, outcome="unsupported", why=error))
            else:
                cited = [pointer.removeprefix("#") for pointer in item["evidence"]]
                evidence = self._citations.evidence(found, cited)
                said = Sentence(text=found.text, section=section, evidence=evidence, outcome="supported")
                self._told[said] = self._citations.told(found)
                result.append(said)
        return result

    def _citation_error(self, evidence: Any) -> str:
        """Why what a sentence cites is no evidence; empty where it is."""
        if not isinstance(evidence, list) or not evidence:
            return "It does not say what it rests on."
        for pointer in evidence:
            try:
                if not isinstance(pointer, str) or pointer in ("", "#"):
                    raise KeyError
                resolve(self._given, pointer.removeprefix("#"))
            except KeyError:
                shown = pointer[:60] if isinstance(pointer, str) and pointer else "nothing in particular"
                return f"It cites {shown}, which is no place in the findings that were given."
        return ""


def _joined(
    template: Narrative, read: Checked, reading: Reading, name: str, answer: Answer, notes: list[str]
) -> Narrative:
    texts: list[Sentence] = []
    for section in narrative.SECTIONS:
        own = read.kept.get(section, []) if section not in read.contradicted else []
        texts += reading.joined(own, template.of_section(section))
    if answer.returned != answer.requested:
        notes = [*notes, f"Model {answer.requested} was asked for, {answer.returned} has answered."]
    return template.model_copy(
        update={
            "narrator": name,
            "model_requested": answer.requested,
            "model_returned": answer.returned,
            "sentences": tuple(texts),
            "notes": tuple(notes),
        }
    )


def usage_of(answers: list[Answer], table: dict[str, prices.Price]) -> Usage | None:
    """Tokens, seconds and, by the user's prices, the cost of all answers; what one of them does not tell is not told."""
    if not answers:
        return None
    counted = [(a.input_tokens, a.output_tokens) for a in answers]
    costs = [prices.cost(answer, table) for answer in answers]
    known = all(costs) and len({cost[1] for cost in costs if cost}) == 1
    return Usage(
        answers=len(answers),
        input_tokens=None if any(a is None for a, _ in counted) else sum(a for a, _ in counted if a is not None),
        output_tokens=None if any(b is None for _, b in counted) else sum(b for _, b in counted if b is not None),
        seconds=round(sum(answer.seconds for answer in answers), 3),
        cost=round(sum(cost[0] for cost in costs if cost), 6) if known else None,
        currency=next(cost[1] for cost in costs if cost) if known else "",
    )
