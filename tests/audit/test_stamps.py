"""RFC 3161 time stamps, by a real authority that openssl plays: what, when, and by whose word."""

import json
import random
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import sealed
from tests.audit.test_verify_altered import OUTSIDER
from traffic_ai.audit.verify import verify
from traffic_ai.core.errors import UsageError
from traffic_ai.evidence.stamp import Authorities

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

CONFIG = """\
[tsa]
default_tsa=here
[here]
serial=serial
signer_cert=tsa.pem
certs=tsa.pem
signer_key=tsa.key
signer_digest=sha256
default_policy=1.2.3.4
digests=sha256,sha512
"""
EXTENSIONS = "extendedKeyUsage=critical,timeStamping\nbasicConstraints=critical,CA:FALSE\n"


@dataclass(frozen=True)
class Authority:
    """An authority's folder: its root, its own certificate, and what it needs to stamp."""

    folder: Path

    @property
    def root(self):
        return self.folder / "root.pem"

    def stamp(self, data, digest="sha256"):
        """The answer to a request for these bytes."""
        (self.folder / "data").write_bytes(data)
        openssl(self.folder, f"ts -query -data data -{digest} -cert -out request")
        openssl(self.folder, "ts -reply -config tsa.cnf -queryfile request -out answer")
        return (self.folder / "answer").read_bytes()


def openssl(folder, command):
    made = subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True)
    assert made.returncode == 0, made.stderr.decode()


def new_authority(folder):
    """A root, and an authority that it certifies."""
    folder.mkdir()
    (folder / "tsa.cnf").write_text(CONFIG)
    (folder / "extensions").write_text(EXTENSIONS)
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    openssl(folder, f"req -x509 {key} -keyout root.key -out root.pem -subj /CN=root -days 2")
    openssl(folder, f"req {key} -keyout tsa.key -out tsa.csr -subj /CN=tsa")
    openssl(
        folder,
        "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -out tsa.pem "
        "-days 2 -extfile extensions",
    )
    return Authority(folder)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authorities")
    return new_authority(folder / "one"), new_authority(folder / "other")


@pytest.fixture
def run(tmp_path):
    """Two sealed packages."""
    chain = sealed.chain(tmp_path / "run", signer=sealed.signer(tmp_path / "keys"))
    for number in range(2):
        sealed.add_package(tmp_path / "run", number, chain)
    return tmp_path / "run"


def stamped(run, authority, digest="sha256"):
    """A package with a stamp of its seal; the stamp's file."""
    folder = sealed.package_path(run, 0)
    made = authority.stamp((folder / "seal.json").read_bytes(), digest)
    (folder / "seal.tsr").write_bytes(made)
    return folder / "seal.tsr"


def checked(run, *roots):
    """Problems and notes of both verifiers, as text."""
    known = Authorities.read(roots) if roots else None
    ours, theirs = verify(run, authorities=known), OUTSIDER.check(run)
    return (
        [str(problem) for problem in ours.problems],
        "\n".join(map(str, ours.notes)),
        theirs.problems,
        "\n".join(theirs.notes),
    )


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_a_stamp_of_the_seal_is_taken_and_its_time_told(run, authorities, digest):
    stamped(run, authorities[0], digest)
    ours, our_notes, theirs, their_notes = checked(run, authorities[0].root)
    assert (ours, theirs) == ([], [])
    today = datetime.now(UTC)
    days = {(today + timedelta(days=d)).date().isoformat() for d in (-1, 0)}
    assert any(f"seal.tsr: stamped at {day}T" in our_notes for day in days)
    assert "--stamp-authority" not in our_notes
    assert any(f"seal.tsr: says {day.replace('-', '')}" in their_notes for day in days)


def test_without_an_authority_it_is_said_that_its_word_was_not_checked(run, authorities):
    stamped(run, authorities[0])
    ours, notes, theirs, _ = checked(run)
    assert (ours, theirs) == ([], [])
    assert "whose word that is was not checked: give --stamp-authority" in notes


def test_a_stamp_of_another_authority_is_named(run, authorities):
    stamped(run, authorities[0])
    [problem], *_ = checked(run, authorities[1].root)
    assert "seal.tsr: its signature is not one of the given authority" in problem


def test_a_stamp_of_another_seal_is_named_by_both(run, authorities):
    stamp = stamped(run, authorities[0])
    stamp.rename(sealed.package_path(run, 1) / "seal.tsr")
    [ours], _, [theirs], _ = checked(run, authorities[0].root)
    assert "seal.tsr: the time stamp is not of seal.json" in ours
    assert "seal.tsr: stamps something else" in theirs


def test_a_refusal_is_no_stamp(run, authorities):
    stamp = stamped(run, authorities[0])
    stamp.write_bytes(bytes.fromhex("30053003020102"))  # status 2: rejection
    [ours], _, [theirs], _ = checked(run)
    assert "seal.tsr" in ours
    assert "seal.tsr: is no time stamp" in theirs


def test_a_time_written_anew_is_found_where_the_authority_is_given(run, authorities):
    stamp = stamped(run, authorities[0])
    data = stamp.read_bytes()
    at = data.index(b"\x18\x0f20") + 2
    stamp.write_bytes(data[:at] + b"1999" + data[at + 4 :])
    ours, notes, theirs, _ = checked(run)
    assert (ours, theirs) == ([], [])
    assert "before the host's clock sealed it" in notes
    [problem], *_ = checked(run, authorities[0].root)
    assert "its signature is not one of the given authority" in problem


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_to_a_stamp_both_answer_and_the_signature_decides(run, authorities, seed):
    stamp = stamped(run, authorities[0])
    data, chance = stamp.read_bytes(), random.Random(seed)
    end = data.index(b"\x18\x0f") + 17
    for _ in range(40):
        altered = bytearray(data)
        at = chance.randrange(len(data))
        altered[at] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            del altered[at:]
        stamp.write_bytes(bytes(altered))
        ours, _, theirs, _ = checked(run, authorities[0].root)
        # What is signed ends with the time; certificates beside it may hold what nobody looks at.
        if at < end and len(altered) == len(data) and data[4:9] == altered[4:9]:
            assert ours or theirs, f"bit at {at}"
    for odd in (b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80\x00\x00", data + b"x"):
        stamp.write_bytes(odd)
        ours, _, _, _ = checked(run, authorities[0].root)
        assert ours, odd


def test_the_command_takes_authorities_and_refuses_what_is_none(run, authorities, call, tmp_path):
    stamped(run, authorities[0])
    right = call("verify", run, "--stamp-authority", authorities[0].root, "--json")
    assert (right.code, json.loads(right.out)["problems"]) == (0, [])
    assert call("verify", run, "--stamp-authority", authorities[1].root).code == 1
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(UsageError, match="holds no certificate"):
        Authorities.read([tmp_path / "none.pem"])
    assert call("verify", run, "--stamp-authority", tmp_path / "absent.pem").code == 2
