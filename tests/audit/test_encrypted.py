"""Pictures and clips encrypted for readers: verified without their key, seen only with it."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import age, sealed
from tests.audit.test_handout import BYSTANDER, Eyes
from tests.audit.test_verify_altered import OUTSIDER
from tests.batch.runs import analyse
from tests.blocks import BlockDetector, packages_of, write_blocks, write_site
from tests.disk import FILM_MARKS, files_below
from traffic_ai.audit.explain import explain_package
from traffic_ai.audit.explain_page import page
from traffic_ai.audit.handout import hand_out
from traffic_ai.audit.records import open_records
from traffic_ai.audit.replay import replay
from traffic_ai.audit.replay_clip import replay_clip
from traffic_ai.audit.replay_package import Package
from traffic_ai.audit.verify import verify
from traffic_ai.core.errors import ConfigError, EvidenceError, UsageError
from traffic_ai.evidence.encryption import load_reader, make_reader, memory_folder
from traffic_ai.wiring import open_site

PICTURES = {f"{n}{f}.jpg.age" for n in ("before", "at", "after") for f in ("", "_annotated")}


@pytest.fixture(scope="session")
def encrypted(tmp_path_factory):
    """A run whose pictures are for two readers; the folder of their keys, the run."""
    folder = tmp_path_factory.mktemp("encrypted")
    keys = [make_reader(folder / name).public_keys[0] for name in ("office.key", "court.key")]
    site = write_site(folder / "site.yaml")
    site.write_text(site.read_text() + f"evidence: {{encrypt_for: {json.dumps(keys)}}}\n")
    analyse(site, folder / "run", [write_blocks(folder / "wrong.mp4")])
    return folder


@pytest.fixture
def run(encrypted, tmp_path):
    return shutil.copytree(encrypted / "run", tmp_path / "run")


def a_package(run):
    return min(packages_of(run).values())


def secret(path):
    return path.read_text().splitlines()[-1]


def test_no_picture_lies_on_the_disk_as_it_was_taken(encrypted):
    names = {path.name for path in a_package(encrypted / "run").iterdir()}
    plain = {"decision.json", "site.json", "manifest.json", "seal.json"}
    assert names == PICTURES | {"clip.mp4.age"} | plain
    for path in files_below(encrypted / "run"):
        data = path.read_bytes()
        assert not any(data.startswith(mark) for mark in FILM_MARKS), path
        assert not any(mark in data for mark in FILM_MARKS if len(mark) > 4), path
    assert list(Path("/dev/shm").glob(f"traffic-ai-{os.getpid()}-*")) == []


def test_both_verifiers_and_replay_need_no_readers_key(encrypted):
    assert verify(encrypted / "run").problems == []
    assert OUTSIDER.check(encrypted / "run").problems == []
    assert all(report.is_same for report in replay(encrypted / "run"))


@pytest.mark.parametrize("reader", ["office.key", "court.key"])
def test_each_reader_opens_every_file_and_a_foreign_program_can_too(encrypted, reader):
    package = Package.read(a_package(encrypted / "run"))
    told = package.manifest["encryption"]
    assert told["format"] == "age-encryption.org/v1"
    assert {entry["file"] for entry in told["files"]} == PICTURES | {"clip.mp4.age"}
    for entry in told["files"]:
        data = (package.folder / entry["file"]).read_bytes()
        plain = package.original(
            entry["file"].removesuffix(".age"), load_reader(encrypted / reader)
        )
        assert plain == age.decrypt(data, secret(encrypted / reader))
        assert hashlib.sha256(plain).hexdigest() == entry["plain_sha256"]
        assert len(plain) == entry["plain_size_bytes"]
    assert len(plain) < 65536 or entry["file"] == "clip.mp4.age"


def test_a_file_of_several_chunks_is_read_by_a_foreign_program(tmp_path):
    from traffic_ai.evidence.encryption import encrypt

    reader = make_reader(tmp_path / "reader.key")
    for size in (0, 1, 65535, 65536, 65537, 200_000):
        data = os.urandom(size)
        made = encrypt(data, reader.public_keys)
        assert age.decrypt(made, secret(tmp_path / "reader.key")) == data
        assert reader.decrypt(made) == data


def test_without_the_key_it_is_said_for_whom_it_is(run):
    folder = a_package(run)
    with pytest.raises(EvidenceError, match=r"at\.jpg\.age is encrypted; .*--reader-key.*age1"):
        Package.read(folder).original("at.jpg")
    with pytest.raises(EvidenceError, match=r"clip\.mp4\.age is encrypted"):
        replay_clip(folder, BlockDetector())
    html = page(explain_package(folder))
    assert "data:image" not in html
    assert "The picture is not shown" in html


@pytest.mark.parametrize("name", ["../at.jpg.age", "/at.jpg.age", "a/../at.jpg.age", "..", ".age"])
def test_a_manifest_cannot_have_a_decrypted_file_written_elsewhere(encrypted, run, tmp_path, name):
    folder = a_package(run)
    manifest = json.loads((folder / "manifest.json").read_text())
    at = next(f for f in manifest["files"] if f["file"] == "at.jpg.age")
    manifest["files"].append({**at, "file": name})
    manifest["clip"]["file"] = name
    manifest["stills"][0]["file"] = name
    (folder / "manifest.json").write_text(json.dumps(manifest))
    sealed.reseal(folder)
    reader = load_reader(encrypted / "office.key")
    with pytest.raises(EvidenceError, match="names the file"):
        replay_clip(folder, BlockDetector(), reader)
    with open_records(run, "mai") as records, pytest.raises(EvidenceError, match="names the file"):
        hand_out(records, records.find(folder.name), Eyes(), tmp_path / "out", reader)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_readers_named_by_a_stranger_cannot_steer_a_terminal(run):
    folder = a_package(run)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["encryption"]["recipients"] = ["age1\x1b[2J\u202e"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EvidenceError, match=r"it is for age1\?\[2J\?\)"):
        Package.read(folder).original("at.jpg")


def test_another_readers_key_is_refused_and_named(run, tmp_path):
    other = make_reader(tmp_path / "other.key")
    with pytest.raises(EvidenceError, match=f"with the key of {other.public_keys[0]}.*it is for"):
        Package.read(a_package(run)).original("at.jpg", other)


def test_with_the_key_all_is_as_without_encryption(encrypted, run, tmp_path):
    reader = load_reader(encrypted / "office.key")
    folder = a_package(run)
    assert "data:image/jpeg" in page(explain_package(folder), reader)
    assert replay_clip(folder, BlockDetector(), reader).reported
    with open_records(run, "mai") as records:
        record = records.find(folder.name)
        done = hand_out(records, record, Eyes(BYSTANDER), tmp_path / "out", reader)
    names = {path.name for path in done.folder.iterdir()}
    assert names == {name.removesuffix(".age") for name in PICTURES} | {"about.json"}
    told = json.loads((done.folder / "about.json").read_text())["pictures"]
    sealed = Package.read(folder).manifest["encryption"]["files"]
    assert {p["original_sha256"] for p in told} <= {entry["plain_sha256"] for entry in sealed}
    with open_records(run, "mai") as records, pytest.raises(EvidenceError, match="is encrypted"):
        hand_out(records, record, Eyes(BYSTANDER), tmp_path / "without")
    assert not (tmp_path / "without" / record.stored.id).exists()


@pytest.mark.parametrize("at", [3, 40, 200, -1])
def test_a_bit_flipped_is_found_without_the_key_and_not_opened_with_it(encrypted, run, at):
    folder = a_package(run)
    data = bytearray((folder / "at.jpg.age").read_bytes())
    data[at] ^= 1
    (folder / "at.jpg.age").write_bytes(data)
    [problem] = verify(run).problems
    assert "at.jpg.age" in str(problem)
    [told] = OUTSIDER.check(run).problems
    assert "at.jpg.age" in told
    reader = load_reader(encrypted / "office.key")
    with pytest.raises(EvidenceError, match="is not the file its manifest lists"):
        Package.read(folder).original("at.jpg", reader)
    with pytest.raises(ValueError, match=r".+"):
        reader.decrypt(bytes(data))


def test_the_commands_find_the_key_in_its_folder_or_take_it_by_name(encrypted, run, call, tmp_path):
    record = a_package(run).name
    missing = call("explain", record, run, "-o", tmp_path / "a.html")
    assert (missing.code, "the page shows no picture" in missing.err) == (0, True)
    given = ("--reader-key", encrypted / "court.key")
    told = call("explain", record, run, "-o", tmp_path / "b.html", *given)
    assert "shows no picture" not in told.err
    assert "data:image/jpeg" in (tmp_path / "b.html").read_text()
    assert "is encrypted" in call("replay", a_package(run), "--from-clip").out
    assert "median overlap" in call("replay", a_package(run), "--from-clip", *given).out
    out = ("--pictures", tmp_path / "out", "--record", record)
    assert "is encrypted" in call("export", run, *out).err
    (tmp_path / "keys").mkdir(mode=0o700)
    shutil.copy(encrypted / "office.key", tmp_path / "keys" / "reader.key")
    assert call("export", run, *out).code == 0


def test_a_readers_key_is_made_for_its_owner_alone_and_never_over_another(call, tmp_path):
    made = call("keys", "init-reader")
    path = tmp_path / "keys" / "reader.key"
    assert (made.code, path.stat().st_mode & 0o777) == (0, 0o600)
    site = write_site(tmp_path / "site.yaml")
    site.write_text(site.read_text() + made.out.splitlines()[-1] + "\n")
    assert open_site(site).cameras[0].encrypt_for == load_reader(path).public_keys
    assert secret(path) not in made.out + made.err
    before = path.read_bytes()
    again = call("keys", "init-reader")
    assert (again.code, "is there already" in again.err) == (2, True)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p.chmod(0o644), "may be used by others"),
        (lambda p: p.write_text("AGE-SECRET-KEY-1NONSENSE\n"), "line 1 is no reader's key"),
        (lambda p: p.write_text("# nothing\n"), "holds no reader's key"),
        (lambda p: p.write_bytes(b"\xff\xfe"), "is no key file"),
        (lambda p: p.unlink(), "cannot be read"),
    ],
)
def test_a_readers_key_that_cannot_be_used_is_refused(tmp_path, change, said):
    path = tmp_path / "reader.key"
    make_reader(path)
    change(path)
    with pytest.raises(UsageError, match=said) as refused:
        load_reader(path)
    assert "NONSENSE" not in str(refused.value)


def test_a_site_file_takes_public_keys_only_and_repeats_no_private_one(tmp_path):
    make_reader(tmp_path / "reader.key")
    private = secret(tmp_path / "reader.key")
    plain = write_site(tmp_path / "site.yaml").read_text()
    for value, said in ((private, "private key"), ("age1nobody", "no public key"), ("7", "no pub")):
        (tmp_path / "site.yaml").write_text(plain + f"evidence: {{encrypt_for: [{value}]}}\n")
        with pytest.raises(ConfigError, match=said) as refused:
            open_site(tmp_path / "site.yaml")
        assert private not in str(refused.value)


def test_readers_are_no_part_of_what_a_decision_rests_on(encrypted, blocks_run):
    assert sorted(packages_of(encrypted / "run")) == sorted(packages_of(blocks_run))


def test_what_a_killed_process_left_in_memory_is_removed(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    remains = Path("/dev/shm") / f"traffic-ai-{gone.pid}-test"
    remains.mkdir()
    (remains / "clip.mp4").write_bytes(b"film")
    with memory_folder(tmp_path) as place:
        assert place.is_dir()
        assert not remains.exists()
    assert not place.exists()
