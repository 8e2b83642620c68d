"""One JSON object a line, with the camera's id and without secrets."""

import io
import json
import logging

import pytest

from traffic_ai.cli.logs import JsonLines


@pytest.fixture
def said():
    """A logger, and the objects it wrote."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.Logger("traffic_ai.test")
    logger.addHandler(handler)
    return logger, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_its_camera(said):
    logger, lines = said
    logger.info("camera %s is %s", "gate", "live")
    logger.warning("delivery to %s waits: %s", "mqtt", "two\nlines")
    first, second = lines()
    assert first.pop("at").endswith("+00:00")
    assert first == {
        "level": "info",
        "logger": "traffic_ai.test",
        "camera": "gate",
        "message": "camera gate is live",
    }
    assert (second["level"], second["message"]) == (
        "warning",
        "delivery to mqtt waits: two\nlines",
    )
    assert "camera" not in second


def test_no_credentials_of_an_address_come_through(said):
    logger, lines = said
    try:
        raise OSError("rtsp://admin:hunter2@gate/cam did not answer")
    except OSError:
        logger.exception("camera %s: %s", "gate", "https://a/hook?token=hunter2")
    (line,) = lines()
    assert "hunter2" not in json.dumps(line)
    assert "Traceback" in line["error"]


def test_odd_text_stays_one_line(said):
    logger, lines = said
    logger.error("camera %s: %s", "gate", 'a "quote", a \ud800, an é\r\n')
    assert len(lines()) == 1
