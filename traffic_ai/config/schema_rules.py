"""The keys under `rules` in a site file: which rules there are and what each takes."""

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from traffic_ai.config.strict import StrictModel
from traffic_ai.config.values import Number, RoadUserLabel
from traffic_ai.core.road_user import RoadUser
from traffic_ai.rules.deduction import DeductionScheme
from traffic_ai.rules.parameters import (
    RedLightParameters,
    SpeedingParameters,
    StopOverLineParameters,
    WrongWayParameters,
)


def default_of(parameters: type, name: str) -> Any:
    """The default of a rule's parameter, so that it is written once, beside the rule."""
    return next(field.default for field in fields(parameters) if field.name == name)


class RedLightModel(StrictModel):
    """Vehicles whose front crosses a stop line after red began."""

    grace_s: Number = Field(
        default_of(RedLightParameters, "grace_s"),
        description="Seconds after the onset of red in which a crossing is not reported.",
    )
    beyond_distance_m: Number = Field(
        default_of(RedLightParameters, "beyond_distance_m"),
        description="How far past the stop line a vehicle must go where there is no beyond_line.",
    )

    @model_validator(mode="after")
    def _check(self) -> "RedLightModel":
        self.parameters()
        return self

    def parameters(self) -> RedLightParameters:
        """What the rule takes."""
        return RedLightParameters(**self.model_dump())


class StopOverLineModel(StrictModel):
    """Vehicles that stand over the stop line at red."""

    min_standing_s: Number = Field(
        default_of(StopOverLineParameters, "min_standing_s"),
        description="How long a vehicle must stand there, seconds.",
    )
    min_distance_m: Number = Field(
        default_of(StopOverLineParameters, "min_distance_m"),
        description="How far over the line its front must be at the least, metres.",
    )

    @model_validator(mode="after")
    def _check(self) -> "StopOverLineModel":
        self.parameters()
        return self

    def parameters(self) -> StopOverLineParameters:
        """What the rule takes."""
        return StopOverLineParameters(**self.model_dump())


class WrongWayModel(StrictModel):
    """Vehicles that drive against their lane's direction."""

    min_distance_m: Number = Field(
        default_of(WrongWayParameters, "min_distance_m"),
        description="Net way against the direction, metres on the road.",
    )
    min_lane_share: Number = Field(
        default_of(WrongWayParameters, "min_lane_share"),
        description="The same as a share of the lane's length in the picture, used where there is "
        "no calibration.",
    )
    min_duration_s: Number = Field(
        default_of(WrongWayParameters, "min_duration_s"),
        description="Over at least this time, seconds.",
    )

    @model_validator(mode="after")
    def _check(self) -> "WrongWayModel":
        self.parameters()
        return self

    def parameters(self) -> WrongWayParameters:
        """What the rule takes."""
        return WrongWayParameters(**self.model_dump())


class SpeedingModel(StrictModel):
    """Vehicles above their lane's limit."""

    tolerance_kmh: Number = Field(
        default_of(SpeedingParameters, "tolerance_kmh"),
        description="Added to the limit before a vehicle is reported, km/h.",
    )
    tolerance_by_class_kmh: dict[RoadUserLabel, Number] = Field(
        default_factory=dict, description="Other tolerances for some classes, such as {bus: 5}."
    )
    min_baseline_m: Number = Field(
        default_of(SpeedingParameters, "min_baseline_m"),
        description="The least distance a speed is measured over, metres.",
    )
    min_points: Annotated[int, Field(strict=True)] = Field(
        default_of(SpeedingParameters, "min_points"),
        description="The fewest sightings a speed is measured from.",
    )
    coverage_factor: Number = Field(
        default_of(SpeedingParameters, "coverage_factor"),
        description="How many standard uncertainties are taken off a speed, in the driver's "
        "favour.",
    )
    max_gate_difference: Number = Field(
        default_of(SpeedingParameters, "max_gate_difference"),
        description="How far the speed between two gates, the second method, may differ before "
        "the vehicle is not reported: a share, such as 0.1.",
    )
    max_uncertainty: Number = Field(
        default_of(SpeedingParameters, "max_uncertainty"),
        description="How uncertain a pass may be by itself (95 %, without the calibration), as a "
        "share of the speed, below 100 km/h of that, before it is not measured.",
    )
    deduction: Literal["none", "DE", "CH-radar", "CH-laser", "CH-section", "VIC"] = Field(
        default_of(SpeedingParameters, "deduction").value,
        description="What the authority takes off a measured speed, by country and kind of "
        "device; a vehicle is reported only if what is left is above the limit.",
    )

    @model_validator(mode="after")
    def _check(self) -> "SpeedingModel":
        self.parameters()
        return self

    def parameters(self) -> SpeedingParameters:
        """What the rule takes."""
        values = self.model_dump()
        by_class = values.pop("tolerance_by_class_kmh")
        return SpeedingParameters(
            tolerance_by_class_kmh={RoadUser.from_label(k): v for k, v in by_class.items()},
            deduction=DeductionScheme(values.pop("deduction")),
            **values,
        )


RuleModel = RedLightModel | StopOverLineModel | WrongWayModel | SpeedingModel


class RulesModel(BaseModel):
    """Which rules run. A key switches its rule on, even with nothing under it.

    Other names are kept as they are for rules of other packages.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    red_light: RedLightModel | None = Field(
        None, description="Report vehicles that enter on red. Needs a stop line with signal_group."
    )
    stop_over_line: StopOverLineModel | None = Field(
        None, description="Report vehicles standing over the line. Needs a stop line as red_light."
    )
    wrong_way: WrongWayModel | None = Field(
        None, description="Report vehicles driving against their lane's direction. Needs lanes."
    )
    speeding: SpeedingModel | None = Field(
        None,
        description="Report vehicles above the limit. Needs lanes with speed_limit_kmh, and "
        "calibration or speed_sections.",
    )
