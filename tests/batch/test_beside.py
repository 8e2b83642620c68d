"""Work beside the analysis: in order, in one thread, its errors raised where it is awaited."""

import threading

import pytest

from traffic_ai.batch.beside import BesideWriter


def test_work_is_done_in_order_in_one_other_thread():
    writer, done = BesideWriter(), []
    for number in range(20):
        writer.hand_over(lambda n=number: done.append((n, threading.current_thread().name)))
    writer.finish()
    writer.close()
    assert [number for number, _ in done] == list(range(20))
    assert len({name for _, name in done}) == 1
    assert done[0][1] != threading.current_thread().name


def test_an_error_is_raised_where_the_work_is_awaited():
    def fail():
        raise OSError("disk full")

    writer = BesideWriter()
    writer.hand_over(fail)
    with pytest.raises(OSError, match="disk full"):
        writer.finish()
    writer.close()


def test_much_that_waits_makes_the_giver_wait():
    writer, go, given = BesideWriter(), threading.Event(), []
    ready = threading.Event()

    def give():
        for number in range(30):
            writer.hand_over(go.wait)
            given.append(number)
            if number == 7:
                ready.set()

    giver = threading.Thread(target=give)
    giver.start()
    assert ready.wait(60.0)
    giver.join(0.2)
    assert len(given) <= 9
    go.set()
    giver.join(60.0)
    writer.finish()
    writer.close()
    assert len(given) == 30


def test_what_was_not_begun_is_left_when_it_is_closed():
    writer, began, go, done = BesideWriter(), threading.Event(), threading.Event(), []

    def first():
        began.set()
        go.wait(60.0)
        done.append(1)

    writer.hand_over(first)
    writer.hand_over(lambda: done.append(2))
    left = writer._waiting[-1]
    assert began.wait(60.0)
    closer = threading.Thread(target=writer.close)
    closer.start()
    while not left.cancelled():
        threading.Event().wait(0.01)
    go.set()
    closer.join(60.0)
    assert done == [1]
