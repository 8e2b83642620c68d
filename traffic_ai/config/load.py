"""Reads a site file: text, plain data, schema, checks, cameras; every mistake at once."""

from collections.abc import Collection, Iterable
from pathlib import Path

from traffic_ai.config.build import build_lane
from traffic_ai.config.crossings import CrossingCheck
from traffic_ai.config.delivery import DeliverySite, check_keeping, retention_of
from traffic_ai.config.document import Document, read_document
from traffic_ai.config.explain import Reading, read_site
from traffic_ai.config.needs import (
    check_ids,
    check_measured,
    check_reach,
    check_references,
    check_rule_names,
    check_rule_needs,
    check_source,
    check_times,
)
from traffic_ai.config.notes import Notes
from traffic_ai.config.picture import PictureScale, reference_size
from traffic_ai.config.problems import KeyPath, Problem, Remark, Severity, SiteFileError, path_text
from traffic_ai.config.schema import CameraModel
from traffic_ai.config.shapes import ShapeCheck, check_overlaps
from traffic_ai.config.signal_needs import check_head, check_signal_groups
from traffic_ai.config.site import CameraSite, Site
from traffic_ai.config.survey import check_calibration


def load_site(path: Path | str, extra_rules: Collection[str] = ()) -> Site:
    """The site of a file; raises SiteFileError (a ConfigError) with every problem in it.

    extra_rules: names of rules of other packages that `rules` may hold beside the built-in four.
    """
    file = Path(path)
    document = read_document(file)
    reading = read_site(document.data)
    problems = [*document.problems, *_located(reading.remarks, document)]
    folder = file.resolve().parent
    problems += _located(_check(document, reading, folder, extra_rules), document)
    if reading.site is None or any(p.severity is Severity.ERROR for p in problems):
        raise SiteFileError(file, problems)
    readers = reading.site.evidence.encrypt_for
    cameras = tuple(CameraSite.of(camera, folder, readers) for camera in reading.site.cameras)
    return Site(
        file,
        cameras,
        tuple(problems),
        retention_of(reading.site),
        DeliverySite.of(reading.site.delivery, folder),
        reading.site.evidence.min_free_mb * 1_000_000,
    )


def _located(remarks: Iterable[Remark], document: Document) -> list[Problem]:
    return [
        Problem(path_text(r.at), document.line(r.at), r.message, r.hint, r.severity)
        for r in remarks
    ]


def _check(
    document: Document, reading: Reading, folder: Path, extra_rules: Collection[str]
) -> list[Remark]:
    """What the schema alone cannot see."""
    in_file = Notes(lambda path: path)
    check_ids(document.data, in_file)
    notes = Notes(reading.in_file)
    if reading.site is not None:
        check_keeping(reading.site, folder, notes)
    for index, camera in enumerate(reading.site.cameras if reading.site is not None else ()):
        at: KeyPath = ("cameras", index)
        check_times(camera, at, notes)
        check_source(camera, at, folder, notes)
        check_signal_groups(camera, at, folder, notes)
        check_references(camera, at, document.data, notes)
        check_rule_names(camera, at, extra_rules, notes)
        whole = reading.is_whole(reading.in_file(at))
        if whole:  # what is missing may be what could not be read
            check_rule_needs(camera, at, notes)
        _check_drawing(camera, at, notes, whole)
    return in_file.remarks + notes.remarks


def _check_drawing(camera: CameraModel, at: KeyPath, notes: Notes, whole: bool) -> None:
    """Everything with coordinates."""
    if camera.coordinates.unit == "pixels" and reference_size(camera.coordinates) is None:
        if whole:
            message = "pixels need the size of the picture they were read in"
            notes.error((*at, "coordinates"), message, "add reference_size: [width, height]")
        return
    if camera.coordinates.unit == "fraction" and camera.coordinates.reference_size is not None:
        message = "reference_size says nothing where the unit is fraction"
        notes.warn((*at, "coordinates"), message, "set unit: pixels, or remove it")
    scale = PictureScale.nominal(camera.coordinates)
    shapes = ShapeCheck(camera, scale, notes)
    for index, box in enumerate(camera.detection_regions):
        shapes.box(box, (*at, "detection_regions", index))
    for index, group in enumerate(camera.signal_groups):
        for position, lamps in enumerate(group.lamps or ()):
            here = (*at, "signal_groups", index, "lamps", position)
            if shapes.lamps(lamps, here) and reference_size(camera.coordinates) is not None:
                check_head(lamps, group.id, scale, here, notes)
    homography = check_calibration(camera, at, scale, shapes, notes)
    places = [(lane, (*at, "lanes", index)) for index, lane in enumerate(camera.lanes)]
    usable = [(lane, here) for lane, here in places if shapes.lane(lane, here)]
    check_overlaps(
        [lane for lane, _ in usable], [here for _, here in usable], scale, homography, notes
    )
    lanes = {lane.id: build_lane(lane, scale, homography) for lane, _ in usable}
    crossings = CrossingCheck(lanes, scale, shapes, notes)
    before = len(notes.remarks)
    for index, line in enumerate(camera.stop_lines):
        crossings.stop_line(line, (*at, "stop_lines", index))
    for index, section in enumerate(camera.speed_sections):
        crossings.section(section, (*at, "speed_sections", index))
    if homography is not None and whole and len(notes.remarks) == before:
        check_reach(camera, at, lanes, homography, scale, notes)
        check_measured(camera, at, lanes, homography, notes)
