"""What lies where in a run folder."""

STORE_NAME = "violations.sqlite"
EVIDENCE_NAME = "evidence"
UNFINISHED_NAME = ".unfinished"
