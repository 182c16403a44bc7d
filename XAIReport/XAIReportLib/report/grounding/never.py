"""Words that are never said, and those that turn a statement into one about certainty, cause, time or advice."""

from __future__ import annotations

import re

from .. import wording
from ..schema import Findings
from .vocabulary import plain

# What may be said to be due: it is about how the text is to be read.
_MAY_BE = (
    r"relied|trusted|treated as (?:un)?reliable|"
    r"(?:read|interpreted|taken|viewed|treated|regarded|understood) with (?:some |due )?(?:caution|care|reservations?)|"
    r"disregarded|ignored|discounted|noted|(?:kept|borne) in mind|remembered|mentioned|used (?:only )?for research|"
    r"(?:regarded|considered|treated|understood|taken|read|interpreted|seen) (?:only )?(?:(?:as|to be) )?"
    r"(?:approximate|(?:an? |the )?explanations?)"
)
# Read before anything else: words that turn a statement into one about certainty, cause, time or advice.
_NEVER = re.compile(
    r"\b(?:certain\w*|sure(?:ly)?|doubt\w*|evident\w*|obvious\w*|unequivocal\w*|presum\w*|possibly|perhaps|confiden\w*|proven|"
    r"proves?|prior(?! to (?:the|this|that|any) (?:reader's )?(?:edit|correction)\b)|"
    r"previous\w*|earlier|since last|led (?:to|the)|leads? (?:to|the model)|unchanged|new(?:ly)?|recurren\w*|"
    rf"histor\w*|symptom\w*|patient reports|years?|follow-up|recommend\w*|advis\w*|should be (?!{_MAY_BE})|must be|require\w*|"
    r"(?<!is )(?<!was )(?<!are )(?<!were )(?<!been )given (?:its|the(?! (?:uncertainty|error) of the registration)|their|this|how)|"
    r"(?:lesion|abnormality|it|they) (?:has |have )?(?:return(?:s|ed)?|c[ao]mes? back|reappear\w*)|"
    r"dose\w*|(?:any|every|all|most|many|other|some|these) patients?|patients with|medication|steroid\w*|chemo\w*|radio\w*|"
    r"(?:exactly|only|just) (?:one|two|three|a single) (?:[\w-]+ )?(?:lesion|abnormality|lesions|abnormalities|focus|foci) in the "
    r"(?:brain|head|patient)|free (?:of|from) (?:any |all )?(?:abnormalit\w+|lesions?|findings?|disease|tumou?rs?|foci)|"
    r"no (?:abnormality|lesion|abnormalities|lesions) (?:lies?|is|are|exists?|sits?)(?! (?:named|described|excluded|ruled|found|"
    r"segmented|seen|outlined|detected|shown|marked))|"
    r"(?<!left of the )(?<!right of the )patient (?:has|had|suffers)|with (?:\w+ )?evidence|"
    r"(?:entropy|plane agreement) of (?:the |its )?(?:segmentation|registration|heat ?maps?|maps?|atlas|lesion|abnormality)|"
    r"(?:suggestion|prediction) (?:rests?|(?:is|was) based|builds?|relies|depends?|stems?|derives?) (?:up)?(?:on|from) "
    r"(?!(?:the |its )?(?:model|own)\b)|"
    r"observation|(?:and|but|so),? (?:it )?(?:can|could|may|should|must) be (?:observed|watched|monitored))\b",
    re.IGNORECASE,
)


# Only the model suggests a class.
_NO_SPEAKER = (
    r"\b(?:atlas|template|segmentation|outline|registration|location|side|shape|size|abnormality|lesion|images?|scan|heat ?maps?|"
    r"masks?|region|overlap)(?: (?!(?:and|or|but|the|model|is|was|are|were|it)\b)[\w-]+){0,2}? (?:suggests?|suggested|favou?rs?|"
    r"favou?red|indicates?|supports?|points? to|speaks? for|argues? for|fits?|matches)"
)
# "the glioma" would be there; "the glioma score" is one of a class.
_OF_THE_CLASS = (
    r"(?: tumou?r)?s?\b(?!(?:'s|,)?(?: [\w-]+){0,4}? "
    r"(?:scores?|class|classes|labels?|category|maps?|heat|masks?|suggestions?|option))"
)
_EXACT = re.compile(r"\b(?:exact|precise)(?:ly)?\b(?=[^;]*%)", re.IGNORECASE)  # of regions that are approximate
_OF_CASES = re.compile(
    r"(?:%|percent) of (?:all |the |such |similar )*(?:cases|patients|times?|images|studies|tumou?rs)\b", re.IGNORECASE
)


# What a reader left as it was; elsewhere "unchanged" is a word about time.
_LEFT = re.compile(
    r"\breader (?:has |had )?(?:left|kept) (?:(?:it|the [\w ]+?|(?:abnormality|lesion) \d) )?unchanged\b|"
    r"\bleft unchanged by the reader\b",
    re.IGNORECASE,
)


def never_said(sentence: str, findings: Findings, names: tuple[str, ...]) -> list[str]:
    text = plain(sentence)
    known = "|".join(re.escape(label.split("_")[0]) for label in findings.model.classes)
    speaks = re.findall(rf"(?i){_NO_SPEAKER} (?:a |an |the )?(?:{known})\b", text)
    speaks += re.findall(rf"(?i)\b(?:the|this|his|her|patient's) (?:suggested )?(?:{known}){_OF_THE_CLASS}", text)
    if findings.reader_edit is not None:
        text = _LEFT.sub(" ", text)
    for allowed in (
        "does not rule out (?:one|a lesion)",
        "not for diagnosis",
        "for diagnosis",
        "does not exclude one",
        "(?:a lesion|one|an abnormality) (?:cannot|can not|could not) be (?:excluded|ruled out)",
        "treated as (?:un)?reliable",
        r"stability of the (?:heat |saliency )?maps(?: under noise)? (?=(?:is|was|amounts to|reaches) \d)",  # of no lesion
        "due to",
        "because",
    ):
        text = re.sub(rf"\b{allowed}\b", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"(?i)\bdiagnos(?:is|tic)\b|\bfunction(?:al)?\b", " ", text)
    text = re.sub(r"(?i)pituitary tumou?rs?", " ", text)
    text = re.sub(r"(?i)\bexclud(?:e|ing) (?:one|the presence of one)\b|recogni[sz]ed?", " ", text)
    exact = _EXACT.findall(text) if findings.anatomy.registration.verdict == "limited" else []
    return [
        *speaks,
        *exact,
        *_OF_CASES.findall(text),
        *wording.forbidden(text, names, findings.model.classes),
        *(m[0] for m in _NEVER.finditer(text)),
    ]
