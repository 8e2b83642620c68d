"""What is fuzzed: each target takes altered input and fails for anything but a proper refusal.

`tests/hostile/test_fuzz.py` runs each for a moment, `python -m benchmarks.fuzz` for minutes.
"""

import contextlib
import csv
import importlib.util
import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from tests.audit.test_replay_decision import SPEEDER, reported
from tests.config.files import GOOD
from tests.mounts import ROOT
from tests.records import KEY, MadeFootage, scene, signals, violation
from traffic_ai.audit.replay_package import Package
from traffic_ai.audit.verify import verify
from traffic_ai.config.load import load_site
from traffic_ai.core.decision_text import decision_text, read_decision
from traffic_ai.core.errors import ConfigError, EvidenceError, StoreError, UsageError
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.recorded import finding_of
from traffic_ai.core.violation import Violation
from traffic_ai.evaluate.truth_document import read_truth
from traffic_ai.evidence.keys import make_key
from traffic_ai.evidence.recorder import EvidenceRecorder
from traffic_ai.evidence.seal import Entry, Head
from traffic_ai.signals.feed import load_feed
from traffic_ai.sinks.csv import COLUMNS, write_csv
from traffic_ai.sinks.jsonl import write_jsonl
from traffic_ai.stores import rows
from traffic_ai.stores.database import ViolationStore

SIGNAL_LOG = (
    b"time,group,aspect\n0,main,red\n12.5,main,green\n13,side,yellow\n"
    b"2026-05-01T08:00:00+07:00,main,dark\n"
)
TRUTH = json.dumps(
    {
        "format": "traffic-ai-truth/2",
        "duration_s": 60.0,
        "violations": [{"kind": "speeding", "t_s": 5.0, "lane": "a", "speed_kmh": 80.0}],
    }
).encode()
# What readers have stumbled over before.
_ODD = st.sampled_from(
    [b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"9" * 400, b"1e999", b"NaN", b"-0", b"[" * 3000, b"{",
     b"}", b'"', b"\\ud800", b"null", b"true", b"\r", b"\n", b",", b"..", b"/", b"\xef\xbb\xbf",
     b"*a", b"&a", b"<<: ", b"!!python/name:os.system ", b"2026-02-30T25:61:61+99:99", b"%s"]
)  # fmt: skip


@st.composite
def altered(draw: st.DrawFn, text: bytes) -> bytes:
    """The text with up to six pieces set, cut, doubled, moved or put in."""
    data = bytearray(text)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 40))
        match draw(st.sampled_from(["set", "cut", "odd", "add", "double", "swap"])):
            case "set" if at < len(data):
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + length]
            case "odd":
                data[at:at] = draw(_ODD)
            case "add":
                data[at:at] = draw(st.binary(max_size=8))
            case "double":
                data[at:at] = data[at : at + length]
            case "swap":
                other = draw(st.integers(0, len(data)))
                data[other:other], data[at : at + length] = data[at : at + length], b""
    return bytes(data)


