"""The project's rules of wording: how things are called, what is always said, what is never said.

Every text of the product is assembled from these names and number formats, and passes ``forbidden`` before it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from XAIReportLib.results import ABOUT_THE_SERIES, CLASS_NAMES, class_name

RESEARCH_USE = "Research use only. Not for diagnosis."
NO_LESION = "No lesion found by this model on this series; this does not exclude one."
WHERE_NOT_WHY = "The map shows where the score came from, not why."
LIKENESS = (
    "The likeness to slices whose class was wrong was fitted on single slices of one data set, and does not say how often "
    "a class is wrong."
)

_METHOD_NAMES = {
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "scorecam": "ScoreCAM",
    "layercam": "LayerCAM",
    "hirescam": "HiResCAM",
    "saliency": "Saliency",
    "smoothgrad": "SmoothGrad",
    "integrated_gradients": "Integrated Gradients",
    "occlusion": "Occlusion",
}
CHECK_NAMES = {
    "agreement": "Agreement of the methods (mean correlation)",
    "stability": "Map under noise (lowest correlation)",
    "score_drop": "Score lost without the highlighted area, less its mirror image",
    "outside_lesion": "Share of the score left without the segmented abnormality",
    "outside_head": "Share of the highlighted area outside the head",
    "steadiness": "Score of the class under small changes of the image (lowest)",
    "doubt": "Likeness to slices whose class was wrong",
}
_FAILED_CHECKS = {
    "agreement": "the methods disagree (mean correlation {})",
    "stability": "a little noise changes the map (lowest correlation {})",
    "score_drop": "removing the highlighted area lowers the score hardly more than removing its mirror image (difference {})",
    "outside_lesion": "much of the score is left when the segmented abnormality is removed (share {})",
    "outside_head": "much of the highlighted area lies outside the head (share {})",
    "steadiness": "small changes of the image lower the score of the class (lowest {})",
    "doubt": "score and explanation are like those of slices whose class was wrong (likeness {})",
}
_ACRONYMS = r"WHO|IDH|MGMT|EGFR|TERT|ATRX|CNS5|PitNET|1p/?19q"
_WORDS = (
    r"benign\w*|malign\w*|grad(?:e|es|ed|ing)|molecular\w*|mutat\w*|wild-?type|methylat\w*|"
    r"because|due to|caus(?:e|es|ed|ing)|recogni[sz]es|the model sees|"
    r"diagnos\w*|confirm\w*|probabilit(?:y|ies) of|likel(?:y|ihood)|probably|"
    r"normal|healthy|unremarkable|tumou?rs?|cancers?|carcinomas?|oedema\w*|edema\w*|necro\w*|"
    r"involv\w*|infiltrat\w*|invad\w*|invas\w*|aris(?:es|ing)|spar(?:es|ed|ing)|eloquent|functional|"
    r"adenomas?|glioblastomas?|metasta\w*|lymphomas?|abscess\w*|astrocytomas?|"
    r"grow(?:s|n|th|ing)|stable|stability|progress(?:ion|ive|ed)|prognos\w*|surviv\w*|urgen\w*|emergen\w*|"
    r"treat\w*|therap\w*|surg\w*|resect\w*|biops\w*|"
    r"clearly|obviously|certainly|definit\w*|consistent with|typical\w*|suggestive of|compatible with|"
    r"exclud(?:es|ed|ing)|rules? out|ruled out"
)
_FORBIDDEN = re.compile(rf"\b(?:{_WORDS})\b", re.IGNORECASE)
_FORBIDDEN_ACRONYMS = re.compile(rf"\b(?:{_ACRONYMS})\b")
_ALLOWED = (
    RESEARCH_USE,
    NO_LESION,
    "pituitary tumour (as in the training data)",
    "pituitary tumour",
    "Post-operative change is not recognised.",
)


def of_the_series(text: str) -> bool:
    """Whether a reason or a warning of the engine says that the series may be one that the model was not made for."""
    return text.startswith(ABOUT_THE_SERIES)


def series(reason: str, warnings: Iterable[str] = (), modality: str = "MR", forced: bool = False) -> str:
    """What stands in brackets behind segmented abnormalities: the series that the model was made for; nothing where it is not
    known to be that one.

    Args:
        reason: of the outcome. warnings: of the result. forced: whether the image looks like no head MRI.
    """
    doubted = forced or modality not in ("", "MR") or any(map(of_the_series, (reason, *warnings)))
    return "" if doubted else " (T1 post-contrast)"


def class_name_in_full(label: str) -> str:
    """What a class is called where it is suggested or scored."""
    suffix = " (as in the training data)" if label in CLASS_NAMES else ""
    return class_name(label) + suffix


def method_name(method: str) -> str:
    """What a saliency method is called."""
    return _METHOD_NAMES.get(method.lower(), method)


def failed_check(name: str, value: float) -> str:
    """What a failed check of the heat maps found, as a clause."""
    return _FAILED_CHECKS.get(name, f"the check {name.replace('_', ' ')} failed ({{}})").format(score_text(value))


def known_classes(classes: Sequence[str]) -> str:
    """The sentence that says what the model cannot know; it stands in every report."""
    names = joined(sorted(class_name(label) for label in classes))
    return (
        f"The model knows {names} only. Other lesions would be given one of these names, or none. "
        "Post-operative change is not recognised."
    )


def joined(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def score_text(score: float) -> str:
    """A model score with two decimals; four where two would turn it into certainty."""
    short = f"{score:.2f}"
    return f"{score:.4f}" if short in ("0.00", "1.00") and score not in (0.0, 1.0) else short


def volume_text(volume_ml: float) -> str:
    return f"{volume_ml:.2f} ml"


def percent_text(percent: float) -> str:
    return f"{percent:.1f} %"


def region_name(name: str, side: str | None) -> str:
    """``left Frontal Pole``; the side is not said twice where the atlas's own name holds it."""
    plain = name.replace("_", " ")
    holds_side = re.match(r"(left|right)\b", plain, re.IGNORECASE) is not None
    if holds_side:
        return plain[0].lower() + plain[1:]
    return plain if side is None else f"{side} {plain}"


def forbidden(text: str, proper_names: Iterable[str] = (), classes: Iterable[str] = ()) -> list[str]:
    """The words of ``text`` that are never said, in order.

    Args:
        proper_names: of the model and its data set; they may hold the word "tumour", and nothing else of the list.
        classes: labels of the model; what a bundle calls its classes is said as it is.
    """
    for sentence in _ALLOWED:
        text = text.replace(sentence, " ")
    for name in filter(None, proper_names):
        text = text.replace(name, re.sub(r"tumou?rs?", " ", name, flags=re.IGNORECASE))
    for label in filter(None, classes):
        text = re.sub(rf"\b{re.escape(class_name(label))}\b", " ", text, flags=re.IGNORECASE)
    text = text.replace("_", " ")
    return [match.group() for match in [*_FORBIDDEN.finditer(text), *_FORBIDDEN_ACRONYMS.finditer(text)]]
