"""Pictures for handing out: who is not concerned is covered, who is stays, and it is entered."""

import hashlib
import json

import cv2
import numpy as np
import pytest

from tests.batch.runs import analyse
from tests.blocks import BLOCK_PX, Block, packages_of, write_blocks, write_site
from traffic_ai.audit.handout import hand_out
from traffic_ai.audit.records import open_records
from traffic_ai.core.detection import Detections
from traffic_ai.core.errors import EvidenceError, UsageError
from traffic_ai.core.road_user import RoadUser
from traffic_ai.evidence.seal import canonical

# One block drives against the lane; the other, further down, with it.
TWO = (Block(0.2), Block(0.0, lasts_s=4.0, leftwards=False, y_px=80))


class Eyes:
    """Sees the same road users in every picture."""

    model_hash = "e" * 64
    size_px = 640
    resizable = True

    def __init__(self, *boxes):
        self.asked = []
        self._found = Detections(
            np.array([box for _, box in boxes], np.float32).reshape(-1, 4),
            np.full(len(boxes), 0.5, np.float32),
            np.array([int(label) for label, _ in boxes], np.int64),
        )

    def detect(self, image, size_px=None):
        self.asked.append(size_px)
        return self._found


BYSTANDER = (RoadUser.PERSON, (10, 4, 30, 40))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blocks")
    site = write_site(folder / "site.yaml")
    analyse(site, folder / "run", [write_blocks(folder / "wrong.mp4", TWO)])
    return folder / "run"


@pytest.fixture
def run(made, tmp_path):
    import shutil

    return shutil.copytree(made, tmp_path / "run")


def only_record(records):
    [record] = records.store.documents()
    return record


def picture(path):
    return cv2.imread(str(path))


def test_copies_of_all_stills_are_written_with_what_was_done_to_them(run, tmp_path):
    eyes = Eyes(BYSTANDER)
    with open_records(run, "mai") as records:
        record = only_record(records)
        done = hand_out(records, record, eyes, tmp_path / "out")
        [entry] = records.chain("gate").entries(("read",))
    assert entry.payload == {"by": "mai", "how": "covered pictures", "records": [record.stored.id]}
    assert done.folder == tmp_path / "out" / record.stored.id
    names = sorted(path.name for path in done.folder.iterdir())
    stills = [
        f"{name}{kind}.jpg" for name in ("after", "at", "before") for kind in ("", "_annotated")
    ]
    assert names == sorted(["about.json", *stills])
    assert set(eyes.asked) == {None, 1280}  # a closer look for small people
    about = json.loads((done.folder / "about.json").read_text())
    [package] = packages_of(run).values()
    for told in about["pictures"]:
        for folder, key in ((done.folder, "sha256"), (package, "original_sha256")):
            data = (folder / told["file"]).read_bytes()
            assert told[key] == hashlib.sha256(data).hexdigest()
        assert told["covered"] >= 2  # found in both looks, and what moved between the stills
    original, copy = (picture(folder / "at.jpg") for folder in (package, done.folder))
    assert copy.shape == original.shape
    x0, y0, x1, y1 = BYSTANDER[1]
    region = (slice(y0, y1), slice(x0, x1))
    assert copy[region].std() < 0.6 * original[region].std()
    assert np.abs(copy[58:74].astype(int) - original[58:74]).mean() < 3  # the road


def test_the_vehicle_of_the_record_stays_and_the_other_is_covered(run, tmp_path):
    from tests.blocks import BlockDetector

    with open_records(run, "mai") as records:
        record = only_record(records)
        hand_out(records, record, BlockDetector(), tmp_path / "out")
    [package] = packages_of(run).values()
    folder = tmp_path / "out" / record.stored.id
    moments = {
        s["file"]: s["t_s"] for s in json.loads((package / "manifest.json").read_text())["stills"]
    }
    for name, t_s in moments.items():
        copy = picture(folder / name).astype(int)
        x0, y0, x1, y1 = TWO[0].box(t_s)
        assert copy[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].mean() > 230
        x0, y0, x1, y1 = TWO[1].box(t_s)
        assert BLOCK_PX[0] == x1 - x0
        assert sharpest(copy[y0 - 1 : y1 + 1, x0 - 3 : x1 + 3]) < 0.8 * sharpest(
            picture(package / name).astype(int)[y0 - 1 : y1 + 1, x0 - 3 : x1 + 3]
        )


