"""Answers to questions about one case by a language model, under the check of its narratives.

A server never gets a person's own words: it is asked the plain question of the topic that they were recognised as, with the
classes that they name. What these findings do not hold is not asked at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from . import dialogue, outbound, prices
from .answers import Asker
from .chat import Answer, ChatError, GivenUp, Question
from .dialogue import Reply
from .language_models import TEMPLATE, TRIES, Choice, Reading, Said, asker, pictures_of, usage_of
from .narrative import LeftOut, Sentence
from .questions import Topic, topic_of
from .schema import Findings
from .wording import class_name, joined


def reply(
    question: str,
    findings: Findings,
    choice: Choice,
    said: Said | None = None,
    cancelled: Callable[[], bool] | None = None,
    waiting: Callable[[], None] | None = None,
    folder: Path | None = None,
) -> Reply:
    """The answer to ``question`` by the chosen narrator; the offline one, with the reason in its notes, where that fails.

    Raises:
        InputError: the choice cannot be followed, or lacks a person's consent.
        Cancelled: ``cancelled`` returned True.
    """
    topic, offline = topic_of(question), dialogue.answer(question, findings)
    if topic is None or not offline.held or choice.narrator == TEMPLATE:
        return offline
    asked = asker(findings, choice, cancelled, waiting, f"question: {plain(topic, question, findings)}")
    table = prices.read(choice.prices) if choice.prices else {}
    words = plain(topic, question, findings)
    put = outbound.question(findings, words, pictures_of(findings, choice, folder))
    return _asked(offline, topic, findings, choice.narrator, put, asked, said, table)


def plain(topic: Topic, question: str, findings: Findings) -> str:
    """What is asked, in words of ours."""
    sent = outbound.labels(findings)
    names = [class_name(label) for label in dialogue.named(findings, question) if label in sent]
    return f"{topic.plain} The question names {joined(names)}." if names else topic.plain


def _asked(
    offline: Reply,
    topic: Topic,
    findings: Findings,
    name: str,
    put: Question,
    asked: Asker,
    said: Said | None,
    table: dict[str, prices.Price],
) -> Reply:
    reading = Reading(findings)
    notes: list[str] = []
    left_out: list[LeftOut] = []
    answers: list[Answer] = []
    result = offline
    for _ in range(TRIES):
        try:
            given = asked(put, reading.listener(said))
            answers.append(given)
            put = replace(put, after=given.dialect)
            read = reading.read(given.text)
            put = replace(put, after="")  # its form is the one that was asked for
        except ChatError as error:
            notes.append(str(error))
            if isinstance(error, GivenUp):
                break
            continue
        left_out += read.left_out
        kept: list[Sentence] = [
            s.model_copy(update={"section": "dialogue"}) for part in read.kept.values() for s in part
        ]
        if kept and not read.contradicted:
            result = dialogue.closed(offline.question, topic, kept, findings).model_copy(update={"narrator": name})
            if given.returned != given.requested:
                notes.append(f"Model {given.requested} was asked for, {given.returned} has answered.")
            break
        notes.append(
            "The findings say otherwise." if read.contradicted else "The findings hold no sentence of the answer."
        )
    if result is offline:
        notes.append("The answer is the template's.")
    return result.model_copy(
        update={"notes": tuple(notes), "left_out": tuple(left_out), "usage": usage_of(answers, table)}
    )
