"""The grounding check: whether a text says only what the findings of a case hold, whoever wrote it.

check.py        check_text and check_sentence: the verdict on each sentence (Checker: on many texts of one case)
words.en.txt    the English that can be read; vocabulary.py adds the names of the case, and words.*.en.txt those of one subject
search.py       the ways in which a sentence may be read; reading.py: one statement as it stands; never.py: what is never said
rewording.py    plainer words for the same claims (rewordings.en.txt); synonyms.py: words and constructions that claim the same
apart.py        the statements that a sentence joins; ellipsis.py: what a clause leaves out; figures.py: figures beside what they
                are of; meant.py: which of two is meant; causes.py: what may be a reason of what
frames.py       statements about the analysis, read by their concepts (concepts.en.txt, frames.en.txt)
recast.py       statements with a figure about the case as a whole, in the report's words (recast.en.txt)
misread.py      what would be read otherwise than it is meant (misread.en.txt)
outcome.py      what the check says of a sentence
numerals.py     numbers as they are written
phrases.py      from words to mentions (mentions.py): numbers with units, lesions, regions with a side
claims.py       clauses, what "it" stands for, negation, claims; owners.py: whose figure it is
numbers.py      readers of numbers: counts.py, sizes.py, shares.py, scores.py; facts.py compares
bright.py       reader of brightness
shape.py        readers of diameters and the midline, near.py of distances, checked.py of the heat maps' checks
edited.py       readers of a reader's edit, changed.py of changed images
places.py       readers of sides and regions, classes.py and ranks.py of classes, existence.py of what was found
codes.py        sentences that give codes of terminologies
statements.py   reader of everything else; along.py: words that only say again what was said
cutting.py      a text cut into sentences; quotes.py: those that may be quoted (fixed.en.txt: in other
                words)
"""

from .check import CheckedClaim, CheckedSentence, Checker, check_sentence, check_text
from .cutting import sentences

__all__ = ["CheckedClaim", "CheckedSentence", "Checker", "check_sentence", "check_text", "sentences"]
