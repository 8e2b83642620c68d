"""Several files at once: worker processes, each a batch of its own on the same run folder.

The store and the evidence's chains take several processes; records and their ids are those of one
process, only the order in which they are entered differs. Files of the same content go to the same
worker, one after the other; the largest are handed out first. A worker that is killed costs the
file it had in work, which goes on from its log when the batch is run again; another worker takes
its place.
"""

import os
import pickle
import queue
import signal
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from traffic_ai.batch.files import camera_of
from traffic_ai.batch.outcome import FileOutcome, FileState, Listener
from traffic_ai.batch.processes import worker_context
from traffic_ai.batch.run import Batch
from traffic_ai.config.site import Site
from traffic_ai.core.errors import SourceError
from traffic_ai.core.violation import Violation
from traffic_ai.sources.file import content_hash

MakeBatch = Callable[[], Batch]
_LOOK_S = 0.2  # how often the wish to stop is looked at


@dataclass(slots=True)
class _Worker:
    """A process, who is told of its work, and the positions of the paths it has in hand."""

    process: BaseProcess
    channel: Connection
    listener: Listener
    group: list[int] = field(default_factory=list)


class Workers:
    """Analyses files in as many processes as there are listeners, each told of one's work.

    make: called in each worker, so it must be picklable: the batch it works by. cores: those the
    workers share out among themselves. Implements what `Batch.run` promises.
    """

    def __init__(
        self,
        make: MakeBatch,
        listeners: Sequence[Listener],
        stop: threading.Event,
        cores: Sequence[int] | None = None,
    ) -> None:
        self._make = make
        self._listeners = tuple(listeners)
        self._stop = stop
        self._cores = sorted(os.sched_getaffinity(0)) if cores is None else cores
        self._context = worker_context()
        self._active: list[_Worker] = []
        self._error: BaseException | None = None

    def run(self, site: Site, paths: Sequence[Path], camera_id: str | None) -> list[FileOutcome]:
        """As `Batch.run`: outcomes in the order of the paths, raising the same."""
        self._paths = tuple(paths)
        self._cameras = [camera_of(site, path, camera_id).id for path in paths]
        self._waiting = deque(_largest_first(groups_of_content(paths), paths))
        self._outcomes: dict[int, FileOutcome] = {}
        told_to_stop = False
        try:
            self._start_workers()
            while self._active:
                for channel in wait([w.channel for w in self._active], _LOOK_S):
                    self._hear(next(w for w in self._active if w.channel is channel))
                if self._stop.is_set() and not told_to_stop:
                    told_to_stop = True
                    for worker in self._active:
                        _send(worker.channel, None)
                self._start_workers()
        finally:
            # Whatever ends this ends them at once: nobody hears them any more, and they hear no
            # SIGTERM. What they recorded stays.
            for worker in self._active:
                worker.channel.close()
                worker.process.kill()
                worker.process.join()
        if self._error is not None:
            raise self._error
        return [self._outcomes[number] for number in sorted(self._outcomes)]

    # -- processes ------------------------------------------------------------------------------

    def _start_workers(self) -> None:
        """Have as many workers as there is work for."""
        free = [one for one in self._listeners if all(one is not w.listener for w in self._active)]
        while free and self._waiting and not self._stop.is_set():
            listener = free.pop(0)
            number = self._listeners.index(listener)
            ours, theirs = self._context.Pipe()
            process = self._context.Process(
                target=_work, args=(self._make, theirs, self._share(number)), daemon=True
            )
            process.start()
            theirs.close()
            worker = _Worker(process, ours, listener)
            self._active.append(worker)
            self._give(worker)

    def _share(self, number: int) -> list[int]:
        """The cores of a worker; all of them where there are too few to share out."""
        count = len(self._listeners)
        return list(self._cores[number::count] if count <= len(self._cores) else self._cores)

    def _give(self, worker: _Worker) -> None:
        """Hand a worker its next files, or the end."""
        worker.group = self._waiting.popleft() if self._waiting and not self._stop.is_set() else []
        _send(worker.channel, [self._paths[number] for number in worker.group] or None)

    # -- what they say --------------------------------------------------------------------------

    def _hear(self, worker: _Worker) -> None:
        try:
            message = worker.channel.recv()
        except (EOFError, OSError):
            self._gone(worker)
            return
        match message:
            case _Begun(at, duration_s):
                number = worker.group[at]
                worker.listener.file_begins(
                    self._paths[number], number + 1, len(self._paths), duration_s
                )
            case _Frame(t_s, from_log):
                worker.listener.frame_done(t_s, from_log)
            case Violation():
                worker.listener.violation_found(message)
            case FileOutcome():
                self._ended(worker, message)
            case BaseException():
                self._error = self._error or message
                self._stop.set()
            case _:
                self._give(worker)

    def _ended(self, worker: _Worker, outcome: FileOutcome) -> None:
        number = next(n for n in worker.group if n not in self._outcomes)
        self._outcomes[number] = outcome
        worker.listener.file_ended(outcome)

    def _gone(self, worker: _Worker) -> None:
        """A worker has ended: because there was nothing left for it, or killed in the midst."""
        worker.process.join()
        worker.channel.close()
        self._active.remove(worker)
        left = [number for number in worker.group if number not in self._outcomes]
        if not left or self._stop.is_set():
            return
        code = worker.process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        outcome = FileOutcome(self._paths[left[0]], self._cameras[left[0]], FileState.FAILED)
        outcome.message = f"the process that analysed it ended ({how}); run again to go on"
        self._ended(worker, outcome)
        if left[1:]:
            self._waiting.appendleft(left[1:])


