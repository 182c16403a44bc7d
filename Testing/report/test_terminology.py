"""Codes belong to their system, carry a right check digit, and are left out where nothing is known."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from XAIReportLib.report import terminology
from XAIReportLib.report.terminology import Code, checked, is_snomed_concept
from XAIReportLib.results import SALIENCY_METHODS

KNOWN = ("7771000", "24028007", "83251001", "78277001", "393564001", "1373614004", "900000000000207008")


@pytest.mark.parametrize("concept", KNOWN)
def test_ids_of_snomed_ct_are_accepted(concept):
    assert is_snomed_concept(concept)


@given(st.sampled_from(KNOWN), st.data())
def test_one_wrong_digit_is_noticed(concept, data):
    place = data.draw(st.integers(0, len(concept) - 1))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != concept[place]]))
    assert not is_snomed_concept(concept[:place] + digit + concept[place + 1 :])


@given(st.sampled_from(KNOWN), st.data())
def test_two_swapped_neighbours_are_noticed(concept, data):
    place = data.draw(st.integers(0, len(concept) - 2))
    swapped = concept[:place] + concept[place + 1] + concept[place] + concept[place + 2 :]
    assert swapped == concept or not is_snomed_concept(swapped)


@pytest.mark.parametrize("value", ["", "12345", "1" * 19, "0771000", "J18.1", "７７７１０００"])
def test_other_strings_are_no_snomed_ids(value):
    assert not is_snomed_concept(value)


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("SCT", "J18.1"), ("SCT", "24028008"), ("I10", "83251001"), ("RADLEX", "6440"), ("XYZ", "1"),
        ("ICDO3", "8272"), ("ICDO3", "C7"), ("ICDO3", "C71.12"), ("ICDO3", "D35.2"), ("ICD11", "XA97381"), ("ICD11", "XA"),
    ],
)  # fmt: skip
def test_a_code_of_another_system_is_refused(scheme, value):
    with pytest.raises(ValueError, match="code"):
        checked(Code(scheme, value, "lobar pneumonia"))


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("I10", "J18.1"), ("ICDO3", "9380/3"), ("ICDO3", "C71.1"), ("ICDO3", "C75.1"), ("ICDO3", "C71"), ("RADLEX", "RID6440"),
        ("ICD11", "2A01.0Z"), ("ICD11", "XA9738"), ("ICD11", "XK8G"), ("ICD11", "XN8P1"),
    ],
)  # fmt: skip
def test_a_code_of_its_own_system_is_accepted(scheme, value):
    assert checked(Code(scheme, value, "")).value == value


def test_every_code_of_the_tables_is_in_the_dictionaries_and_valid():
    for side in ("left", "right", "midline", "bilateral"):
        assert terminology.side_code(side).meaning.lower() == side
    for lobe, value in {
        "frontal": "83251001",
        "temporal": "78277001",
        "parietal": "16630005",
        "occipital": "31065004",
    }.items():
        assert terminology.lobe_code(lobe).value == terminology.lobe_code(f"{lobe.title()} lobe").value == value
    for name in terminology._STRUCTURES:
        assert checked(terminology.structure_code(name)).scheme == "SCT"
    assert terminology.structure_code("Right_Thalamus") == terminology.structure_code("Thalamus")
    assert terminology.structure_code("Thalamus").value == "42695009"


def test_what_is_not_known_has_no_code():
    assert terminology.structure_code("Inferior Temporal Gyrus, temporooccipital part") is None
    assert terminology.lobe_code("other") is None
    assert terminology.lobe_code(None) is None
    assert terminology.side_code(None) is None
    assert terminology.class_codes("squamous") == ()


@pytest.mark.parametrize("label", ["glioma", "meningioma", "pituitary"])
def test_classes_are_coded_by_parent_and_site_without_behaviour_or_histology(label):
    parent, site = terminology.class_codes(label)
    assert parent.meaning == "Neoplasm"
    assert site.meaning in ("Brain", "Meninges", "Pituitary")


def test_segments_have_terminology():
    lesion = terminology.lesion_terminology("left")
    assert (lesion.type.meaning, lesion.modifier.meaning) == ("Lesion", "Left")
    assert terminology.lesion_terminology(None).modifier is None


@pytest.mark.parametrize("method", SALIENCY_METHODS)
def test_a_class_activation_map_is_coded_as_one(method):
    meaning = terminology.saliency_terminology(method).type.meaning
    if method in ("gradcam", "gradcam++"):
        assert meaning == "Gradient-weighted class activation"
    elif "cam" in method:
        assert meaning == "Class activation"
    else:
        assert meaning == "Saliency"


def test_slicers_own_python_can_import_it(tmp_path):
    """Neither pydantic nor matplotlib nor torch is there."""
    import subprocess

    code = (
        "import sys\n"
        "for name in ('pydantic', 'matplotlib', 'jinja2', 'torch', 'nibabel', 'reportlab'): sys.modules[name] = None\n"
        "from XAIReportLib.report import terminology\n"
        "print(terminology.side_code('left').value)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "7771000"


def test_parts_of_the_brain_have_a_second_code_and_parts_of_parts_none():
    assert [c.scheme for c in terminology.structure_codes("Left Thalamus")] == ["SCT", "RADLEX"]
    assert terminology.radlex_code("Brain-Stem") == terminology.radlex_code("brainstem")
    codes = [terminology.radlex_code(name) for name in terminology._RADLEX]
    assert None not in codes and len({code.value for code in codes}) == len(codes)
    assert terminology.radlex_code("frontal").value == terminology.radlex_code("Frontal lobe").value == "RID6440"
    for name in ("Frontal Pole", "Temporal Occipital Fusiform Cortex", "white matter / other", "Putamen"):
        assert terminology.radlex_code(name) is None
    assert terminology.structure_codes("Frontal Pole") == ()


def test_a_site_of_icd_o_is_given_only_where_it_means_the_same():
    for lobe, value in {"frontal": "C71.1", "temporal": "C71.2", "parietal": "C71.3", "occipital": "C71.4"}.items():
        code = terminology.topography_code(lobe)
        assert (code.scheme, code.value, code.meaning) == ("ICDO3", value, f"{lobe.capitalize()} lobe")
    assert [c.value for c in terminology.structure_codes("pituitary")][1:] == ["C75.1"]
    for name in ("cerebellum", "Brain-Stem", "Thalamus", "Lateral Ventricle", "Insula", "Frontal Pole", "other"):
        assert terminology.topography_code(name) is None
    for label in ("glioma", "meningioma", "pituitary"):
        assert "ICDO3" not in {code.scheme for code in terminology.class_codes(label)}
