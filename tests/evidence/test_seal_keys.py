"""Signing keys: made once, refused when others may read them, handed over, never shown."""

import os
import stat
import subprocess

import pytest

from tests.mounts import ROOT
from traffic_ai.core.errors import UsageError
from traffic_ai.evidence.keys import (
    keys_folder,
    load_signer,
    make_key,
    public_pem,
    read_public_keys,
    rotate_key,
    signature_holds,
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "configuration" / "keys"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_its_owners_alone_whatever_the_umask(folder):
    before = os.umask(0)
    try:
        make_key(folder)
    finally:
        os.umask(before)
    assert (mode(folder), mode(folder / "signing.pem")) == (0o700, 0o600)


def test_a_loaded_key_signs_as_the_one_that_was_made(folder):
    made, loaded = make_key(folder), load_signer(folder)
    assert loaded.public_key == made.public_key
    assert loaded.sign(b"text") == made.sign(b"text")
    assert signature_holds(made.public_key, made.sign(b"text"), b"text")
    assert not signature_holds(made.public_key, made.sign(b"text"), b"other")


def test_where_no_key_is_there_is_no_signer(folder):
    assert load_signer(folder) is None


def test_a_key_is_never_made_over_another(folder):
    make_key(folder)
    before = (folder / "signing.pem").read_bytes()
    with pytest.raises(UsageError, match=r"signing\.pem is there already; .*rotate"):
        make_key(folder)
    assert (folder / "signing.pem").read_bytes() == before


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o660, 0o620, 0o602])
def test_a_key_that_others_may_use_is_refused(folder, open_to):
    make_key(folder)
    (folder / "signing.pem").chmod(open_to)
    with pytest.raises(UsageError, match=f"mode 0{open_to:o}.*chmod 600"):
        load_signer(folder)


@pytest.mark.parametrize("left", [0, 10, 60, 100])
def test_a_damaged_key_is_named_and_nothing_of_it_is_said(folder, left):
    make_key(folder)
    path = folder / "signing.pem"
    text = path.read_text()
    path.write_text(text[:left])
    with pytest.raises(UsageError, match=r"signing\.pem is damaged") as refused:
        load_signer(folder)
    secret = text.splitlines()[1]
    assert not any(secret[i : i + 8] in str(refused.value) for i in range(len(secret) - 8))
    assert refused.value.__suppress_context__


def test_a_key_of_another_kind_is_refused(folder):
    folder.mkdir(parents=True)
    command = ["openssl", "genpkey", "-algorithm", "X25519", "-out", folder / "signing.pem"]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs openssl")
    (folder / "signing.pem").chmod(0o600)
    with pytest.raises(UsageError, match="not an Ed25519 key"):
        load_signer(folder)


def test_the_private_key_shows_in_no_form_of_the_signer(folder):
    signer = make_key(folder)
    private = (folder / "signing.pem").read_text().splitlines()[1]
    assert private not in repr(signer) + str(signer)
    assert "rivate" not in repr(signer)


def test_rotation_makes_a_new_key_which_the_old_one_names(folder):
    old = make_key(folder)
    new = rotate_key(folder)
    assert new.public_key != old.public_key
    [handover] = load_signer(folder).handovers_from(old.public_key)
    assert (handover.old, handover.new) == (old.public_key, new.public_key)
    assert signature_holds(old.public_key, handover.signature, handover.signed_bytes)
    assert mode(folder / "signing.pem") == 0o600
    left = b"".join(path.read_bytes() for path in folder.iterdir())
    assert left.count(b"BEGIN PRIVATE KEY") == 1


def test_the_way_through_several_rotations_is_known_and_no_other(folder, tmp_path):
    first = make_key(folder)
    second = rotate_key(folder)
    third = rotate_key(folder)
    steps = third.handovers_from(first.public_key)
    assert [step.new for step in steps] == [second.public_key, third.public_key]
    assert third.handovers_from(third.public_key) == []
    assert third.handovers_from(make_key(tmp_path / "else").public_key) is None
    assert third.known_keys() == [third.public_key, second.public_key, first.public_key]


@pytest.mark.parametrize("step", ["_write_private", "_add_handover"])
def test_a_rotation_that_was_cut_off_leaves_the_old_key_and_can_be_done_again(
    folder, monkeypatch, step
):
    from traffic_ai.evidence import keys

    old = make_key(folder)
    real = getattr(keys, step)

    def then_ends(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(keys, step, then_ends)
    with pytest.raises(KeyboardInterrupt):
        rotate_key(folder)
    monkeypatch.undo()
    assert load_signer(folder).public_key == old.public_key
    new = rotate_key(folder)
    assert load_signer(folder).public_key == new.public_key
    assert len(new.handovers_from(old.public_key)) == 1


def test_without_a_key_there_is_nothing_to_rotate(folder):
    with pytest.raises(UsageError, match=r"no key in .*keys init"):
        rotate_key(folder)


def test_public_keys_are_read_from_pem_and_hex(folder, tmp_path):
    first, second = make_key(folder), rotate_key(folder)
    pem = tmp_path / "public.pem"
    pem.write_text(public_pem(first.public_key) + public_pem(second.public_key))
    assert read_public_keys(str(pem)) == [first.public_key, second.public_key]
    assert read_public_keys(first.public_key.upper()) == [first.public_key]


@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
)
def test_a_file_without_a_public_key_is_refused(tmp_path, text):
    path = tmp_path / "public.pem"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"public\.pem holds"):
        read_public_keys(str(path))


def test_a_private_key_is_not_taken_for_a_public_one(folder):
    make_key(folder)
    with pytest.raises(UsageError, match="holds no public key"):
        read_public_keys(str(folder / "signing.pem"))


def test_the_folder_is_the_given_one_then_the_variables_then_the_configurations(
    monkeypatch, tmp_path
):
    monkeypatch.delenv("TRAFFIC_AI_KEYS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert keys_folder() == tmp_path / "xdg" / "traffic-ai" / "keys"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert keys_folder() == tmp_path / "home" / ".config" / "traffic-ai" / "keys"
    monkeypatch.setenv("TRAFFIC_AI_KEYS", str(tmp_path / "variable"))
    assert keys_folder() == tmp_path / "variable"
    assert keys_folder(tmp_path / "given") == tmp_path / "given"
    assert ROOT not in keys_folder().parents