def outsider():
    """The second verifier, as a module."""
    spec = importlib.util.spec_from_file_location("outsider", ROOT / "tools" / "verify_evidence.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _decision():
    """The text of a real decision on a vehicle that speeds."""
    (_, decision), *_ = reported([SPEEDER], seconds=8.0)
    return decision_text(decision).encode()


class Targets:
    """The targets, with a real run folder to alter. `folder`: where files may be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outsider = outsider()
        self._run = folder / "run"
        self._key = make_key(folder / "keys")
        self._made = violation()
        self._run.mkdir()
        recorder = EvidenceRecorder(self._run / "evidence", signer=self._key)
        result = recorder.record(self._made, MadeFootage(), scene(), signals())
        with ViolationStore.open(self._run / "violations.sqlite") as store:
            store.start_source(KEY, "a.mp4")
            store.add_findings(KEY, [self._made])
            store.set_evidence(self._made.id, EvidenceState.WRITTEN, result.path)
        self._package = self._run / result.path
        self._chain = self._package.parents[2] / "chain.jsonl"
        self._file = folder / "input"

    def all(self) -> Mapping[str, tuple[bytes, Callable[[bytes], None]]]:
        """By name: the sound input, and what is done with an altered one."""
        line = self._chain.read_bytes().splitlines()[0]
        manifest = (self._package / "manifest.json").read_bytes()
        document = rows.document_text(self._made).encode()
        return {
            "site file": (GOOD.encode(), self.site),
            "signal log": (SIGNAL_LOG, self.signal_log),
            "truth": (TRUTH, self.truth),
            "entry": (line, self.entry),
            "chain": (self._chain.read_bytes(), self.chain),
            "waiting": (self._next_line(), self.waiting),
            "manifest": (manifest, self.manifest),
            "seal": ((self._package / "seal.json").read_bytes(), self.seal),
            "document": (document, self.document),
            "decision": (_decision(), self.decision),
            "export": (b"=cmd|' /C calc'!A0,\"x\"\r\n", self.export),
        }

    def site(self, data: bytes) -> None:
        """A site file loads, and has scenes, or is refused."""
        self._file.write_bytes(data)
        try:
            for camera in load_site(self._file).cameras:
                camera.scene(*(camera.reference_size_px or (1280, 720)))
        except UsageError:
            pass

    def signal_log(self, data: bytes) -> None:
        """A log loads in time order, or is refused."""
        self._file.write_bytes(data)
        try:
            log = load_feed(self._file, "main")
        except ConfigError:
            return
        assert list(log.at_s) == sorted(log.at_s)

    def truth(self, data: bytes) -> None:
        """A truth loads or is refused."""
        self._file.write_bytes(data)
        with contextlib.suppress(UsageError):
            read_truth(self._file)

    def entry(self, data: bytes) -> None:
        """Both verifiers take the same lines for entries."""
        ours = theirs = True
        try:
            Entry.read(data)
        except ValueError:
            ours = False
        try:
            self._outsider.parse_entry(data)
        except self._outsider.FormatError:
            theirs = False
        assert ours == theirs, (ours, theirs)
        with contextlib.suppress(ValueError):
            Head.read(data)

    def chain(self, data: bytes) -> None:
        """Both verifiers find every alteration of a signed chain."""
        self._verified(self._chain, data)

    def _next_line(self) -> bytes:
        """A deletion that would come next."""
        last = Entry.read(self._chain.read_bytes().splitlines()[-1])
        payload = {"path": last.payload["path"], "record": self._made.id}
        entry = replace(last, sequence=2, previous=last.sha256, kind="deletion", payload=payload)
        return entry.with_signature(self._key.sign(entry.signed_bytes)).line

    def waiting(self, data: bytes) -> None:
        """Both verifiers think the same of what waits to join the chain; the package is there."""
        path = self._chain.with_name("chain.next")
        path.write_bytes(data)
        try:
            key = [self._key.public_key]
            ours = verify(self._run, key).problems
            theirs = self._outsider.check(self._run, key).problems
            assert bool(ours) == bool(theirs), (ours, theirs)
        finally:
            path.unlink()

    def manifest(self, data: bytes) -> None:
        """Both verifiers find every alteration of a manifest; reading it is refused or sound."""
        self._verified(self._package / "manifest.json", data)
        broken = self._folder / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        broken.mkdir()
        (broken / "manifest.json").write_bytes(data)
        try:
            package = Package.read(broken)
            package.decision_text()
        except EvidenceError:
            pass

    def seal(self, data: bytes) -> None:
        """Both verifiers find every alteration of a seal, in the run and alone."""
        self._verified(self._package / "seal.json", data)

    def _verified(self, path: Path, data: bytes) -> None:
        sound = path.read_bytes()
        path.write_bytes(data)
        try:
            key = [self._key.public_key]
            for place in (self._run, self._package):
                ours = verify(place, key).problems
                theirs = self._outsider.check(place, key).problems
                if place == self._run:
                    altered_here = data != sound
                    assert bool(ours) == altered_here, (ours, theirs)
                    assert bool(theirs) == altered_here, (ours, theirs)
        finally:
            path.write_bytes(sound)

    def document(self, data: bytes) -> None:
        """A stored document is read back, or refused."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return
        with contextlib.suppress(StoreError):
            finding_of(text, Violation)

    def decision(self, data: bytes) -> None:
        """A decision's text is read, or refused."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return
        with contextlib.suppress(EvidenceError):
            read_decision(text)

    def export(self, data: bytes) -> None:
        """Whatever a name holds, a table stays a table, and no cell of text is a formula."""
        text = data.decode("utf-8", "replace").replace("\0", "")
        path = self._folder / "export.sqlite"
        path.unlink(missing_ok=True)
        with ViolationStore.open(path) as store:
            store.start_source(KEY, text)
            store.add_findings(KEY, [violation(lane_id=text, camera_id=text)])
            table, lines = io.StringIO(newline=""), io.StringIO()
            write_csv(store.violations(), table)
            write_jsonl(store.documents(), lines)
        header, row = csv.reader(io.StringIO(table.getvalue(), newline=""))
        assert tuple(header) == COLUMNS
        told = dict(zip(header, row, strict=True))
        assert told["lane_id"].removeprefix("'") in (text, text.removeprefix("'"))
        for name in ("camera_id", "lane_id", "source"):
            assert not told[name].lstrip().startswith(tuple("=+-@"))
        assert json.loads(lines.getvalue())["lane_id"] == text