def groups_of_content(paths: Sequence[Path]) -> list[list[int]]:
    """Positions of the paths, those of the same content together, in order of the first.

    Only files of the same size are read for it. One that cannot be read stands for itself.
    """
    by_size: dict[int, list[int]] = defaultdict(list)
    for number, path in enumerate(paths):
        try:
            by_size[path.stat().st_size].append(number)
        except OSError:
            by_size[-1 - number].append(number)
    groups: list[list[int]] = []
    for alike in by_size.values():
        by_content: dict[str, list[int]] = defaultdict(list)
        for number in alike:
            by_content[_content(paths[number], number) if len(alike) > 1 else ""].append(number)
        groups += by_content.values()
    return sorted(groups)


def _largest_first(groups: list[list[int]], paths: Sequence[Path]) -> list[list[int]]:
    """The groups in the order they are handed out, so that the workers end at about one time."""

    def size(group: list[int]) -> int:
        try:
            return paths[group[0]].stat().st_size  # of one content, only the first is analysed
        except OSError:
            return 0

    return sorted(groups, key=size, reverse=True)


def _content(path: Path, number: int) -> str:
    try:
        return content_hash(path)
    except SourceError:
        return f"unreadable {number}"


def _send(channel: Connection, message: list[Path] | None) -> None:
    with suppress(OSError):  # it has ended, which is heard when its channel is read
        channel.send(message)


# -- in the worker ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Begun:
    """A file of the group, by its place in it, is about to be analysed."""

    at: int
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class _Frame:
    t_s: float
    from_log: bool


class _Telling:
    """Tells the watching process what goes on; implements `batch.outcome.Listener`."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel

    def file_begins(self, path: Path, number: int, total: int, duration_s: float | None) -> None:
        """As `Listener` says."""
        self._channel.send(_Begun(number - 1, duration_s))

    def frame_done(self, t_s: float, from_log: bool) -> None:
        """As `Listener` says."""
        self._channel.send(_Frame(t_s, from_log))

    def violation_found(self, violation: Violation) -> None:
        """As `Listener` says."""
        self._channel.send(violation)

    def file_ended(self, outcome: FileOutcome) -> None:
        """As `Listener` says."""
        self._channel.send(outcome)


def _work(make: MakeBatch, channel: Connection, cores: list[int]) -> None:
    """A worker: group after group of files, until there is none or the other side is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the watching process says when to stop
    os.sched_setaffinity(0, cores)
    try:
        batch = make()
        groups = _listening(channel, batch.stop)
        while (group := groups.get()) is not None:
            batch.run(group, _Telling(channel))
            channel.send(None)
    except Exception as error:
        with suppress(OSError):  # nobody is there any more
            channel.send(_sendable(error))


def _listening(channel: Connection, stop: threading.Event) -> "queue.Queue[list[Path] | None]":
    """The groups as they are handed out, None at the end, which also sets `stop`."""
    groups: queue.Queue[list[Path] | None] = queue.Queue()

    def listen() -> None:
        with suppress(EOFError, OSError):
            while (group := channel.recv()) is not None:
                groups.put(group)
        stop.set()
        groups.put(None)

    threading.Thread(target=listen, daemon=True).start()
    return groups


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(repr(error))
    return error
