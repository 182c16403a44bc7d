"""Figures of a text's language. They say nothing about its truth.

Words are runs of letters, in lower case. Syllables are pyphen's places of hyphenation and one, which counts a little low.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

MTLD_THRESHOLD = 0.72
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_DICTIONARIES = {"en": "en_US", "fr": "fr_FR", "de": "de_DE", "es": "es_ES"}
# Reading ease: constant, per word in a sentence, per syllable in a word. Flesch 1948; Kandel and Moles 1958; Amstad 1978;
# Fernández Huerta 1959.
_EASE = {
    "en": (206.835, 1.015, 84.6),
    "fr": (207.0, 1.015, 73.6),
    "de": (180.0, 1.0, 58.5),
    "es": (206.84, 1.02, 60.0),
}
# Words that are no entity.
_FUNCTION = {
    "en": "a an and are as at by does for from in is it its no none not of on one or that the them then this to was what where "
    "which with",
    "fr": "à au aucun aucune avec ce ces d de des du elle en est et il l la le les n ne où ou par pas pour que qui se sont "
    "sur un une",
    "de": "als am an auf aus bei das dem den der des die diese diesem dieser ein eine einem einer eines er es für im in ist kein "
    "keine mit nicht oder sie sind und vom von was zu zum zur",
    "es": "a al con de del el en es la las lo los no ni o para por que se sin son su sus un una y",
}


def words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def ttr(tokens: Sequence[str]) -> float:
    """Type-token ratio."""
    return len(set(tokens)) / len(tokens)


def mtld(tokens: Sequence[str], threshold: float = MTLD_THRESHOLD) -> float:
    """Measure of textual lexical diversity, the mean of both directions (McCarthy and Jarvis, Behav Res Methods 2010)."""
    return (_factors(tokens, threshold) + _factors(tokens[::-1], threshold)) / 2


def _factors(tokens: Sequence[str], threshold: float) -> float:
    """Words per factor: a factor ends where the ratio of the words since the last has fallen to the threshold."""
    factors, seen, count, ratio = 0.0, set(), 0, 1.0
    for token in tokens:
        count += 1
        seen.add(token)
        ratio = len(seen) / count
        if ratio <= threshold:
            factors, seen, count = factors + 1, set(), 0
    if count:
        factors += (1 - ratio) / (1 - threshold)
    return len(tokens) / factors if factors else float(len(tokens))


def reading_ease(sentences: Sequence[str], language: str = "en") -> float:
    """Flesch reading ease, with the constants of the language; higher is easier."""
    tokens = [word for sentence in sentences for word in words(sentence)]
    constant, per_word, per_syllable = _EASE[language]
    syllables = sum(_syllables(word, language) for word in tokens)
    return constant - per_word * len(tokens) / len(sentences) - per_syllable * syllables / len(tokens)


@lru_cache(maxsize=4)
def _hyphenation(language: str) -> Any:
    import pyphen

    return pyphen.Pyphen(lang=_DICTIONARIES[language])


def _syllables(word: str, language: str) -> int:
    return len(_hyphenation(language).positions(word)) + 1


def coherence(sentences: Sequence[str], language: str = "en") -> float | None:
    """Share of neighbouring sentences that have an entity in common: an entity grid without roles (Barzilay and Lapata,
    Computational Linguistics 2008), its entities every word that is no function word. None for a single sentence."""
    function = set(_FUNCTION[language].split())
    grid = [set(words(sentence)) - function for sentence in sentences]
    pairs = list(pairwise(grid))
    return sum(bool(one & other) for one, other in pairs) / len(pairs) if pairs else None


def bleu(texts: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU, 0 to 100 (sacrebleu)."""
    from sacrebleu.metrics import BLEU

    return float(BLEU().corpus_score(list(texts), [list(references)]).score)


def rouge_l(texts: Sequence[str], references: Sequence[str]) -> float:
    """Mean F1 of the longest common subsequence, 0 to 1 (rouge-score)."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    scores = [scorer.score(r, t)["rougeL"].fmeasure for t, r in zip(texts, references, strict=True)]
    return sum(scores) / len(scores)


def bert_score(texts: Sequence[str], references: Sequence[str], model: Path) -> float:
    """Mean F1 of BERTScore (Zhang et al., ICLR 2020), by the last layer of a model in a local folder, without rescaling. Of a long
    text only as many tokens count as the model reads.

    Raises:
        ValueError: the folder holds no model that the transformers library reads.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # a name that is no folder would be looked for in the network
    from bert_score import BERTScorer
    from transformers import AutoConfig

    try:
        layers = AutoConfig.from_pretrained(str(model)).num_hidden_layers
        scorer = BERTScorer(model_type=str(model), num_layers=layers)
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{model} holds no model for BERTScore ({str(error).splitlines()[0]}); name a folder with config.json, "
            "the tokenizer and model.safetensors of an encoder."
        ) from error
    return float(scorer.score(list(texts), list(references))[2].mean())
