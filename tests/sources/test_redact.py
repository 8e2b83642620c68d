"""Users and passwords never show."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic_ai.core.redact import redact


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://ad.min:pw@gate:554/cam", "rtsp://***@gate:554/cam"),
        ("rtsp://user%40d:pw@gate/cam", "rtsp://***@gate/cam"),
        ("rtsp://u:p@ss/w:rd@gate/cam", "rtsp://***@gate/cam"),
        ("rtsp://onlyuser@gate/cam", "rtsp://***@gate/cam"),
        ("rtsp://u:p@[fe80::1]:554/cam", "rtsp://***@[fe80::1]:554/cam"),
        ("http://gate/video?user=a&pwd=b&ch=1", "http://gate/video?user=***&pwd=***&ch=1"),
        ("http://gate/v?USER=a&Password=b", "http://gate/v?USER=***&Password=***"),
        ("rtsp://gate/user=admin_password=tl_J6_channel=1.sdp", "rtsp://gate/user=***"),
        ("ad.min:pw@gate:554/cam", "***@gate:554/cam"),
        ("rtsp%3A%2F%2Fu%3Apw%40gate", "rtsp%3A%2F%2F***@gate"),
        ("rtsp://gate:554/cam?channel=1", "rtsp://gate:554/cam?channel=1"),
        ("rtsp://[::1]:8554/cam", "rtsp://[::1]:8554/cam"),
    ],
)
def test_a_url_is_shown_without_its_credentials(url, shown):
    assert redact(url) == shown
    assert redact(f"cannot open '{url}' now") == f"cannot open '{shown}' now"


def test_an_ordinary_text_stays_as_it_is():
    text = "camera gate-2 is stalled: no frame for 5 s since 12:30:01 (rate 24.97)"
    assert redact(text, "rtsp://user:secret@gate/cam") == text


words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=3, max_size=14)


@given(words, words)
def test_a_known_password_shows_in_no_spelling(user, password):
    encoded = quote(password, safe="")
    url = f"rtsp://{quote(user, safe='')}:{encoded}@gate/cam"
    for spelling in (password, encoded, encoded.lower(), quote(encoded, safe=""), url):
        shown = redact(f"tried [{spelling}] with it", url)
        if password.lower() not in "tried [***] with it [rtsp://***@gate/cam]":
            assert password.lower() not in shown.lower()
        if encoded != password:
            assert encoded.lower() not in shown.lower()


@given(words)
def test_a_password_in_the_query_shows_in_no_spelling(password):
    encoded = quote(password, safe="")
    url = f"http://gate/video?user=op&pwd={encoded}"
    for spelling in (password, encoded):
        shown = redact(f"[{spelling}]", url)
        if password.lower() not in "[***]":
            assert password.lower() not in shown.lower()
