"""A run of two blocks that drive against the lane, its truth, and the command that judges it."""

import json
import sys
from dataclasses import dataclass

import pytest

from tests.batch.runs import analyse
from tests.blocks import HEIGHT_PX, STEP_MS, WIDTH_PX, WRONG, frame_count, write_blocks, write_site
from traffic_ai.cli.main import main


def vehicle_of(number, block):
    """A block as a vehicle of a truth document: 1 px is 0.1 m."""
    moments = [i * STEP_MS / 1000 for i in range(frame_count())]
    seen = [(i, block.box(t_s)) for i, t_s in enumerate(moments) if block.box(t_s) is not None]
    return {
        "id": number,
        "class": "car",
        "lane": "east",
        "deed": "wrong way <b>",
        "first_frame": seen[0][0],
        "ground_m": [[(box[0] + box[2]) / 20, 0.0] for _, box in seen],
        "box_px": [list(box) for _, box in seen],
        "visible": [1.0] * len(seen),
    }


def truth_document(**changes):
    """What truly happens in the video of blocks."""
    vehicles = [vehicle_of(number, block) for number, block in enumerate(WRONG, 1)]
    return {
        "format": "traffic-ai-truth/2",
        "name": "blocks <i>",
        "camera_id": "gate",
        "duration_s": 4.4,
        "t_s": [i * STEP_MS / 1000 for i in range(frame_count())],
        "camera": {"width_px": WIDTH_PX, "height_px": HEIGHT_PX},
        "violations": [
            {
                "kind": "wrong_way",
                "vehicle": number,
                "class": "car",
                "lane": "east",
                "t_s": block.at_s,
                "until_s": block.at_s + block.lasts_s,
                "driven_m": 16.0,
            }
            for number, block in enumerate(WRONG, 1)
        ],
        "vehicles": vehicles,
    } | changes


@dataclass(frozen=True)
class Case:
    """A run folder with its site file and truth."""

    folder: object
    run: object
    site: object
    truth: object

    def write(self, **changes):
        """Another truth beside it."""
        path = self.folder / "other.json"
        path.write_text(json.dumps(truth_document(**changes)))
        return path


@pytest.fixture(scope="session")
def case(tmp_path_factory):
    """A finished run with its tracks kept, and the truth beside the site file."""
    folder = tmp_path_factory.mktemp("evaluate")
    site = write_site(folder / "site.yaml")
    video = write_blocks(folder / "wrong.mp4")
    analyse(site, folder / "run", [video], write_evidence=False, keep_tracks=True)
    truth = folder / "truth.json"
    truth.write_text(json.dumps(truth_document()))
    return Case(folder, folder / "run", site, truth)


@dataclass(frozen=True)
class Called:
    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys, monkeypatch):
    """Calls `traffic-ai evaluate` in this process."""

    def calling(*arguments):
        monkeypatch.setattr(sys, "argv", ["traffic-ai", "evaluate", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        printed = capsys.readouterr()
        return Called(code, printed.out, printed.err)

    return calling
