"""How long verification takes: `python -m benchmarks.verify --packages 3000 --kilobytes 100`.

A signed run folder of so many packages with a store, checked by both verifiers.
"""

import argparse
import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from benchmarks.fuzz.targets import outsider
from tests.records import KEY, violation
from tests.sealed import Clock
from traffic_ai.audit.verify import verify
from traffic_ai.core.record import EvidenceState
from traffic_ai.core.violation import document
from traffic_ai.evidence.chain import Chain
from traffic_ai.evidence.keys import make_key
from traffic_ai.evidence.package import partial_folder
from traffic_ai.stores.database import ViolationStore


def add_package(run, chain, made, picture):
    """Seal a package of one file; its path as the store names it."""
    final = run / "evidence" / "gate" / made.kind.value / "2026-05-01" / made.id
    digest = hashlib.sha256(picture).hexdigest()
    listed = [{"file": "at.jpg", "sha256": digest, "size_bytes": len(picture)}]
    with partial_folder(final) as folder:
        (folder / "at.jpg").write_bytes(picture)
        manifest = {"files": listed, "problems": [], "violation": document(made)}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        chain.seal(folder, final)
    return final.relative_to(run).as_posix()


def make_run(run, signer, count, size_bytes):
    """A run folder of `count` packages; whether it outlives a power cut does not matter here."""
    run.mkdir()
    chain, picture = Chain(run / "evidence", "gate", signer, Clock()), os.urandom(size_bytes)
    made = [violation(t_s=20.0 * n) for n in range(count)]
    with (
        patch.object(os, "fsync", lambda descriptor: None),
        ViolationStore.open(run / "violations.sqlite") as store,
    ):
        store.start_source(KEY, "a.mp4")
        store.add_findings(KEY, made)
        for one in made:
            path = add_package(run, chain, one, picture)
            store.set_evidence(one.id, EvidenceState.WRITTEN, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=3000)
    parser.add_argument("--kilobytes", type=int, default=100, help="of each package")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        signer, run = make_key(Path(folder) / "keys"), Path(folder) / "run"
        make_run(run, signer, given.packages, given.kilobytes * 1000)
        for name, check in (("traffic-ai verify", verify), ("second", outsider().check)):
            began, used = time.monotonic(), time.process_time()
            problems = check(run, [signer.public_key]).problems
            took, cpu = time.monotonic() - began, time.process_time() - used
            if problems:
                sys.exit(f"{name}: {problems[0]}")
            print(
                f"{name:18} {given.packages} packages of {given.kilobytes} kB: {took:.1f} s, "
                f"{1000 * cpu / given.packages:.2f} ms of one core a package"
            )
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
