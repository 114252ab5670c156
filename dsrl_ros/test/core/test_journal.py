"""Whatever byte a crash cuts a journal at, every whole record before it is read back."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_ros.core.journal import Journal, read_journal


@settings(max_examples=100)
@given(records=st.lists(st.binary(max_size=50), max_size=6), cut=st.integers(min_value=0))
def test_a_cut_anywhere_loses_only_what_lies_behind_it(records, cut):
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'journal'
        with Journal(path) as journal:
            for record in records:
                journal.append(record)
        whole = path.read_bytes()
        cut %= len(whole) + 1
        path.write_bytes(whole[:cut])
        kept, end = 0, 0
        while kept < len(records) and end + 8 + len(records[kept]) <= cut:
            end += 8 + len(records[kept])
            kept += 1
        assert list(read_journal(path)) == records[:kept]
        with Journal(path) as journal:
            assert journal.num_records == kept
            assert journal.torn_bytes == cut - end
            journal.append(b'after the crash')
        assert list(read_journal(path)) == [*records[:kept], b'after the crash']


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / 'journal'
    with Journal(path) as journal:
        journal.append(b'first')
        journal.append(b'second')
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    assert list(read_journal(path)) == [b'first']


def test_an_appended_record_is_there_before_the_file_is_closed(tmp_path):
    journal = Journal(tmp_path / 'journal')
    journal.append(b'record')
    assert list(read_journal(tmp_path / 'journal')) == [b'record']
    journal.close()


def test_closing_twice_is_harmless(tmp_path):
    journal = Journal(tmp_path / 'folder' / 'journal')
    journal.close()
    journal.close()
    with pytest.raises(ValueError, match='closed'):
        journal.append(b'late')
