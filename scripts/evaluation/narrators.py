"""Measures what narrators write of the same findings: first whether it is true and complete, then how it reads.

    python scripts/evaluate.py narrators [--replay FILE ...] [--narrator NAME --model M [--endpoint URL] [--allow-remote HOST]]
        [--bert-model FOLDER]

Narrators are the template in four languages, sentences written by hand (Testing/report/grounding/paraphrases.txt), the tiny
model of the tests where its server is installed, every file of kept answers given with --replay, and a server that can be
reached. BERTScore of the English ones needs an encoder in a local folder, such as all-MiniLM-L6-v2. The cases are those of the
grounding tests, made by script and not of patients. Keeps docs/measurements/narrators.json.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from XAIReportLib.report import narrative
from XAIReportLib.report.grounding import check_sentence, check_text
from XAIReportLib.report.grounding.translated import named
from XAIReportLib.report.language_models import Choice, narrate
from XAIReportLib.report.languages import LANGUAGES, language
from XAIReportLib.report.outbound import SECTIONS
from XAIReportLib.report.schema import Findings

from evaluation import MEASUREMENTS, ROOT, _text_measures, keep, machine

TESTS = ROOT / "Testing" / "report"
TINY = "tiny model that speaks nonsense (llama.cpp)"
_KINDS = {"side share": "side", "region share": "region", "projection": "region"}
_UNCHECKED = ("quotation", "name", "level", "statement", "map")
Key = tuple[str, str]


@dataclass
class Text:
    """What one narrator wrote of one case: sentences with the verdict on each, and which of them a reader is shown."""

    written: list[tuple[str, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)


def facts(sentences: Iterable[str], findings: Findings) -> set[Key]:
    """What is claimed in English sentences and holds: kind and value, however it is worded."""
    found = set()
    for sentence in sentences:
        for part in check_text(sentence, findings):
            for claim in part.claims:
                if claim.holds and claim.kind not in _UNCHECKED:
                    found.add(_key(claim.kind, claim.text, findings))
    return found


def _key(kind: str, text: str, findings: Findings) -> Key:
    kind = _KINDS.get(kind, kind)
    if kind == "side":
        return kind, " ".join(re.findall(r"\b(?:left|right|both|midline)\b", text.lower()))
    if kind == "region":
        regions = {r.name for mask in (*findings.lesions, *findings.saliency) for r in mask.regions}
        bare = text.lower().replace(" ,", "").replace(",", "")  # the check sets marks apart
        return kind, next((name for name in sorted(regions) if name.lower().replace(",", "") in bare), bare)
    numbers = re.findall(r"\d+(?:\.\d+)?", text)
    label = next((name for name in findings.model.classes if name in text.lower()), "")
    return kind, numbers[0] if numbers else label


def _of_template(findings: Findings, code: str) -> Text:
    story = narrative.told(findings, code)
    said = [s for s in story.sentences if s.section in SECTIONS]
    return Text([(s.text, s.outcome) for s in said], [s.text for s in said])


def _by_model(choice: Choice) -> Callable[[Findings], Text | None]:
    def write(findings: Findings) -> Text | None:
        story = narrate(findings, choice)
        own = [s for s in story.sentences if s.section in SECTIONS] if story.narrator == choice.narrator else []
        template = {s.text for s in narrative.told(findings).sentences}
        own = [s for s in own if s.text not in template]
        written = [(s.text, s.outcome) for s in (*own, *story.left_out)]
        return Text(written, [s.text for s in own]) if written else None

    return write


def _by_hand(case_of: dict[str, list[str]]) -> Callable[[str, Findings], Text | None]:
    def write(case: str, findings: Findings) -> Text | None:
        written = [(text, check_sentence(text, findings).verdict) for text in case_of.get(case, [])]
        return Text(written, [text for text, verdict in written if verdict == "supported"]) if written else None

    return write


def measured(
    texts: dict[str, Text], cases: dict[str, Findings], code: str = "en", bert_model: Path | None = None
) -> dict[str, Any]:
    """The figures of one narrator over its cases."""
    written = [verdict for text in texts.values() for _, verdict in text.written]
    figures: dict[str, Any] = {
        "language": code,
        "cases": len(texts),
        "sentences": len(written),
        "supported": written.count("supported"),
        "contradicted": written.count("contradicted"),
        "unsupported": written.count("unsupported"),
        "shown": sum(len(text.shown) for text in texts.values()),
    }
    wanted = held = 0
    for case, text in texts.items():
        english = [_meant(said, cases[case], code) for said in text.shown]
        asked = facts((s.text for s in narrative.told(cases[case]).sentences if s.section in SECTIONS), cases[case])
        wanted, held = wanted + len(asked), held + len(asked & facts(english, cases[case]))
    figures["facts"], figures["facts_told"] = wanted, held
    shown = {case: text.shown for case, text in texts.items() if text.shown}
    if shown:
        figures |= _language(shown, cases, code, bert_model if code == "en" else None)
    return figures


def _meant(said: str, findings: Findings, code: str) -> str:
    """What a sentence means in English; of several meanings one that the findings hold."""
    meanings = language(code).of(named(findings)).meant(said)
    held = [meant for meant in meanings if check_sentence(meant, findings).verdict == "supported"]
    return (held or meanings or [""])[0]


def _language(
    shown: dict[str, list[str]], cases: dict[str, Findings], code: str, bert_model: Path | None
) -> dict[str, float | None]:
    """Means over the cases; BLEU of all of them."""
    tokens = [[word for sentence in said for word in _text_measures.words(sentence)] for said in shown.values()]
    coherent = [value for said in shown.values() if (value := _text_measures.coherence(said, code)) is not None]
    whole = [" ".join(said) for said in shown.values()]
    template = [
        " ".join(s.text for s in narrative.told(cases[case], code).sentences if s.section in SECTIONS) for case in shown
    ]
    return {
        "reading_ease": round(fmean(_text_measures.reading_ease(said, code) for said in shown.values()), 1),
        "ttr": round(fmean(_text_measures.ttr(words) for words in tokens), 3),
        "mtld": round(fmean(_text_measures.mtld(words) for words in tokens), 1),
        "coherence": round(fmean(coherent), 3) if coherent else None,
        "bleu": round(_text_measures.bleu(whole, template), 1),
        "rouge_l": round(_text_measures.rouge_l(whole, template), 3),
        "bert_score": None if bert_model is None else round(_text_measures.bert_score(whole, template, bert_model), 3),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replay", metavar="FILE", type=Path, action="append", default=[])
    for name in ("--narrator", "--model", "--endpoint", "--interface"):
        parser.add_argument(name, default=None)
    parser.add_argument("--allow-remote", metavar="HOST", action="append", default=[])
    parser.add_argument("--bert-model", metavar="FOLDER", type=Path, help="an encoder for BERTScore, read offline")
    options = parser.parse_args(argv)
    sys.path[:0] = [str(TESTS / "grounding"), str(TESTS / "language")]
    import tiny_server
    from cases import RECIPES, findings_of
    from mutations import paraphrases

    cases = {name: findings_of(name) for name in RECIPES}
    by_hand: dict[str, list[str]] = defaultdict(list)
    for case, sentence in paraphrases():
        by_hand[case].append(sentence)
    result: dict[str, Any] = {}

    def measure(name: str, write: Callable[[str, Findings], Text | None], code: str = "en") -> None:
        texts = {case: text for case, found in cases.items() if (text := write(case, found)) is not None}
        result[name] = measured(texts, cases, code, options.bert_model) if texts else {"language": code, "cases": 0}
        print(f"{name}: {result[name]}", flush=True)

    for code in LANGUAGES:
        measure(f"template ({code})", lambda _, found, code=code: _of_template(found, code), code)
    measure("sentences written by hand", _by_hand(by_hand))
    if lacking := tiny_server.missing():
        print(f"tiny model: not run, {', '.join(lacking)} not installed; what was measured last stays")
        stored = MEASUREMENTS / "narrators.json"
        earlier = json.loads(stored.read_text(encoding="utf-8"))["narrators"] if stored.is_file() else {}
        result |= {name: figures for name, figures in earlier.items() if name == TINY}
    else:
        with tempfile.TemporaryDirectory() as folder, tiny_server.running(Path(folder)) as url:
            tiny = _by_model(Choice("llama.cpp", "tiny", url))
            measure(TINY, lambda _, found: tiny(found))
    for path in options.replay:
        kept = _by_model(Choice("replay", replay=path))
        measure(f"kept answers ({path.stem})", lambda _, found, kept=kept: kept(found))
    if options.narrator:
        choice = Choice(
            options.narrator, options.model or "", options.endpoint, options.interface, tuple(options.allow_remote)
        )
        live = _by_model(choice)
        measure(f"{options.narrator}, {options.model}", lambda _, found: live(found))
    encoder = options.bert_model.resolve().name if options.bert_model else None
    keep("narrators", {"machine": machine(), "cases": len(cases), "bert_model": encoder, "narrators": result})
    return 0


def section(stored: dict[str, Any]) -> list[str]:
    """Markdown lines for docs/results.md."""
    lines = [
        "## Narrators",
        "",
        f"What each wrote of {stored['cases']} findings made by script (not of patients). Precision: sentences that the findings "
        "hold, of all that it wrote; what is not held is never shown. Omission: facts of the template's text on the same case "
        "that the shown sentences lack. The template says only what the check reads, so that its figures are as they must be. "
        "The rest tells how a text reads and nothing of its truth (means over the cases); BLEU and ROUGE-L compare with the "
        "template of the same language. No answer of a large language model is among them: none was measured.",
        "",
        "| narrator | cases | sentences | precision | contradicted | shown | omission | reading ease | TTR | MTLD | coherence | "
        "BLEU | ROUGE-L | BERTScore |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(name, figures) for name, figures in stored["narrators"].items()]
    encoder = stored.get("bert_model")
    told = (
        f"BERTScore: F1 by the last layer of {encoder}, without rescaling, of the English ones; of a text no more tokens than the "
        "model reads."
        if encoder
        else "BERTScore: not run, since no encoder was named."
    )
    return [*lines, "", told]


def _row(name: str, figures: dict[str, Any]) -> str:
    if not figures["cases"]:
        return f"| {name} | 0 |" + " – |" * 12
    precision = f"{100 * figures['supported'] / figures['sentences']:.1f} %"
    omission = f"{100 * (1 - figures['facts_told'] / figures['facts']):.1f} %" if figures["facts"] else "–"
    rest = [figures.get(key) for key in ("reading_ease", "ttr", "mtld", "coherence", "bleu", "rouge_l", "bert_score")]
    cells = [
        name, figures["cases"], figures["sentences"], precision, figures["contradicted"], figures["shown"], omission,
        *("–" if value is None else value for value in rest),
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
