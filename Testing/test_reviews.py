"""review.json under several hands: no edit is lost, and a file that this version does not understand is left as it is."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from XAIReportLib import reviews
from XAIReportLib.case import InputError
from XAIReportLib.reviews import Edit, one_line, read_review, remove_edit, write_edit, write_review

AN_EDIT = Edit("lesions", "The report's.", "The reader's.", "supported", "", "2026-01-01T00:00:00+00:00", "0" * 64)
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from XAIReportLib.reviews import Edit, write_edit
folder, name = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    write_edit(folder, Edit("lesions", f"{name} {number}", "The reader's.", "supported", "", "2026-01-01T00:00:00+00:00", "0"))
"""
CHANGES: list[Callable[[Path], Any]] = [
    lambda folder: write_review(folder, "Ada Reader", "{}"),
    lambda folder: write_edit(folder, AN_EDIT),
    lambda folder: remove_edit(folder, AN_EDIT.section, AN_EDIT.original),
]


def keep(folder: Path, content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "review.json").write_text(text, "utf-8")
    return text


@contextlib.contextmanager
def unreadable(folder: Path) -> Iterator[None]:
    """For this process, also where it is the system's administrator."""
    is_root = os.geteuid() == 0
    folder.chmod(0)
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o700)


def test_two_processes_that_edit_lose_no_edit(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in "ab"
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        print("go", file=writer.stdin, flush=True)
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    review = read_review(tmp_path)
    assert review is not None
    assert len(review.edits) == 80
    assert [path.name for path in tmp_path.iterdir()] == ["review.json"]


def test_the_same_sentence_in_another_section_has_a_wording_of_its_own(tmp_path: Path) -> None:
    other = replace(AN_EDIT, section="limits", text="Other words.")
    write_edit(tmp_path, AN_EDIT)
    assert write_edit(tmp_path, other).edits == (AN_EDIT, other)
    assert remove_edit(tmp_path, "lesions", AN_EDIT.original).edits == (other,)


@pytest.mark.parametrize("change", CHANGES)
def test_while_another_process_changes_a_review_a_change_is_refused_with_a_sentence(tmp_path, monkeypatch, change):
    monkeypatch.setattr(reviews, "LOCK_PATIENCE_S", 0.1)
    before = keep(tmp_path, {"reviewer": ""})
    with FileLock(tmp_path / ".review.json.lock"), pytest.raises(InputError, match="by another process; try again"):
        change(tmp_path)
    assert (tmp_path / "review.json").read_text("utf-8") == before


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path):
    with pytest.raises(InputError, match=r"cannot be kept .*no such file.*copy the result elsewhere"):
        write_edit(tmp_path / "gone", AN_EDIT)
    assert not (tmp_path / "gone").exists()


def test_without_what_the_worker_needs_a_report_can_be_signed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "filelock", None)
    assert write_review(tmp_path, "Ada Reader", "{}").is_of("{}")


@pytest.mark.parametrize("version", ["1.2.0", "1.10.0", "2.0.0"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_review_of_a_newer_version_is_not_changed_and_loses_nothing(tmp_path, change, version):
    newer = {"schema_version": version, "reviewer": "A", "reviewed_at": "2026-01-01T00:00:00", "second_reader": "B"}
    before = keep(tmp_path, newer)
    with pytest.raises(InputError, match=rf"review\.json of {tmp_path.name} .*newer .*{version}.*update XAIReport"):
        change(tmp_path)
    assert (tmp_path / "review.json").read_text("utf-8") == before


def test_a_review_of_a_newer_minor_version_is_read_and_of_a_major_one_not_guessed_at(tmp_path):
    keep(tmp_path, {"schema_version": "1.2.0", "edits": [{**vars(AN_EDIT), "language": "fr"}], "second_reader": "B"})
    assert read_review(tmp_path).edits == (AN_EDIT,)
    keep(tmp_path, {"schema_version": "2.0.0", "edits": {"lesions": 1}})
    with pytest.raises(InputError, match="newer"):
        read_review(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 200_000, "is nested too deeply"),
        ("{", "is no JSON"),
        ("[]", "holds no document"),
        ({"reviewer": None}, "holds no text in reviewer"),
        ({"corrected": "no"}, "holds no true or false in corrected"),
        ({"edits": {"a": 1}}, "holds no list in edits"),
        ({"edits": [1]}, "holds an edit that is none"),
        ({"edits": [{**vars(AN_EDIT), "text": 3}]}, "holds an edit without text in text"),
        ({"edits": [{**vars(AN_EDIT), "outcome": []}]}, "holds an edit without text in outcome"),
        ({"reviewer": "A", "reviewed_at": "yesterday"}, "holds no time in reviewed_at"),
        ({"schema_version": 2}, "holds no version in schema_version"),
        ({"schema_version": "next"}, "holds no version in schema_version"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_and_what_to_do(tmp_path, content, said):
    before = keep(tmp_path, content)
    sentence = rf"review\.json of {tmp_path.name} {said} and cannot be read; move it away, then edit and sign"
    for use in (read_review, *CHANGES):
        with pytest.raises(InputError, match=sentence):
            use(tmp_path)
    assert (tmp_path / "review.json").read_text("utf-8") == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among files")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "review.json")
    with pytest.raises(InputError, match=r"review\.json of .* is no file and cannot be read; move it away"):
        read_review(tmp_path)


def test_a_wording_that_is_too_long_to_be_checked_is_not_kept(tmp_path):
    write_edit(tmp_path, replace(AN_EDIT, text="x" * 1500))
    with pytest.raises(
        InputError, match="The wording has 1501 characters and is not kept; shorten it to 1500 or fewer"
    ):
        write_edit(tmp_path, replace(AN_EDIT, text="x" * 1501))
    assert read_review(tmp_path).edits[0].text == "x" * 1500


@pytest.mark.parametrize("unseen", ["\u202e", "\u2067", "\u200b", "\x07", "\u00ad", "\n"])
def test_characters_that_are_not_seen_are_in_no_wording_and_no_name(tmp_path, unseen):
    assert one_line(f"a score{unseen} of 0.89 ") == "a score of 0.89"
    with pytest.raises(InputError, match="characters that are not seen and is not kept; type it anew"):
        write_edit(tmp_path, replace(AN_EDIT, text=f"a score of {unseen}0.89"))
    assert list(tmp_path.glob("review.json")) == []
    assert write_review(tmp_path, f"Ada{unseen} Lovelace", "{}").reviewer == "Ada Lovelace"


def test_words_that_are_written_with_joiners_keep_them():
    assert (
        one_line("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")
        == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    )


def test_a_longer_wording_that_was_kept_before_is_still_the_readers(tmp_path):
    keep(tmp_path, {"edits": [{**vars(AN_EDIT), "text": "x" * 1501}]})
    assert read_review(tmp_path).edits[0].text == "x" * 1501


@pytest.mark.skipif(os.name == "nt", reason="Windows has no unreadable folders")
def test_an_unreadable_folder_is_a_sentence(tmp_path):
    folder = tmp_path / "case-7"
    folder.mkdir()
    keep(folder, {"reviewer": ""})
    with unreadable(folder):
        with pytest.raises(InputError, match=r"review\.json of case-7 cannot be read \(permission denied\); copy"):
            read_review(folder)
        with pytest.raises(InputError, match=r"cannot be kept .*permission denied"):
            write_edit(folder, AN_EDIT)


def test_a_name_that_no_file_can_hold_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(InputError, match="no file can hold; enter the text again"):
        write_review(tmp_path, "Ada \ud800", "{}")
    assert list(tmp_path.iterdir()) == []
