"""What a question about a case asks for, recognised by its words: one of ten topics, or something that no findings hold."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """``plain``: the question as a language model gets it, so that none of the person's own words leave."""

    name: str
    plain: str
    words: re.Pattern[str]


def _topic(name: str, plain: str, *words: str) -> Topic:
    return Topic(name, plain, re.compile(rf"\b(?:{'|'.join(words)})\b"))


# Asked about the patient's past, future or care, about other diseases, or about what only a pathologist can say.
_BEYOND = re.compile(
    r"\b(?:treat\w*|therap\w*|\w*chemo\w*|radio(?:therap|surg)\w*|steroids?|drugs?|medic\w*|surg\w*|operat\w*|operable|resect\w*|"
    r"biops\w*|recommend\w*|advi[cs]e\w*|next steps?|follow-up|"
    r"prognos\w*|surviv\w*|live|die|dead|death|danger\w*|serious|harm\w*|risk\w*|urgen\w*|emergency|come back|recur\w*|relaps\w*|"
    r"grade\w*|who class\w*|malign\w*|benign|cancer\w*|metasta\w*|idh|mgmt|1p/?19q|mutat\w*|molecul\w*|histolog\w*|"
    r"grow\w*|grew|grown|(?:bigg|small|larg)er than|since|previous\w*|earlier|last (?:scan|year|month|week|time)|"
    r"years?|months?|weeks?|ago|history|before(?! (?:the|it|this|that|its)\b)|new|progress\w*|(?:it|lesion|tumou?r) stable|"
    r"symptom\w*|seizures?|headaches?|pain\w*|caus\w*|rule[sd]? out|ruled? .* out|exclude\w*|diagnos\w*|"
    "normal|healthy|(?:rest|remainder) of the (?:brain|scan|image)|(?:everything|anything|something) else|otherwise|"
    "age|old|born|birth|sex|gender|man|woman|patient'?s (?:name|age|sex|history)|name of the patient|your name|"
    r"patient (?:get|have|had|need|feel|say|recover|take)\w*|ignore|abscess\w*|stroke\w*|infarct\w*|haemorrhag\w*|hemorrhag\w*|"
    r"bleed\w*|infect\w*|inflamm\w*|oedema|edema|\w+(?<!gli)(?<!meningi)omas?)\b"
)
# What looks like it, and is a question about this report.
_ABOUT_THE_REPORT = re.compile(
    r"\b(?:us(?:e|ed|able)|meant|intended|rely|fit|valid|approved) .*\b(?:diagnos\w*|clinic\w*)"
)

