"""The clinical record: one row of known columns, refused with column and row, kept and never said to be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from XAIReportLib.case import InputError
from XAIReportLib.clinical import csv_text, notes, provenance, read_clinical


def table(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, "utf-8")
    return path


def test_values_are_read_and_written_the_same_way(tmp_path):
    record = read_clinical(table(tmp_path, "\ufeffage_years, sex,karnofsky\n61.0,f,90\n\n"))
    assert record == {"age_years": "61", "sex": "F", "karnofsky": "90"}
    assert read_clinical(table(tmp_path, csv_text(record))) == record


def test_an_empty_cell_is_left_out(tmp_path):
    assert read_clinical(table(tmp_path, "age_years,sex\n,M\n")) == {"sex": "M"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("age_years\nsixty\n", r"Column age_years, row 2 .*a number from 0 to 120"),
        ("age_years\n\n-1\n", r"Column age_years, row 3"),
        ("age_years\nnan\n", r"Column age_years, row 2"),
        ("karnofsky\n85\n", r"Column karnofsky, row 2 .*steps of 10"),
        ("sex\nfemale\n", r"Column sex, row 2 .*F, M or O"),
        ("age_years,patient_name\n60,Ada\n", r"Column 2 .*none of age_years, sex, karnofsky; remove it"),
        ("age_years,age_years\n60,61\n", r"Column age_years .*twice"),
        ("age_years\n60\n61\n", r"2 filled rows"),
        ("age_years\n60,61\n", r"Row 2 .*more cells"),
        ("age_years\n", r"no row below its header"),
        ("", r"no row below its header"),
    ],
)
def test_a_wrong_table_is_refused_with_its_column_and_row(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read_clinical(table(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["age_years,sex\nAda Lovelace,F\n", "age_years,sex\n60,Ada Lovelace\n", "Ada Lovelace\n60\n"]
)
def test_no_refusal_repeats_what_the_table_holds(tmp_path, text):
    """It goes to the log and to the worker's error; a name may stand in a wrong column, or where a header should be."""
    with pytest.raises(InputError) as refused:
        read_clinical(table(tmp_path, text))
    assert "Ada" not in str(refused.value)
    assert "Lovelace" not in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xff\xfe\x00age")
    with pytest.raises(InputError, match="UTF-8"):
        read_clinical(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_clinical(tmp_path / "gone.csv")


def test_the_report_says_that_it_was_not_used_and_the_provenance_holds_no_value():
    record = {"age_years": "61", "sex": "F"}
    assert notes(record) == ["A clinical record (age_years, sex) is kept with this result; the model did not use it."]
    assert notes({}) == []
    assert provenance(record)["used_by_model"] is False
    assert "61" not in json.dumps({k: v for k, v in provenance(record).items() if k != "sha256"})
