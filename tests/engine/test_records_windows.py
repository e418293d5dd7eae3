"""Lists of recorded images: any order, any filter, and the same rows in windows as at once."""

from __future__ import annotations

import pytest

from fext_engine.errors import FextError
from fext_engine.images.measures import MEASURE_NAMES
from fext_engine.records import open_records
from fext_engine.records.filter import parse_filter
from fext_engine.records.image_windows import list_ids, read_rows
from fext_engine.records.images import LIST_COLUMNS, count_images, find_root, list_images

COUNT = 700


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


@pytest.fixture
def records(tmp_path, root):
    """700 images in 7 classes; every tenth is broken, every seventh not read yet."""
    with open_records(tmp_path / "fext.sqlite") as records:
        with records.connection as connection:
            connection.execute("INSERT INTO image_roots (path, scans) VALUES (?, 1)", (str(root.resolve()),))
            for i in range(COUNT):
                status = "truncated" if i % 10 == 0 else "pending" if i % 7 == 0 else "ok"
                connection.execute(
                    "INSERT INTO images (id, root_id, path, class, bytes, mtime_ns, scan, status, width, format) "
                    "VALUES (?, 1, ?, ?, ?, 0, 1, ?, ?, ?)",
                    (i + 1, f"{i * 37 % COUNT:04}.jpg", f"class {i % 7}", i * 13 % 50, status, i % 30 or None, "JPEG" if i % 3 else None),
                )
                if status != "pending":  # also of a broken one, from its earlier content: it must not show
                    values = [(i * (k + 3) % 101) / 100 for k in range(len(MEASURE_NAMES))]
                    marks = ", ".join("?" * (len(values) + 2))
                    connection.execute(f"INSERT INTO image_statistics VALUES ({marks})", (i + 1, *values, "0"))
        yield records


@pytest.mark.parametrize("text", [None, "noise_ratio > 0.3 and class = 'class 3'", "width is empty", "status != 'ok'"])
@pytest.mark.parametrize("order_by", ["path", "class", "width", "format", "noise_ratio"])
def test_windows_of_ids_hold_the_rows_of_the_list(records, root, order_by, text):
    filter = parse_filter(text) if text else None
    for descending in (False, True):
        whole = list_images(records, root, 0, 9999, order_by=order_by, descending=descending, filter=filter)
        ids = list_ids(records, root, order_by=order_by, descending=descending, filter=filter)
        assert len(ids) == len(whole) == count_images(records, root, filter=filter) > 0
        windows = [row for start in range(0, len(ids), 128) for row in read_rows(records, ids[start : start + 128])]
        assert [tuple(row)[1:] for row in windows] == [tuple(row) for row in whole]


def test_every_listed_column_sorts_with_empty_cells_at_the_end(records, root):
    for name in LIST_COLUMNS:
        for descending in (False, True):
            ids = list_ids(records, root, order_by=name, descending=descending)
            values = [row[name] for row in list_images(records, root, 0, 9999, order_by=name, descending=descending)]
            filled = [v for v in values if v is not None]
            assert len(ids) == COUNT and filled == sorted(filled, reverse=descending)
            assert all(v is None for v in values[len(filled) :])


def test_the_broken_ones_alone_with_a_filter(records, root):
    few = parse_filter("class in ('class 1', 'class 2')")
    rows = read_rows(records, list_ids(records, root, status="broken", filter=few))
    assert {row["status"] for row in rows} == {"truncated"} and {row["class"] for row in rows} == {"class 1", "class 2"}
    assert all(row["mean"] is None for row in rows)
    assert len(rows) == count_images(records, root, "broken", filter=few)


def test_a_row_that_is_gone_leaves_its_place_empty(records, root):
    ids = list_ids(records, root)
    records.connection.execute("DELETE FROM images WHERE id = ?", (int(ids[1]),))
    first, second, third = read_rows(records, ids[:3])
    assert second is None and first["path"] < third["path"]


def test_an_unknown_column_and_an_unknown_folder(records, tmp_path, root):
    with pytest.raises(FextError, match="cannot be sorted by 'path; DROP"):
        list_ids(records, root, order_by="path; DROP TABLE images")
    assert len(list_ids(records, tmp_path / "never scanned")) == 0 and find_root(records, root) == 1


def test_a_list_nobody_waits_for_is_broken_off(records, root):
    with records.connection as connection:
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
            "INSERT INTO images (root_id, path, class, bytes, mtime_ns, scan) SELECT 1, 'x' || i, '', 1, 1, 1 FROM n"
        )
    assert len(list_ids(records, root, order_by="bytes", cancelled=lambda: True)) == 0
    assert len(list_ids(records, root, order_by="bytes")) == COUNT + 100_000
