"""What every deduction leaves of simulated speeds, beside what was driven.

    python -m benchmarks.accuracy.deductions [--passes 40]

Every case of the suite in which somebody speeds, and passes of each class in each band of speed.
Ends with 1 if, of a speed that was reported, any scheme leaves more than was driven.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace

from benchmarks.accuracy.pools import Part, speed
from benchmarks.accuracy.suite import read_cases, run_case
from traffic_ai.evaluate.report import SpeedReading
from traffic_ai.rules.deduction import DeductionScheme, deduct

SCHEMES = [scheme for scheme in DeductionScheme if scheme is not DeductionScheme.NONE]


def readings(passes: int) -> Iterator[tuple[str, SpeedReading]]:
    """Every measured speed of a vehicle that is known, and what it is of."""
    for case in read_cases():
        if not any(deed.deed == "speeding" for deed in case.scenario.deeds):
            continue
        for reading in run_case(case, (1,)).report.speeds:
            yield f"suite: {case.name}", reading
    for part in parts(passes) if passes else ():
        for reading in part.run().speeds:
            yield part.group, reading


def parts(passes: int) -> Iterator[Part]:
    """The pool of speeds, with so many passes of each class in each band."""
    for part in speed(0.0):
        yield replace(part, world=replace(part.world, count=passes))


def above(reading: SpeedReading, scheme: DeductionScheme) -> float:
    """How far above the true speed what the scheme leaves is, km/h."""
    left = deduct(scheme, reading.measured_kmh, reading.expanded_uncertainty_kmh)
    assert left is not None
    assert reading.true_kmh is not None
    return left.enforced_kmh - reading.true_kmh


def tell(found: Iterable[tuple[str, SpeedReading]]) -> int:
    """Print a line a scheme and each speed of which too much is left; how many there were."""
    known = [(what, one) for what, one in found if one.true_kmh is not None and one.reported]
    wrong = 0
    for scheme in SCHEMES:
        margins = [(above(one, scheme), what, one) for what, one in known]
        over = [row for row in margins if row[0] > 0.0]
        wrong += len(over)
        print(f"{scheme.value:11} {len(margins)} speeds, above what was driven: {len(over)}")
        for margin, what, one in sorted(over, key=lambda row: -row[0])[:10]:
            spread = f"{one.measured_kmh:.1f}, u {one.standard_uncertainty_kmh:.2f}"
            print(
                f"    {what}: measured {spread}, driven {one.true_kmh:.1f}, {margin:.1f} too much"
            )
    return wrong


def main() -> None:
    """Measure, print, and say by the exit code whether it held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--passes", type=int, default=40, help="of each class in each band; 0: none"
    )
    given = parser.parse_args()
    sys.exit(tell(readings(given.passes)) > 0)


if __name__ == "__main__":
    main()
