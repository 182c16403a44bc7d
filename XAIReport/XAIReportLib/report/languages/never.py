"""What is never said in French, German and Spanish: the same as wording.py for English, and what a class is called is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from .catalogue import language
from .typography import one_way

_NEVER = {
    "fr": r"bénin\w*|bénigne\w*|malin|maligne?s?|malignité\w*|grades?|moléculaire\w*|mutations?|muté\w*|méthyl\w*|"
    r"parce que|parce qu|car|en raison d\w*|dus? à|dues? à|caus\w+|provoqu\w+|reconn\w+|le modèle voit|"
    r"diagnosti\w+|confirm\w+|probabilité\w*|probable\w*|vraisembla\w+|normale?s?|normaux|saine?s?|"
    r"tumeurs?|tumora\w+|cancers?|carcinomes?|œdème\w*|oedème\w*|nécro\w+|infiltr\w+|envahi\w*|invasi\w+|épargn\w+|"
    r"éloquent\w*|fonctionnel\w*|adénomes?|glioblastomes?|métasta\w+|lymphomes?|abcès|astrocytomes?|"
    r"croissance|croît|grandi\w*|stable\w*|stabilité|progress\w+|évolu\w+|pronosti\w+|survie|urgen\w+|"
    r"traite\w+|thérap\w+|chirurg\w+|opér\w+|résect\w+|réséqu\w+|biops\w+|"
    r"clairement|évident\w*|évidemment|certain\w*|certitude|indéniable\w*|typique\w*|compatible\w*|évocat\w+|évoque\w*|exclu\w*",
    "de": r"benign\w*|gutartig\w*|malign\w*|bösartig\w*|grad(?:es?)?(?!-cam)|molekular\w*|mutat\w*|mutiert\w*|methyl\w*|"
    r"weil|wegen|aufgrund|verursach\w*|ursach\w*|bedingt|erkenn\w*|erkannt\w*|das modell sieht|"
    r"diagnos\w*|bestätig\w*|wahrscheinlich\w*|vermutlich|normal\w*|unauffällig\w*|gesund\w*|"
    r"tumor\w*|\w*tumore?n?|krebs\w*|karzinom\w*|ödem\w*|\w+ödem\w*|nekro\w*|infiltr\w*|invasi\w*|befallen\w*|"
    r"eloquent\w*|funktionell\w*|adenom\w*|glioblastom\w*|metasta\w*|lymphom\w*|abszess\w*|astrozytom\w*|"
    r"wachs\w*|gewachsen|wächst|stabil\w*|progred\w*|progress\w*|verlauf\w*|prognos\w*|überleb\w*|dringend\w*|dringlich\w*|"
    r"notfall\w*|behand\w*|therap\w*|chirurg\w*|operier\w*|operation\w*|resek\w*|reseziert\w*|biops\w*|"
    r"eindeutig\w*|offensichtlich\w*|sicher\w*|zweifel\w*|gewiss\w*|typisch\w*|vereinbar\w*|passend zu|ausgeschlossen|ausschl\w*",
    "es": r"benign\w*|malign\w*|grados?|molecular\w*|mutaci\w*|mutad\w*|metil\w*|"
    r"porque|debid\w*|caus\w*|provoc\w*|reconoc\w*|el modelo ve|"
    r"diagn\w*|confirm\w*|probabil\w*|probable\w*|normal\w*|sano?s?|sana?s?|"
    r"tumor\w*|cáncer\w*|carcinoma\w*|edema\w*|necr\w*|infiltr\w*|invad\w*|invas\w*|respeta\w*|"
    r"elocuente\w*|funcional\w*|adenoma\w*|glioblastoma\w*|metást\w*|metast\w*|linfoma\w*|absceso\w*|astrocitoma\w*|"
    r"crec\w*|estable\w*|estabilidad|progres\w*|evoluci\w*|pronóst\w*|superviv\w*|urgen\w*|"
    r"tratamient\w*|tratar\w*|terap\w*|cirug\w*|quirúrg\w*|operar\w*|resec\w*|biops\w*|"
    r"claramente|evidente\w*|obvi\w*|cierta\w*|certeza|segur\w*|indudable\w*|típic\w*|compatible\w*|sugestiv\w*|exclu\w*|descart\w*",
}
_ACRONYMS = r"WHO|OMS|IDH|MGMT|EGFR|TERT|ATRX|CNS5|PitNET|1p/?19q"
# The template's own sentences that need one of these words.
_ALLOWED = (
    "Not for diagnosis.",
    "No lesion found by this model on this series; this does not exclude one.",
    "No segmented abnormality reached the model's threshold on this series; this does not exclude one.",
    "Post-operative change is not recognised.",
)
_CLASSES = {"fr": "tumeur hypophysaire", "de": "Hypophysentumor", "es": "tumor hipofisario"}


@cache
def _pattern(code: str) -> re.Pattern[str]:
    """The words that are never said, as a group; what a class is called is found before them."""
    return re.compile(rf"\b(?:(?i:{_CLASSES[code]})\b|((?i:{_NEVER[code]})|{_ACRONYMS})\b)")


@cache
def _allowed(code: str) -> re.Pattern[str]:
    said = (one_way(language(code).said(english) or english).rstrip(".") for english in _ALLOWED)
    return re.compile("|".join(map(re.escape, said)), re.IGNORECASE)


def never_said(text: str, code: str, proper_names: Iterable[str] = ()) -> list[str]:
    """The words of ``text`` that are never said in this language, in order.

    Args:
        proper_names: of the model, its data set and the atlas; they may hold any word.
    """
    text = _allowed(code).sub(" ", one_way(text))
    for name in filter(None, map(one_way, proper_names)):
        text = text.replace(name, " ")
    return list(dict.fromkeys(match[1] for match in _pattern(code).finditer(text) if match[1]))
