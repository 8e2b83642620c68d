"""Signal programs of a scenario: the main road and the crossing road in turn."""

from collections.abc import Sequence

from traffic_ai.core.signal import Aspect
from traffic_ai.simulate.traffic.schema import SignalsPart
from traffic_ai.simulate.world import Phase, SignalProgram

_STOPS = frozenset({Aspect.RED, Aspect.RED_YELLOW})


def programs_of(part: SignalsPart, from_s: float, until_s: float) -> tuple[SignalProgram, ...]:
    """The programs of main and cross over a time that may begin before the first frame."""
    if part.phases:
        main = tuple(Phase(at_s, aspect) for at_s, aspect in part.phases)
        return SignalProgram("main", main), SignalProgram("cross", _opposed(part, main, until_s))
    green, yellow, clear = part.green_s, part.yellow_s, part.all_red_s
    cycle_s = green + part.cross_green_s + 2 * (yellow + clear)
    main_phases: list[Phase] = []
    cross_phases: list[Phase] = []
    number = int((from_s - part.first_yellow_s) // cycle_s) - 1
    while True:
        yellow_s = part.first_yellow_s + number * cycle_s
        if yellow_s > until_s:
            break
        red_s = yellow_s + yellow
        cross_s = red_s + clear
        cross_red_s = cross_s + part.cross_green_s + yellow
        main_phases += _turn(part, yellow_s, red_s, cross_red_s + clear)
        cross_phases += _turn(part, cross_red_s - yellow, cross_red_s, cross_s + cycle_s)
        number += 1
    return (
        SignalProgram("main", _from(main_phases, from_s)),
        SignalProgram("cross", _from(cross_phases, from_s)),
    )


def _turn(part: SignalsPart, yellow_s: float, red_s: float, green_s: float) -> list[Phase]:
    """Yellow, red, and green again."""
    found = [Phase(yellow_s, Aspect.YELLOW)] if red_s > yellow_s else []
    found.append(Phase(red_s, Aspect.RED))
    if part.red_yellow_s > 0.0:
        found.append(Phase(green_s - part.red_yellow_s, Aspect.RED_YELLOW))
    return [*found, Phase(green_s, Aspect.GREEN)]


def _from(phases: Sequence[Phase], from_s: float) -> tuple[Phase, ...]:
    """Phases in order of time, from the one in force at a moment; times to the microsecond."""
    ordered = sorted(phases, key=lambda phase: phase.start_s)
    first = max((i for i, phase in enumerate(ordered) if phase.start_s <= from_s), default=0)
    return tuple(Phase(round(phase.start_s, 6), phase.aspect) for phase in ordered[first:])


def _opposed(part: SignalsPart, main: Sequence[Phase], until_s: float) -> tuple[Phase, ...]:
    """The crossing road's phases where the main road's are given: green while main is red."""
    found = [Phase(main[0].start_s, Aspect.RED)]
    for i, phase in enumerate(main):
        ends_s = next((p.start_s for p in main[i:] if p.aspect not in _STOPS), until_s + 1e3)
        first = phase.aspect in _STOPS and (i == 0 or main[i - 1].aspect not in _STOPS)
        yellow_s = ends_s - part.all_red_s - part.yellow_s
        green_s = phase.start_s + part.all_red_s
        if first and yellow_s > green_s:
            found += [
                Phase(green_s, Aspect.GREEN),
                Phase(yellow_s, Aspect.YELLOW),
                Phase(yellow_s + part.yellow_s, Aspect.RED),
            ]
    return tuple(found)


def red_spells_s(program: SignalProgram) -> list[tuple[float, float, float]]:
    """Onset of the yellow before it, onset and end of every red of a program."""
    found = []
    phases = program.phases
    for i, phase in enumerate(phases):
        before = phases[i - 1] if i else None
        if phase.aspect is not Aspect.RED or (before is not None and before.aspect in _STOPS):
            continue
        yellow = before is not None and before.aspect is Aspect.YELLOW
        yellow_s = before.start_s if before is not None and yellow else phase.start_s
        end_s = next((p.start_s for p in phases[i:] if p.aspect is not Aspect.RED), float("inf"))
        found.append((yellow_s, phase.start_s, end_s))
    return found
