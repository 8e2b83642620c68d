"""Tracks that are left beside the store, for those who judge them."""

import pytest

from tests.batch.runs import analyse, stopped_at
from tests.blocks import frame_count
from traffic_ai.core.errors import StoreError
from traffic_ai.stores.database import ViolationStore
from traffic_ai.stores.run_folder import STORE_NAME, track_log_path
from traffic_ai.stores.track_log import read_tracks


def log_of(out):
    with ViolationStore.open(out / STORE_NAME, read_only=True) as store:
        (source,) = store.sources()
    return track_log_path(out, source.key.id)


def test_tracks_are_kept_frame_by_frame_where_that_is_asked_for(
    site_path, wrong_way_video, tmp_path
):
    analyse(site_path, tmp_path, [wrong_way_video], keep_tracks=True)
    frames = list(read_tracks(log_of(tmp_path)))
    assert len(frames) == frame_count()
    times = [frame.t_s for frame in frames]
    assert times == sorted(set(times))
    assert {int(number) for frame in frames for number in frame.track_id} == {1, 2}
    assert all(frame.xyxy_px.shape == (len(frame.track_id), 4) for frame in frames)


def test_no_tracks_are_kept_otherwise(site_path, wrong_way_video, tmp_path):
    analyse(site_path, tmp_path, [wrong_way_video])
    assert not log_of(tmp_path).parent.exists()


def test_an_interrupted_run_leaves_no_half_of_them(site_path, wrong_way_video, tmp_path):
    stopped_at(site_path, tmp_path, [wrong_way_video], 20, keep_tracks=True)
    assert not list(log_of(tmp_path).parent.iterdir())
    analyse(site_path, tmp_path, [wrong_way_video], keep_tracks=True)
    assert len(list(read_tracks(log_of(tmp_path)))) == frame_count()


def test_a_file_that_is_no_track_log_is_refused(tmp_path):
    path = tmp_path / "x.jsonl"
    for text in ("", "{}\n", '{"format": "traffic-ai tracks 1"}\n[1.0]\n'):
        path.write_text(text)
        with pytest.raises(StoreError, match=r"x\.jsonl is no track log"):
            list(read_tracks(path))