# In the order in which they are tried: the first that knows a word of the question is meant.
TOPICS = (
    _topic(
        "change", "What would change the suggestion?",
        "would", "what if", "what happens (?:if|when)", r"remov\w*", "hid(?:e|es|den|ing)", r"cover\w*", "left out", "without",
        "flips?", "flipped", "switch(?:es|ed)?", "overturn", "counterfactuals?", r"alter\w*", r"chang\w*", "robust",
        "different (?:answer|result|suggestion|class|outcome)", "another (?:answer|result|suggestion|class)", "background",
    ),
    _topic(
        "maps", "What do the heat maps show?",
        "heat ?-?maps?", r"salien\w*", r"(?:grad|score|layer|hires)-?cam\+*", r"highlight\w*", "look(?:s|ed|ing)?(?! like)",
        "dice", r"pixels? (?:that )?matter\w*", "matter(?:s|ed)", "attention", r"focus\w*", "explanations?", "methods? agree",
        "hot ?spots?", "warm", "activation",
    ),
    _topic(
        "technique", "What was read, and which model was it?",
        "(?:which|what) model (?!sug|say|think|score|find|know)", "version", "software", "algorithm", "input",
        "(?:which|what) (?:kind of |type of |mri )?(?:image|scan|sequence|series|data|picture|file)s?",
        "how many (?:slices|voxels)", "voxels?", "spacing", "resolution", "technique", "sequence", "weighted", "contrast agent",
        "how (?:was|were|is) (?:this|it|that|the report|the result) (?:computed|made|done|calculated|produced|generated)",
    ),
    _topic(
        "limits", "What are the limits of this report?",
        r"limit\w*", "caveats?", r"careful\w*", r"caution\w*", r"weak\w*", "shortcomings?", "cannot", "can't",
        "can (?:this|it|the model|the report|you) not", "not know", "not tell", "doesn't know", "warnings?", "aware",
        "for what", "research", "what (?:do|does) (?:you|it|the model) (?:not )?know", "pitfalls?", "disclaimers?",
    ),
    _topic(
        "why", "Why this class and not another?",
        "why", "reasons?", "grounds?", "based on", "basis", "how come", "what makes", "(?:made|led|brings?|brought) (?:the|it)",
        r"(?:speaks?|spoke|argu\w*|points?|counts?) (?:for|against|to|towards)", "versus", "vs", "rather than", "instead",
        "as opposed to", "difference between", "explain", "justif\\w*", "evidence for", "evidence against", "tell .* apart",
    ),
    _topic(
        "sure", "How sure is the model?",
        "(?:un)?sure", r"(?:un)?certain\w*", r"confiden\w*", r"(?:un)?reliab\w*", r"trust\w*", "scores?", "margin", "entropy",
        r"calibrat\w*", "close call", r"probab\w*", r"likel\w*", "chances?", "odds", "ahead", "safe", "bet", "still possible",
        "class set", "set aside", "second", "runner-up", "next (?:best )?class", "other classes", "alternatives?", r"doubt\w*",
        r"ambig\w*", "how strong", "believe", "consensus", "planes? agree", r"guess\w*", "borderline",
    ),
    _topic(
        "side", "On which side does it lie, and is the midline shifted?",
        "sides?", "sided", r"(?:left|right)(?!.*\b(?:lobe|gyrus|cortex|region|pole|thalamus|ventricle))", "hemispheres?",
        "bilateral", "unilateral", "midline", "laterality", "halves", "half",
    ),
    _topic(
        "places", "Which regions does it project onto?",
        "where", "whereabouts", "regions?", "lobes?", r"locat\w*", "positions?", "gyr(?:us|i)", "sulc(?:us|i)",
        "cort(?:ex|ical|ices)", "areas?", "structures?", "nearby", "near", "nearest", "close to", "adjacent", r"neighbou?r\w*",
        "distances?", "far", "(?:part|parts) of the brain", "atlas", "registration", r"anatom\w*", "sits?",
        "lies?", r"overlap\w*", r"touch\w*", "thalamus", "hippocampus", "ventricles?", "insula", "brainstem", "deep",
        "superficial", "surface",
    ),
    _topic(
        "size", "How big is it, and how many are there?",
        "big", "large", "largest", "small", "sizes?", "volumes?", "how many", "number of", "count", "dimensions?", "diameters?",
        r"millilit\w*", r"millimet\w*", r"centimet\w*", "mm", "cm", "ml", r"measure\w*", "wide", "width", "long", "longest",
        "tall", "thick", "space", "extent", "more than one", "multiple", "several", "single", "solitary", r"shape\w*", "round",
        "lesions?", r"abnormalit\w*",
    ),
    _topic(
        "impression", "What does the model suggest?",
        r"suggest\w*", "class(?:es)?", "results?", "what is (?:it|this|that)", r"conclu\w*", "impression", "found", "find",
        "findings?", r"summar\w*", "outcome", "call(?:ed)? (?:it|this)", "say", "report",
    ),
)  # fmt: skip
_BY_NAME = {topic.name: topic for topic in TOPICS}


def topic_of(question: str) -> Topic | None:
    """What is asked for; None where the findings of no case hold it, or the question is not understood."""
    asked = " ".join(question.lower().replace("’", "'").split())
    if _ABOUT_THE_REPORT.search(asked):
        return _BY_NAME["limits"]
    if _BEYOND.search(asked):
        return None
    return next((topic for topic in TOPICS if topic.words.search(asked)), None)
