"""What a question about a case asks for, recognised by its English words: a topic, something that no findings hold, or nothing
that is understood."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .languages.recognition import language_of


@dataclass(frozen=True)
class Topic:
    """``plain``: the question as a language model gets it, so that none of the person's own words leave; ``words``: that it is
    known by, ``unless`` one of others stands in it, too."""

    name: str
    plain: str
    words: re.Pattern[str]
    unless: re.Pattern[str] | None = None

    def is_asked(self, question: str) -> bool:
        return bool(self.words.search(question)) and not (self.unless and self.unless.search(question))


def _topic(name: str, plain: str, *words: str, unless: tuple[str, ...] = ()) -> Topic:
    return Topic(name, plain, _any(words), _any(unless) if unless else None)


def _any(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b")


# Words by which a question is English, whatever else stands in it.
_ENGLISH = frozenset(
    ("what", "which", "how", "why", "where", "who", "when", "whose", "does", "did", "are", "the", "you", "your", "should", "could",
     "would", "tell", "show")
)  # fmt: skip
_PEOPLE = r"(?:(?:neuro)?radiologist|doctor|physician|expert|clinician|pathologist|neurologist|colleague|human)s?"
# Asked about the patient's past, future or care, about other diseases, about what only a pathologist or
# another series can say, or what a person would.
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
    r"bleed\w*|infect\w*|inflamm\w*|oedema|edema|\w+(?<!gli)(?<!meningi)omas?|cyst\w*|necro\w*|calcif\w*|diffusion|perfusion|"
    r"spectroscop\w*|vessels?|arter(?:y|ies)|vascular\w*|mass effect|hydroceph\w*|herniat\w*|compress\w*|artefacts?|artifacts?|"
    r"worr(?:y|ied)|who is (?:the|this) patient|second opinion|"
    rf"(?:would|do|does|did|will|could|might|should|can) (?:\w+ ){{0,2}}{_PEOPLE}|{_PEOPLE} (?:would|will|might|agree|say|think))\b"
)
# What looks like it, and is a question about this report.
_ABOUT_THE_REPORT = re.compile(
    r"\b(?:us(?:e|ed|able)|meant|intended|rely|fit|valid|approved) .*\b(?:diagnos\w*|clinic\w*)"
)

_OF_THE_ANSWER = (
    r"(?:chang\w*|if|without|still|mak\w*|tak\w*|flip\w*|switch\w*|different\w*|say|answers?|results?|suggest\w*|outcome|model|"
    r"scores?|class|classes|drop|fall|remain|stay)\b"
)
# In the order in which they are tried: the first that knows a word of the question is meant.
_SECOND = r"second(?! (?:segmented )?(?:lesion|abnormality|focus)\b)"  # a class, and not an abnormality
TOPICS = (
    _topic(
        "accuracy", "How accurate is the model on its test patients?",
        r"(?:in)?accura\w*", r"sensitiv\w*", "specificity", "precision", r"perform(?:s|ed|ance)?", "error rates?", "auc",
        "auroc", "f1", "how often", r"mistak\w*", "held-out", r"benchmark\w*", r"are you (?:\w+ )?right",
        r"how (?:good|well) (?:is|does|was|did|can) (?:the|this|your) (?:model|network|classifier|algorithm|ai)",
        r"validat(?:ed|ion)", "test (?:set|data|patients|images|cases)", "tested", "false (?:positives?|negatives?)",
        "(?:are you|is the model|is it) (?:ever |often |usually |always |really )?(?:wrong|correct)",
        unless=("registration", "atlas", r"regions?", r"distances?", "midline", r"heat ?-?maps?", r"salien\w*", "score"),
    ),
    _topic(
        "change", "What would change the suggestion?",
        rf"would(?=.*\b{_OF_THE_ANSWER})", r"(?:if|when|were)\b.*\bwould", "what if", "what happens (?:if|when)", r"remov\w*",
        "hid(?:e|es|den|ing)", r"cover\w*", "left out", "without", "flips?", "flipped", "switch(?:es|ed)?", "overturn",
        "counterfactuals?", r"alter\w*", r"chang\w*", "robust",
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
        r"train(?:ed|ing)",
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
        "class set", "set aside", _SECOND, "runner-up", "next (?:best )?class", "other classes", "alternatives?", r"doubt\w*",
        r"ambig\w*", "how strong", "believe", "consensus", "planes? agree", r"guess\w*", "borderline",
    ),
    _topic(
        "midline", "Is the midline shifted?",
        r"midline.*\b(?:shift\w*|displac\w*|deviat\w*|push\w*|moved)", r"septum\w*",
        r"(?:shift\w*|displac\w*|deviat\w*|push\w*|mov(?:e|es|ed)).*\bmidline",
    ),
    _topic(
        "distance", "How far is it from the atlas positions that are asked about?",
        "how (?:far|close|near)", r"distances?", r"broca\w*", r"wernicke\w*",
        r"(?:motor|language|speech|visual) (?:cortex|areas?|strip|regions?)",
    ),
    _topic(
        "side", "On which side does it lie?",
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
        "brightness", "How bright is it on this series?",
        r"bright\w*", r"enhanc\w*", "dark(?:er|ness)?", r"(?:hyper|hypo|iso)-?intens\w*", r"intensit\w*", "signal", "solid",
        "rings?",
    ),
    _topic(
        "shape", "Which shape does it have?",
        r"shape\w*", r"round\w*", r"spher\w*", r"elongat\w*", "oval", r"(?:ir)?regular\w*", r"lobulat\w*", "compact", "flat",
    ),
    _topic(
        "size", "How big is it, and how many are there?",
        "big", "large", "largest", "small", "sizes?", "volumes?", "how many", "number of", "count", "dimensions?", "diameters?",
        r"millilit\w*", r"millimet\w*", r"centimet\w*", "mm", "cm", "ml", r"measure\w*", "wide", "width", "long", "longest",
        "tall", "thick", "space", "extent", "more than one", "multiple", "several", "single", "solitary",
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
    asked = _asked(question)
    if not _in_english(question) or (_BEYOND.search(asked) and not _ABOUT_THE_REPORT.search(asked)):
        return None
    if _ABOUT_THE_REPORT.search(asked):
        return _BY_NAME["limits"]
    return next((topic for topic in TOPICS if topic.is_asked(asked)), None)


def is_beyond(question: str) -> bool:
    """Whether a question is understood, and asks for what the findings of no case hold."""
    asked = _asked(question)
    return _in_english(question) and bool(_BEYOND.search(asked)) and not _ABOUT_THE_REPORT.search(asked)


def _asked(question: str) -> str:
    return " ".join(question.lower().replace("’", "'").split())


def _in_english(question: str) -> bool:
    """As far as its words tell: a word of two languages means another thing in each ("die", "regions")."""
    words = set(re.findall(r"[^\W\d_]+", question.lower()))
    return bool(words & _ENGLISH) or (all(map(str.isascii, words)) and language_of(question) in ("en", None))
