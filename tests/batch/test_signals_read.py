"""A signal that is not read is no street without violations: people are told."""

import pytest

from tests.batch.runs import analyse
from tests.blocks import Block, rows_of, write_blocks, write_site
from traffic_ai.batch.outcome import FileState
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.records import SourceState
from traffic_ai.stores.run_folder import STORE_NAME

LOG = "time,group,aspect\n0.0,main,red\n{until},main,{then}\n"


@pytest.fixture
def site_with_log(tmp_path):
    """A site whose signal is red until a moment, and then shows something else."""

    def write(until, then):
        (tmp_path / "log.csv").write_text(LOG.format(until=until, then=then))
        camera = {
            "id": "gate",
            "signal_groups": [{"id": "main", "feed": {"csv": "log.csv"}}],
            "stop_lines": [
                {
                    "id": "stop",
                    "line": [[0.5, 0.3], [0.5, 0.8]],
                    "lanes": ["east"],
                    "signal_group": "main",
                }
            ],
        }
        return write_site(tmp_path / "site.yaml", camera)

    return write


@pytest.mark.parametrize("aspect", ["unknown", "dark"])
def test_a_signal_that_shows_nothing_most_of_the_time_is_told(site_with_log, tmp_path, aspect):
    video = write_blocks(tmp_path / "v.mp4", [Block(0.2)], 4.4)
    [outcome] = analyse(site_with_log(1.1, aspect), tmp_path / "out", [video])
    [note] = outcome.notes
    assert "signal main was unreadable or dark for 7" in note  # 3.2 of 4.3 s
    assert "traffic-ai preview" in note


def test_a_signal_that_is_read_most_of_the_time_is_not_spoken_of(site_with_log, tmp_path):
    video = write_blocks(tmp_path / "v.mp4", [Block(0.2)], 4.4)
    [outcome] = analyse(site_with_log(3.0, "unknown"), tmp_path / "out", [video])
    assert outcome.notes == []


def test_too_short_a_recording_says_nothing_of_its_signals(site_with_log, tmp_path):
    video = write_blocks(tmp_path / "v.mp4", [Block(0.2)], 2.0)
    [outcome] = analyse(site_with_log(0.1, "unknown"), tmp_path / "out", [video])
    assert outcome.notes == []


def test_a_corrected_log_is_another_analysis(site_with_log, tmp_path):
    video = write_blocks(tmp_path / "v.mp4", [Block(0.2)], 2.0)
    out = tmp_path / "out"
    states = []
    for until in (1.0, 1.0, 1.5):
        [outcome] = analyse(site_with_log(until, "green"), out, [video])
        states.append(outcome.state)
    assert states == [FileState.DONE, FileState.SKIPPED, FileState.DONE]
    assert len({row["config_hash"] for row in rows_of(out)["violations"]}) == 2


def test_signals_that_cannot_be_read_in_a_picture_fail_its_file_in_the_store_too(tmp_path):
    video = write_blocks(tmp_path / "v.mp4", [Block(0.2)], 2.0)
    heads = [{"head": [0.5, 0.1, 0.51, 0.13]}]
    site = write_site(
        tmp_path / "site.yaml",
        {"id": "gate", "signal_groups": [{"id": "main", "lamps": heads}]},
    )
    [outcome] = analyse(site, tmp_path / "out", [video])
    assert (outcome.state, outcome.frame_count) == (FileState.FAILED, 0)
    with ViolationStore.open(tmp_path / "out" / STORE_NAME, read_only=True) as store:
        [source] = store.sources()
    assert (source.state, source.message) == (SourceState.FAILED, outcome.message)
    assert "too small to read" in source.message
