"""The exception tree.

TrafficAiError                     anything this project raises on purpose
├── UsageError                     the caller's input is wrong (exit code 2)
│   ├── ConfigError                a site file, signal log or option cannot be used
│   └── CalibrationError           the calibration points do not determine a road plane
├── SourceError                    a video cannot be opened or read
│   ├── SourceNotFoundError        no such file, or the camera answers "not found"
│   ├── SourceUnauthorizedError    the camera refuses the user or password
│   └── SourceLostError            a stream that was live ended or fell silent
├── ModelError                     detector weights are missing, altered or cannot be fetched
│   └── UnusableModelError         the weights or the engine that were asked for (a UsageError too)
├── StoreError                     the violation store cannot be opened or written
│   └── RecordGoneError            the record is not in the store: it was deleted meanwhile
└── EvidenceError                  a still or clip could not be made

Every message names the offending value and what to do about it.
"""


class TrafficAiError(Exception):
    """Anything this project raises on purpose; `exit_code` is the command's exit status."""

    exit_code = 1


class UsageError(TrafficAiError):
    """The caller's input is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """A site file, signal log or option cannot be used."""


class CalibrationError(UsageError):
    """The calibration points do not determine a road plane."""


class SourceError(TrafficAiError):
    """A video cannot be opened or read."""


class SourceNotFoundError(SourceError):
    """No such file, or the camera answers "not found"."""


class SourceUnauthorizedError(SourceError):
    """The camera refuses the user or password."""


class SourceLostError(SourceError):
    """A stream that was live ended or fell silent."""


class ModelError(TrafficAiError):
    """Detector weights are missing, altered or cannot be fetched."""


class UnusableModelError(UsageError, ModelError):
    """The weights or the engine that were asked for are not there or cannot be used."""


class StoreError(TrafficAiError):
    """The violation store cannot be opened or written."""


class RecordGoneError(StoreError):
    """The record is not in the store: it was deleted meanwhile."""


class EvidenceError(TrafficAiError):
    """A still or clip could not be made."""
