"""A dataset of a million recorded images: opening its list, filter, order and far pages, in the engine and on the screen."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import pytest

from fext_engine.records import open_records
from fext_engine.records.filter import parse_filter
from fext_engine.records.image_windows import list_ids, read_rows
from fext_engine.records.images import count_statuses, list_images
from fext_engine.records.measure_values import read_measure
from fext_engine.workspace import find_workspace

sys.path.append(str(Path(__file__).parents[1] / "tui"))

pytestmark = pytest.mark.benchmark
COUNT = 1_000_000


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace with the records of a million images; of the files themselves there is one."""
    workspace = find_workspace(tmp_path_factory.mktemp("million") / "resources")
    (workspace.images / "one.png").write_bytes(b"")
    with open_records(workspace.database) as records, records.connection as connection:
        connection.execute("INSERT INTO image_roots (path, scans) VALUES (?, 1)", (str(workspace.images.resolve()),))
        numbers = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {COUNT})"
        connection.execute(
            f"{numbers} INSERT INTO images (id, root_id, path, class, bytes, mtime_ns, scan, split, status, digest, format, "
            "mode, bit_depth, width, height, orientation, frames, alpha_share, notes) "
            "SELECT i, 1, printf('class_%04d/picture_%07d.jpg', i / 1000, i), printf('class_%04d', i / 1000), "
            "100000 + i % 7777, 1, 1, iif(i % 5, 'train', 'validation'), iif(i % 50, 'ok', 'truncated'), "
            "printf('%064x', i), 'JPEG', 'RGB', 8, 500, 375, 1, 1, 0.0, '' FROM n"
        )
        columns = [row["name"] for row in connection.execute("PRAGMA table_info(image_statistics)")][1:]
        values = ["'0'" if name == "perceptual_hash" else "abs(random() / 9.3e18)" for name in columns]
        connection.execute(
            f"{numbers} INSERT INTO image_statistics (image_id, {', '.join(columns)}) "
            f"SELECT i, {', '.join(values)} FROM n WHERE i % 50"
        )
    return workspace


def timed(name, action):
    start = perf_counter()
    result = action()
    print(f"{name:64} {1000 * (perf_counter() - start):9.1f} ms")
    return result


def test_lists_of_the_records(workspace):
    """In a worker thread: the ids of a list; on the UI thread: a page of it."""
    root = workspace.images
    print()
    with open_records(workspace.database) as records:
        timed("statuses", lambda: count_statuses(records, root))
        timed("first page by OFFSET", lambda: list_images(records, root))
        timed("page at 900,000 by OFFSET", lambda: list_images(records, root, 900_000))
        orders = {name: timed(f"ids by {name}", lambda name=name: list_ids(records, root, order_by=name)) for name in ("path", "bytes", "entropy")}
        for text in ("noise_ratio > 0.3 and class = 'class_0007'", "noise_ratio > 0.3", "path contains '777'", "status != 'ok'"):
            found = timed(text, lambda text=text: list_ids(records, root, filter=parse_filter(text)))
            assert len(found)
        for name, ids in orders.items():
            times = []
            for start in range(0, COUNT, 50_021):
                begin = perf_counter()
                assert len(read_rows(records, ids[start : start + 128])) == min(128, COUNT - start)
                times.append(1000 * (perf_counter() - begin))
            times.sort()
            print(f"pages of 128 by {name}: median {times[len(times) // 2]:.1f} ms, slowest {times[-1]:.1f} ms")
        timed("one measure for its histogram", lambda: read_measure(records, 1, "entropy"))


async def test_the_data_screen(workspace):
    from app_driver import opened, press, until

    from fext_tui.widgets.row_list import RowList

    print()
    start = perf_counter()
    async with opened(workspace) as (app, pilot):
        rows = app.screen.query_one("#images", RowList)
        await until(pilot, lambda: rows.row_count == COUNT, "the list")
        print(f"from the start of the app to the list of {COUNT:,}: {perf_counter() - start:.1f} s")
        for key in ("G", "g", "pagedown", "G", "pageup"):
            begin = perf_counter()
            await press(pilot, key)
            print(f"key {key}: {1000 * (perf_counter() - begin):.0f} ms, row {rows.cursor:,}")
        begin = perf_counter()
        await press(pilot, "comma", *"entropy", "enter")
        await until(pilot, lambda: rows.sorted_by not in (None, (0, False)), "the order")
        print(f"sorted by entropy: {perf_counter() - begin:.1f} s")
