"""The report in other languages: English is the source, and one catalogue leads from it to each language and back.

catalogue.py     reads the catalogue; Language: what is said in English, in one language, and the other way round
grammar.py       patterns with slots, matched in one language and filled in another
names.py         what classes, regions, lobes, positions, methods and measures are called
typography.py    one way of writing for what can be written in several
recognition.py   which language a text is in
sentences/       the template's sentences; engine.toml: reasons and warnings of the engine
labels/          titles, captions, tables and marks in pictures; names.toml: names
never.py         what is never said
"""

from .catalogue import LANGUAGES, Language, language

__all__ = ["LANGUAGES", "Language", "language"]
