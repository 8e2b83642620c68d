"""A signal that is not read is no street without violations: people are told."""

import pytest

from tests.batch.runs import analyse
from tests.blocks import Block, write_blocks, write_site

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
