"""Patches, read back from what a turn of codex leaves in its output."""

import json
from pathlib import Path

from foredeck.services.codex.narration import Narrator
from foredeck.services.codex.protocol import Notification, parse_message
from foredeck.services.domain.records import ChangeKind, FileChange
from foredeck.services.domain.report_model import CONTENT_LIMIT
from foredeck.services.domain.states import RunState
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.reports.patches import Patch, patches_in
from foredeck.services.store.store import Store
from tests.support import reported
from tests.support.fake_app_server import last_turn, notification
from tests.support.records import MOMENT


def written(path: Path, *changes: dict[str, object]) -> Path:
    """Write the output of a turn that made these changes."""
    writer = OutputWriter(path)
    narrator = Narrator(writer, "job", "/workspace")
    item = {"type": "fileChange", "id": "p", "status": "completed", "changes": changes}
    for message in (*last_turn("patch"), notification("item/completed", item=item)):
        event = parse_message(json.dumps(message))
        if isinstance(event, Notification):
            narrator.tell(event)
    narrator.changed((FileChange("not_in_a_patch.txt", ChangeKind.CREATED),))
    writer.close()
    return path


def update(path: str, diff: str) -> dict[str, object]:
    return {"path": f"/workspace/{path}", "kind": {"type": "update"}, "diff": diff}


def test_those_of_a_captured_turn(tmp_path: Path) -> None:
    found = list(patches_in(written(tmp_path / "out.log")))
    assert [patch.path for patch in found] == ["added.txt"]
    assert found[0].diff.startswith("@@ -1,2 +1,2 @@\n-alpha\n+ALPHA")
    assert (found[0].added, found[0].removed) == (1, 1)


def test_several_files_and_lines_that_look_like_files(tmp_path: Path) -> None:
    diff = "@@ -1,3 +1,4 @@\n created  x\n-modified y\n+deleted  z\n+\n \n"
    output = written(tmp_path / "out.log", update("a b.py", diff), update("c.py", "@@\n+1\n"))
    found = list(patches_in(output))[1:]
    assert [(patch.path, patch.added, patch.removed) for patch in found] == [
        ("a b.py", 2, 1),
        ("c.py", 1, 0),
    ]
    assert found[0].diff.splitlines() == diff.rstrip().splitlines()


def test_the_head_of_a_diff_is_no_line_of_it(tmp_path: Path) -> None:
    patch = Patch("a", MOMENT, "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n+3")
    assert (patch.added, patch.removed) == (2, 1)


def test_nothing_of_an_output_without_its_records(tmp_path: Path) -> None:
    output = tmp_path / "out.log"
    output.write_text("modified a\n@@\n+1\n")
    assert list(patches_in(output)) == []
    (tmp_path / "only.log.seg").write_text('{"at":0,"kind":"files","ms":1,"label":"patch"}\n')
    assert list(patches_in(tmp_path / "only.log")) == []


async def test_they_are_part_of_the_report(
    store: Store, collector: ReportCollector, tmp_path: Path
) -> None:
    run = await reported.store_run(store, RunState.SUCCESS)
    long = "@@\n" + "+line\n" * 5_000
    output = written(tmp_path / "out.log", update("src/shop.py", long))
    await reported.set_output(store, "builder", run, output)
    changes = (await collector.collect(run.id)).changes
    assert [(patch.path, patch.step, patch.attempt) for patch in changes.patches] == [
        ("added.txt", "builder", 3),
        ("src/shop.py", "builder", 3),
    ]
    assert changes.patches[1].diff.left_out == len(long.rstrip()) - CONTENT_LIMIT
    assert (changes.added, changes.removed) == (5_001, 1)
    shop = next(file for file in changes.files if file.path == "src/shop.py")
    assert (shop.added, shop.removed) == (5_000, 0)