def sharpest(crop):
    """The largest step of brightness from one column to the next."""
    return np.abs(np.diff(crop.mean(axis=2), axis=1)).max()


def test_a_still_that_is_not_the_sealed_one_is_not_handed_out(run, tmp_path):
    [package] = packages_of(run).values()
    (package / "at.jpg").write_bytes((package / "before.jpg").read_bytes())
    with (
        open_records(run, "mai") as records,
        pytest.raises(EvidenceError, match="is not the file its manifest lists"),
    ):
        hand_out(records, only_record(records), Eyes(), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def forged_still(package):
    """Another picture, and a manifest to which it belongs."""
    data = (package / "before.jpg").read_bytes()
    (package / "at.jpg").write_bytes(data)
    manifest = json.loads((package / "manifest.json").read_text())
    told = next(item for item in manifest["files"] if item["file"] == "at.jpg")
    told |= {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    (package / "manifest.json").write_text(json.dumps(manifest))


def forged_entry(package):
    """The chain's entry is made to fit too, whose hash the next one holds."""
    forged_still(package)
    chain = package.parents[2] / "chain.jsonl"
    lines = chain.read_bytes().splitlines(keepends=True)
    sealed = (package / "manifest.json").read_bytes()
    [number] = [n for n, line in enumerate(lines) if b'"kind":"package"' in line]
    entry = json.loads(lines[number])
    entry["payload"]["manifest_sha256"] = hashlib.sha256(sealed).hexdigest()
    lines[number] = canonical(entry) + b"\n"
    (package / "seal.json").write_bytes(lines[number])
    chain.write_bytes(b"".join(lines))


def unsealed(package):
    """A package that never was in the chain: of a copy of the store, for instance."""
    for name in ("chain.jsonl", "seal.json"):
        next(package.parents[2].rglob(name)).unlink()


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (forged_still, "its manifest.json is not the sealed one"),
        (forged_entry, "the line before it is not the one it names"),
        (unsealed, "no entry of the chain names it"),
    ],
)
def test_pictures_that_the_chain_does_not_seal_are_not_handed_out(run, tmp_path, alter, said):
    [package] = packages_of(run).values()
    with open_records(run, "mai") as records:
        records.note_read([only_record(records).stored], "show")  # the chain goes on from it
        alter(package)
        with pytest.raises(EvidenceError, match=f"cannot be called sealed: .*{said}"):
            hand_out(records, only_record(records), Eyes(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_is_not_written_over(run, tmp_path):
    with open_records(run, "mai") as records:
        record = only_record(records)
        hand_out(records, record, Eyes(), tmp_path / "out")
        with pytest.raises(UsageError, match="is there already"):
            hand_out(records, record, Eyes(), tmp_path / "out")


def test_the_command_writes_pictures_of_the_records_asked_for(call, run, tmp_path):
    with open_records(run) as records:
        record = only_record(records).stored.id
    called = call("export", run, "--pictures", tmp_path / "out", "--record", record, "--by", "mai")
    assert called.code == 0
    assert "covered: before.jpg" in called.out
    assert "look at every picture" in called.err
    assert (tmp_path / "out" / record / "at.jpg").is_file()
    assert not list((tmp_path / "out").rglob("clip*"))
    called = call("export", run, "--pictures", tmp_path / "o2", "--record", "none")
    assert (called.code, "there is no record 'none'" in called.err) == (2, True)
    assert call("verify", run).code == 0
