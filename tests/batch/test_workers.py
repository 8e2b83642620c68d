"""Several files at once: the records of one process, whatever becomes of a worker."""

import shutil
import subprocess
import sys
import threading

import pytest

from tests.batch.runs import Heard, analyse, in_workers, killed_once
from tests.blocks import (
    WRONG,
    Block,
    frame_count,
    leftovers_of,
    packages_of,
    rows_of,
    write_blocks,
)
from traffic_ai.batch.outcome import FileState
from traffic_ai.batch.workers import groups_of_content
from traffic_ai.core.errors import ConfigError, ModelError

PROGRAM = """
import signal, sys
from traffic_ai.batch.processes import expect_workers, worker_context

def tell():
    print("there:", all(name in sys.modules for name in ("traffic_ai.batch.workers", "cv2", "av")))
    print("postgresql:", "sqlalchemy.dialects.postgresql" in sys.modules)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    print("reached:", not {signal.SIGINT, signal.SIGHUP} <= blocked)

if __name__ == "__main__":
    expect_workers()
    worker = worker_context().Process(target=tell)
    worker.start()
    worker.join()
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Four recordings of different content."""
    folder = tmp_path_factory.mktemp("videos")
    return [write_blocks(folder / f"{n}.mp4", (Block(0.2 + 0.1 * n), Block(2.4))) for n in range(4)]


@pytest.fixture
def one_process(site_path, videos, tmp_path):
    """The rows of a run in one process."""
    analyse(site_path, tmp_path / "one", videos)
    return rows_of(tmp_path / "one")


def by_id(rows):
    """Rows of each table in an order that does not depend on who came first."""
    return {name: sorted(table, key=lambda row: str(sorted(row.items(), key=str)))
            for name, table in rows.items()}  # fmt: skip


def test_two_workers_leave_the_records_of_one_process(site_path, videos, tmp_path, one_process):
    out, listeners = tmp_path / "out", [Heard(), Heard()]
    outcomes = in_workers(site_path, out, videos, listeners=listeners)
    assert [outcome.path for outcome in outcomes] == videos
    assert {outcome.state for outcome in outcomes} == {FileState.DONE}
    assert by_id(rows_of(out)) == by_id(one_process)
    assert set(packages_of(out)) == {row["id"] for row in one_process["violations"]}
    assert leftovers_of(out) == []
    assert sum(heard.frames for heard in listeners) == 4 * frame_count()
    assert sum(len(heard.found) for heard in listeners) == 4 * len(WRONG)
    begun = [one for heard in listeners for one in heard.begun]
    assert sorted(begun) == [(f"{n}.mp4", n + 1, 4) for n in range(4)]


def test_a_killed_worker_costs_its_file_which_the_next_run_finishes(
    site_path, videos, tmp_path, one_process
):
    out, flag = tmp_path / "out", tmp_path / "killed"
    outcomes = in_workers(site_path, out, videos, make=killed_once, at_call=54, flag=str(flag))
    failed = [outcome for outcome in outcomes if outcome.state is FileState.FAILED]
    assert len(outcomes) == 4
    assert len(failed) == 1
    assert "SIGKILL" in failed[0].message
    assert "run again" in failed[0].message
    again = analyse(site_path, out, videos)
    states = [outcome.state for outcome in again]
    assert states.count(FileState.SKIPPED) == 3
    assert states.count(FileState.DONE) == 1
    assert by_id(rows_of(out)) == by_id(one_process)


def test_files_of_one_content_are_analysed_once(site_path, videos, tmp_path):
    twin = shutil.copy(videos[0], tmp_path / "twin.mp4")
    outcomes = in_workers(site_path, tmp_path / "out", [videos[0], videos[1], twin])
    assert [outcome.state for outcome in outcomes] == [
        FileState.DONE,
        FileState.DONE,
        FileState.SKIPPED,
    ]


def test_groups_are_in_order_and_what_cannot_be_read_stands_for_itself(videos, tmp_path):
    twin = shutil.copy(videos[1], tmp_path / "twin.mp4")
    paths = [videos[0], videos[1], tmp_path / "gone.mp4", twin, videos[2]]
    assert groups_of_content(paths) == [[0], [1, 3], [2], [4]]


def test_the_largest_files_are_handed_out_first(site_path, videos, tmp_path):
    larger = write_blocks(tmp_path / "larger.mp4", (Block(2.4),), seconds=6.0)
    heard = Heard()
    outcomes = in_workers(site_path, tmp_path / "out", [*videos[:1], larger], listeners=[heard])
    assert [name for name, _, _ in heard.begun] == ["larger.mp4", "0.mp4"]
    assert [outcome.path.name for outcome in outcomes] == ["0.mp4", "larger.mp4"]


def test_workers_come_with_what_they_need_and_ctrl_c_does_not_reach_them(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["there:", "True", "postgresql:", "False", "reached:", "False"]
    assert done.stderr == ""


def test_a_wish_to_stop_reaches_every_worker(site_path, videos, tmp_path, one_process):
    stop = threading.Event()

    class Stopping(Heard):
        def frame_done(self, t_s, from_log):
            stop.set()

    out = tmp_path / "out"
    outcomes = in_workers(site_path, out, videos, listeners=[Stopping(), Stopping()], stop=stop)
    assert len(outcomes) < 4 or FileState.INTERRUPTED in {outcome.state for outcome in outcomes}
    analyse(site_path, out, videos)
    assert by_id(rows_of(out)) == by_id(one_process)


def test_a_listener_that_breaks_ends_every_worker_at_once(site_path, videos, tmp_path, one_process):
    """As where the program that reads the output has gone, or at a second Ctrl-C."""

    class Broken(Heard):
        def frame_done(self, t_s, from_log):
            raise BrokenPipeError

    raised = []

    def run():
        try:
            in_workers(site_path, tmp_path / "out", videos, listeners=[Broken(), Heard()])
        except BrokenPipeError as error:
            raised.append(error)

    running = threading.Thread(target=run, daemon=True)
    running.start()
    running.join(120.0)
    assert len(raised) == 1
    analyse(site_path, tmp_path / "out", videos)
    assert by_id(rows_of(tmp_path / "out")) == by_id(one_process)


def no_model(site, out):
    raise ModelError("the weights are not there; fetch them")


def test_what_ends_a_batch_in_a_worker_ends_it(site_path, videos, tmp_path):
    with pytest.raises(ModelError, match="fetch them"):
        in_workers(site_path, tmp_path / "out", videos, make=no_model)


def test_a_file_of_no_camera_is_told_before_anything_begins(site_path, videos, tmp_path):
    site_path.write_text(
        site_path.read_text().replace("- id: gate", "- id: gate\n    recordings: gate-*")
    )
    with pytest.raises(ConfigError, match="not clear"):
        in_workers(site_path, tmp_path / "out", videos)
    assert not (tmp_path / "out").exists()
