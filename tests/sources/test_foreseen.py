"""Pictures kept for those who will ask for them: how many, and how long."""

from traffic_ai.sources.foreseen import FORESEEN_LIMIT, Foreseen

SMALL, LARGE = 1, 20 * 1024 * 1024


def test_only_foreseen_pictures_are_kept_and_until_they_are_taken():
    foreseen = Foreseen()
    foreseen.add([1.0, 2.0])
    foreseen.keep({1.0: "a", 3.0: "c"})
    assert foreseen.wanted() == [2.0]
    assert foreseen.take([1.0, 3.0]) == {1.0: "a"}
    assert foreseen.take([1.0]) == {}


def test_what_two_will_ask_for_is_kept_for_the_second():
    foreseen = Foreseen()
    foreseen.add([1.0])
    foreseen.add([1.0])
    foreseen.keep({1.0: "a"})
    assert foreseen.take([1.0]) == foreseen.take([1.0]) == {1.0: "a"}
    assert foreseen.take([1.0]) == {}


def test_moments_that_nobody_asks_for_are_forgotten_with_their_pictures():
    foreseen = Foreseen()
    foreseen.add([-1.0])
    foreseen.keep({-1.0: "old"})
    foreseen.add(float(n) for n in range(FORESEEN_LIMIT))
    assert foreseen.take([0.0]) == {}
    assert foreseen.take([-1.0]) == {}
    assert len(foreseen.wanted()) == FORESEEN_LIMIT - 1


def test_there_is_room_for_so_many_bytes():
    foreseen = Foreseen()
    foreseen.add([1.0, 2.0])
    assert foreseen.room(SMALL) > 1000
    assert foreseen.room(LARGE) == 1
    foreseen.keep({1.0: "a"})
    assert foreseen.room(LARGE) == 0
