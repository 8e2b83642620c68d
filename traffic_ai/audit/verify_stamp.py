"""A package's time stamp held against its seal, and against the authorities that are known."""

from datetime import datetime

from traffic_ai.audit.verify_report import Report
from traffic_ai.evidence.stamp import Authorities, Stamp


def check_stamp(
    where: str,
    data: bytes,
    seal: bytes,
    sealed_at: datetime,
    authorities: Authorities | None,
    report: Report,
) -> None:
    """Whether a stamp is of a seal; its signature too where authorities are given."""
    try:
        stamp = Stamp.read(data)
    except ValueError as error:
        report.accuse(where, f"it is no time stamp: {error}")
        return
    if not stamp.is_of(seal):
        report.accuse(where, "the time stamp is not of seal.json", found="another imprint")
        return
    if authorities is not None and (problem := authorities.problem(stamp)):
        report.accuse(where, f"its signature is not one of the given authority: {problem}")
        return
    told = f"stamped at {stamp.at.isoformat()}"
    if stamp.at < sealed_at:
        early_s = (sealed_at - stamp.at).total_seconds()
        told += f", {early_s:.1f} s before the host's clock sealed it"
    if authorities is None:
        told += "; whose word that is was not checked: give --stamp-authority"
    report.note(where, told)
