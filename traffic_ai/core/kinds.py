"""The words that records, stores and commands share. Imports nothing: commands start quickly."""

from enum import StrEnum


class ViolationKind(StrEnum):
    """What can be reported."""

    RED_LIGHT = "red_light"
    STOP_OVER_LINE = "stop_over_line"
    WRONG_WAY = "wrong_way"
    SPEEDING = "speeding"


class EvidenceState(StrEnum):
    """How far a violation's evidence package has come."""

    PENDING = "pending"
    WRITTEN = "written"
    FAILED = "failed"


class ReviewState(StrEnum):
    """What a person made of a violation; PROPOSED until one has decided, and never otherwise."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class RejectionReason(StrEnum):
    """Why a person rejected a violation."""

    WRONG_SIGNAL = "wrong_signal"
    WRONG_VEHICLE = "wrong_vehicle"
    WRONG_PLACE = "wrong_place"
    WRONG_MEASUREMENT = "wrong_measurement"
    UNCLEAR = "unclear"
    DUPLICATE = "duplicate"
    EXEMPT = "exempt"
    UNREADABLE_PLATE = "unreadable_plate"
    OTHER = "other"

    @property
    def says_nothing_of_the_detection(self) -> bool:
        """Whether what was reported may have been so: it is only not pursued."""
        return self in (RejectionReason.EXEMPT, RejectionReason.UNREADABLE_PLATE)


class Engine(StrEnum):
    """What runs the network: a library, the processor it uses, and the numbers it counts with."""

    ORT = "ort"
    ORT_INT8 = "ort-int8"
    OPENVINO = "openvino"
    OPENVINO_INT8 = "openvino-int8"
    CUDA = "cuda"
    TENSORRT = "tensorrt"

    @property
    def is_int8(self) -> bool:
        """Whether it needs a graph that was made to count in eight bits."""
        return self in (Engine.ORT_INT8, Engine.OPENVINO_INT8)
