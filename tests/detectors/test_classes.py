import pytest

from traffic_ai.core.errors import ModelError
from traffic_ai.core.road_user import RoadUser
from traffic_ai.detectors.classes import class_columns, parse_names


def test_without_names_the_order_of_coco_is_taken() -> None:
    found = class_columns(None, 80, "m.onnx")
    assert found.columns.tolist() == [0, 1, 2, 3, 5, 7]
    assert found.road_users.tolist() == list(RoadUser)


def test_a_models_own_names_decide_whatever_their_order_and_spelling() -> None:
    found = class_columns({0: "Truck", 1: "traffic light", 2: "Motorbike", 3: "van"}, 4, "m.onnx")
    assert found.columns.tolist() == [0, 2, 3]
    assert found.road_users.tolist() == [RoadUser.TRUCK, RoadUser.MOTORCYCLE, RoadUser.CAR]


def test_a_model_without_road_users_is_refused_with_what_it_has() -> None:
    with pytest.raises(ModelError, match=r"m\.onnx: no class is a road user .*helmet"):
        class_columns({0: "helmet"}, 1, "m.onnx")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'car', 1: 'bus'}", {0: "car", 1: "bus"}),
        ("['car', 'bus']", {0: "car", 1: "bus"}),
        (None, None),
        ("", None),
        ("car, bus", None),
        ("__import__('os').system('true')", None),
        ("7", None),
    ],
)
def test_names_are_read_as_literals_only(text: str | None, names: dict[int, str] | None) -> None:
    assert parse_names(text) == names
