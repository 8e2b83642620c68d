"""Drawing: closed solids, exact silhouettes, who hides whom, light and weather, the same twice."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

from traffic_ai.core.errors import ConfigError
from traffic_ai.core.signal import Aspect
from traffic_ai.simulate.arrays import Floats, Picture
from traffic_ai.simulate.boxes import exact_box_px
from traffic_ai.simulate.camera import Camera
from traffic_ai.simulate.draw import backdrop_views
from traffic_ai.simulate.draw.catalogue import body, models, solid_of, vehicle_model
from traffic_ai.simulate.draw.heads import lamp_centres_m, lamp_strengths
from traffic_ai.simulate.draw.lighting import lighting
from traffic_ai.simulate.draw.mesh import cut_fine, signed_volume_m3
from traffic_ai.simulate.draw.order import Extent, far_to_near
from traffic_ai.simulate.draw.outline import outline_px
from traffic_ai.simulate.draw.parallel import render
from traffic_ai.simulate.draw.renderer import Renderer
from traffic_ai.simulate.draw.scenery import Scenery, SceneryPainter
from traffic_ai.simulate.draw.solid import Place, Switches
from traffic_ai.simulate.draw.surface import Glow
from traffic_ai.simulate.draw.surroundings import surroundings
from traffic_ai.simulate.world import (
    Course,
    LampHead,
    Look,
    Phase,
    Pole,
    Poses,
    RoadLane,
    RoadMap,
    SignalProgram,
    Sway,
    Timing,
    Vehicle,
    World,
)

KINDS = ("car", "van", "truck", "bus", "motorcycle", "scooter")
MODELS = [name for kind in KINDS for name in models(kind)]
CAMERA = Camera((0.0, 0.0, 7.0), 0.0, 14.0, 420.0, 480, 270)
HEAD = LampHead("main", (6.5, 28.0, 3.4), 180.0)
PLAIN = Look(noise_levels=0.0, blur_px=0.0)


def box(x0: float, y0: float, x1: float, y1: float) -> Floats:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def straight_road() -> RoadMap:
    centre = np.array([[1.8, -10.0], [1.8, 150.0]])
    lane = RoadLane("away", centre, box(0.1, -10, 3.5, 150), 50.0)
    marks = tuple(box(-0.06, y, 0.06, y + 3.0) for y in np.arange(6.0, 90.0, 6.0))
    return RoadMap(
        "straight", (lane,), (), (HEAD,), (box(-4, -10, 4, 150),), marks, np.zeros((0, 2))
    )


def standing(number: int, model: str, x_m: float, y_m: float, heading_deg: float = 0.0) -> Vehicle:
    t_s = np.array([0.0, 10.0])
    heading = np.full(2, np.radians(heading_deg))
    course = Course(t_s, np.tile([x_m, y_m], (2, 1)), np.zeros((2, 2)), heading)
    return Vehicle(number, body(model), course, "away")


def world(
    vehicles: Sequence[Vehicle] = (),
    look: Look = PLAIN,
    camera: Camera = CAMERA,
    sway: Sway | None = None,
    poles: tuple[Pole, ...] = (),
    red_until_s: float = 5.0,
) -> World:
    t_s = np.arange(8) / 4.0
    program = SignalProgram("main", (Phase(0.0, Aspect.RED), Phase(red_until_s, Aspect.GREEN)))
    return World(
        name="test",
        seed=3,
        road=straight_road(),
        camera=camera,
        timing=Timing(t_s, t_s, 4.0),
        vehicles=tuple(vehicles),
        signals=(program,),
        look=look,
        poles=poles,
        sway=sway,
    )


@pytest.fixture
def grey_road(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain grey background in place of the painted one, which takes seconds."""

    def paint(self: SceneryPainter, camera: Camera) -> Scenery:
        size = (camera.height_px, camera.width_px)
        light = lighting(self._world.look, self._world.seed)
        colour = np.broadcast_to(0.12 * light.open_ground, (*size, 3)).astype(np.float32)
        return Scenery(colour, np.full(size, 0.12, np.float32), np.full(size, 0.2, np.float32))

    monkeypatch.setattr(SceneryPainter, "paint", paint)


def seen_box_px(with_it: Picture, without: Picture, least: int = 6) -> list[int]:
    """The box of all pixels that differ."""
    changed = np.abs(with_it.astype(int) - without.astype(int)).max(axis=-1) >= least
    rows, columns = np.nonzero(changed)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("name", MODELS)
def test_a_vehicle_is_closed_looks_outward_and_fills_its_rectangle(name: str) -> None:
    model, of = vehicle_model(body(name)), body(name)
    assert signed_volume_m3(model.mesh.vertices_m, model.mesh.faces) > 0.1
    vertices_m = model.mesh.vertices_m
    assert vertices_m[:, 2].min() == pytest.approx(0.0, abs=0.03)
    assert vertices_m[:, 1].max() == pytest.approx(of.length_m / 2, abs=0.06)
    assert vertices_m[:, 1].min() == pytest.approx(-of.length_m / 2, abs=0.06)
    assert vertices_m[:, 2].max() == pytest.approx(of.height_m, abs=1e-6)
    assert np.abs(of.contacts_m).max(axis=0)[1] < of.length_m / 2


@pytest.mark.parametrize("name", ["saloon", "box-truck", "courier", "city-bus"])
@pytest.mark.parametrize("heading_deg", [0.0, 35.0, 90.0, 200.0, -60.0])
def test_the_drawn_silhouette_touches_the_exact_box_at_any_heading(
    name: str, heading_deg: float
) -> None:
    place = Place(-1.0, 30.0, np.radians(heading_deg))
    dark = Switches(tuple((glow, 0.0) for glow in Glow))
    sprite = solid_of(body(name)).draw(place, dark, CAMERA, lighting(PLAIN, 3))
    assert sprite is not None
    rows, columns = np.nonzero(sprite.coverage > 0.02)
    drawn = [
        sprite.left_px + columns.min(),
        sprite.top_px + rows.min(),
        sprite.left_px + columns.max() + 1,
        sprite.top_px + rows.max() + 1,
    ]
    pose = Poses(np.array([[-1.0, 30.0]]), np.array([place.heading_rad]), np.zeros(1), np.zeros(1))
    exact = exact_box_px(body(name), pose, CAMERA).xyxy_px[0]
    assert drawn == pytest.approx(exact.tolist(), abs=1.5)


def test_a_bent_lens_draws_a_long_truck_within_its_exact_box() -> None:
    bent = replace(CAMERA, k1=-0.3, k2=0.05)
    place = Place(-9.0, 26.0, np.radians(60.0))
    dark = Switches(tuple((glow, 0.0) for glow in Glow))
    sprite = solid_of(body("box-truck-long")).draw(place, dark, bent, lighting(PLAIN, 3))
    assert sprite is not None
    rows, columns = np.nonzero(sprite.coverage > 0.02)
    pose = Poses(np.array([[-9.0, 26.0]]), np.array([place.heading_rad]), np.zeros(1), np.zeros(1))
    exact = exact_box_px(body("box-truck-long"), pose, bent).xyxy_px[0]
    right, bottom = sprite.left_px + columns.max() + 1, sprite.top_px + rows.max() + 1
    assert [right, bottom] == pytest.approx(exact[2:].tolist(), abs=1.5)


def test_cutting_a_mesh_fine_keeps_its_volume() -> None:
    mesh = vehicle_model(body("box-truck")).mesh
    fine = cut_fine(mesh, 0.5)
    sides_m = np.diff(fine.vertices_m[fine.faces], axis=1)
    assert np.linalg.norm(sides_m, axis=-1).max() <= 0.5
    whole_m3 = signed_volume_m3(mesh.vertices_m, mesh.faces)
    assert signed_volume_m3(fine.vertices_m, fine.faces) == pytest.approx(whole_m3)


@pytest.mark.usefixtures("grey_road")
def test_the_nearer_vehicle_hides_the_farther_one() -> None:
    near, far = standing(1, "city-bus", 0.0, 22.0), standing(2, "saloon", 0.3, 34.0)
    alone = Renderer(world([far])).draw(0)
    both = Renderer(world([near, far])).draw(0)
    assert alone.visible[2] == pytest.approx(1.0)
    assert both.visible[1] == pytest.approx(1.0)
    assert both.visible[2] < 0.25


@pytest.mark.usefixtures("grey_road")
def test_a_pole_before_a_vehicle_hides_the_part_it_covers() -> None:
    car = standing(1, "saloon", 1.8, 30.0)
    before = Renderer(world([car], poles=(Pole((1.0, 16.0), 6.0, 0.25),))).draw(0)
    behind = Renderer(world([car], poles=(Pole((1.0, 50.0), 6.0, 0.25),))).draw(0)
    assert behind.visible[1] == pytest.approx(1.0)
    assert 0.6 < before.visible[1] < 0.95


@pytest.mark.usefixtures("grey_road")
def test_the_visible_share_counts_what_lies_outside_the_picture() -> None:
    edge_m = CAMERA.ground_m(np.array([480.0, 150.0]))
    car = standing(1, "estate", float(edge_m[0]), float(edge_m[1]))
    pose = car.course.poses(np.zeros(1))
    inside = float(exact_box_px(car.body, pose, CAMERA).inside[0])
    assert 0.2 < inside < 0.8
    assert Renderer(world([car])).draw(0).visible[1] == pytest.approx(inside, abs=0.12)
    gone = standing(1, "estate", float(edge_m[0]) + 8.0, float(edge_m[1]))
    assert Renderer(world([gone])).draw(0).visible == {}


def test_of_two_vehicles_side_by_side_a_line_between_them_says_which_hides_which() -> None:
    long = np.array([(-1.2, 10.0), (1.2, 10.0), (1.2, 28.0), (-1.2, 28.0)])
    beside = np.array([(1.6, 24.0), (3.4, 24.0), (3.4, 28.5), (1.6, 28.5)])
    window = (0, 0, 10, 10)
    extents = [Extent(beside, 0, 1.5, window), Extent(long, 0, 3.4, window)]
    left_eye, right_eye = np.array([-6.0, 0.0, 6.0]), np.array([9.0, 20.0, 6.0])
    assert far_to_near(extents, left_eye) == [0, 1]
    assert far_to_near(extents, right_eye) == [1, 0]


@pytest.mark.usefixtures("grey_road")
def test_pictures_are_the_same_whatever_was_drawn_before_and_by_how_many() -> None:
    look = Look(noise_levels=2.0)
    cars = [standing(1, "saloon", 1.8, 25.0), standing(2, "tourer", -2.0, 30.0, 150.0)]
    whole = [drawn.picture for drawn in render(world(cars, look))]
    other = Renderer(world(cars, look))
    for index in (5, 0, 5):
        assert np.array_equal(other.draw(index).picture, whole[index])
    assert not np.array_equal(whole[0], whole[1])


def test_processes_draw_the_same_pictures_in_order() -> None:
    small = replace(CAMERA, width_px=64, height_px=48, focal_px=56.0)
    scene = world([standing(1, "saloon", 1.8, 25.0)], Look(), small)
    alone = list(render(scene, jobs=1))
    told: list[tuple[int, int]] = []
    shared = list(render(scene, jobs=2, progress=lambda done, count: told.append((done, count))))
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(alone, shared, strict=True))
    assert [a.visible for a in alone] == [b.visible for b in shared]
    assert told == [(number, 8) for number in range(1, 9)]


@pytest.mark.usefixtures("grey_road")
def test_light_and_weather_change_the_picture_as_they_should() -> None:
    car = [standing(1, "suv", 1.8, 22.0, 180.0)]
    looks = {
        "day": PLAIN,
        "night": replace(PLAIN, light="night"),
        "fog": replace(PLAIN, fog_sight_m=60.0),
        "rain": replace(PLAIN, weather="rain"),
        "glare": replace(PLAIN, glare=0.8),
        "dusk": replace(PLAIN, light="dusk"),
        "dusk and glare": replace(PLAIN, light="dusk", glare=0.8),
        "blur": replace(PLAIN, blur_px=2.0),
        "noise": replace(PLAIN, noise_levels=6.0),
    }
    pictures = {name: Renderer(world(car, look)).draw(0).picture for name, look in looks.items()}
    level = {name: float(picture.mean()) for name, picture in pictures.items()}
    assert level["night"] < 0.5 * level["day"]
    assert level["glare"] > 1.2 * level["day"]
    assert level["dusk and glare"] > 1.2 * level["dusk"]
    u, v = CAMERA.project_px(np.array([1.8, 20.5, 0.9])).astype(int)
    car_px = (slice(v - 12, v + 8), slice(u - 18, u + 18))
    contrast = {name: float(picture[car_px].std()) for name, picture in pictures.items()}
    assert contrast["fog"] < 0.7 * contrast["day"]
    fine = {name: float(cv2.Laplacian(p, cv2.CV_64F).std()) for name, p in pictures.items()}
    assert fine["blur"] < 0.5 * fine["day"]
    grain = pictures["noise"][10:60, 10:100].astype(float).std(axis=(0, 1)).mean()
    assert grain == pytest.approx(6.0, abs=0.8)
    streaks = pictures["rain"].astype(int) - Renderer(world(car, looks["rain"])).draw(1).picture
    assert np.abs(streaks).max() > 10


@pytest.mark.usefixtures("grey_road")
def test_head_lamps_shine_by_night_and_light_the_road() -> None:
    night = replace(PLAIN, light="night")
    oncoming = Renderer(world([standing(1, "saloon", 0.0, 40.0, 180.0)], night)).draw(0).picture
    empty = Renderer(world([], night)).draw(0).picture
    assert oncoming.max() == 255
    road_px = CAMERA.project_ground_px(np.array([0.0, 32.0])).astype(int)
    before = (slice(road_px[1] - 2, road_px[1] + 3), slice(road_px[0] - 2, road_px[0] + 3))
    assert oncoming[before].mean() > empty[before].mean() + 12


@pytest.mark.usefixtures("grey_road")
def test_a_signal_head_shows_its_aspect_where_the_map_says() -> None:
    scene = world(red_until_s=0.9)
    red, green = (Renderer(scene).draw(index).picture for index in (0, 6))
    lamps_px = np.round(CAMERA.project_px(lamp_centres_m(HEAD)) - 0.5).astype(int)
    (red_u, red_v), _, (green_u, green_v) = lamps_px
    blue, mid, warm = red[red_v, red_u].astype(int)
    assert warm > 180
    assert warm > 2 * max(blue, mid)
    assert green[green_v, green_u, 1] > 180
    assert red[green_v, green_u].max() < 120
    assert green[red_v, red_u].max() < 120


def test_lamp_faults_darken_flicker_and_bloom() -> None:
    moments = np.arange(1250) / 25.0
    seen = [
        dict(lamp_strengths(Aspect.RED, t, Look(lamp_fault="flicker")))[Glow.RED] for t in moments
    ]
    assert min(seen) < 0.2
    assert np.mean(seen) == pytest.approx(1.0, abs=0.05)
    bloom = dict(lamp_strengths(Aspect.RED, 0.0, Look(lamp_fault="bloom")))
    assert bloom[Glow.RED] > 3
    assert bloom[Glow.GREEN] == 0
    assert not any(v for _, v in lamp_strengths(Aspect.GREEN, 0.0, Look(lamp_fault="dark")))
    with pytest.raises(ConfigError, match="'broken'"):
        lamp_strengths(Aspect.RED, 0.0, Look(lamp_fault="broken"))


@pytest.mark.usefixtures("grey_road")
def test_a_branch_hides_a_part_of_the_head() -> None:
    near = replace(CAMERA, position_m=(6.0, 14.0, 4.0), pitch_deg=2.0)
    clear = Renderer(world(camera=near)).draw(0).picture.astype(int)
    hidden = Renderer(world(look=replace(PLAIN, lamp_fault="hidden"), camera=near)).draw(0).picture
    lit = clear[..., 2] - clear[..., 1] > 120
    still = hidden[..., 2].astype(int) - hidden[..., 1] > 120
    assert 0.1 < (lit & still).sum() / lit.sum() < 0.9


@pytest.mark.parametrize("look", [Look(light="noon"), Look(weather="snow"), Look(fog_sight_m=0.0)])
def test_an_unknown_look_is_refused(look: Look) -> None:
    with pytest.raises(ConfigError, match=r"noon|snow|fog_sight_m is 0"):
        lighting(look, 1)


def test_an_unknown_model_or_colour_is_refused() -> None:
    with pytest.raises(ConfigError, match="'tank'"):
        body("tank")
    with pytest.raises(ConfigError, match="'mauve'"):
        body("saloon", "mauve")
    with pytest.raises(ConfigError, match="'boat'"):
        models("boat")


def turned_exactly(picture: Picture, camera: Camera, turned: Camera) -> Picture:
    """What a picture of a camera becomes when the camera turns: a homography of the picture."""
    middle = np.array([camera.width_px / 2 - 0.5, camera.height_px / 2 - 0.5])
    lens = np.array([[camera.focal_px, 0, middle[0]], [0, camera.focal_px, middle[1]], [0, 0, 1]])
    turn = lens @ turned.rotation @ camera.rotation.T @ np.linalg.inv(lens)
    size_px = (camera.width_px, camera.height_px)
    return np.asarray(cv2.warpPerspective(picture, turn, size_px, flags=cv2.INTER_CUBIC))


def shift_px(first: Picture, second: Picture) -> Floats:
    """How far the second picture lies from the first (enhanced correlation coefficient)."""
    inner = (slice(10, -10), slice(25, -25))
    grey = [cv2.cvtColor(p, cv2.COLOR_BGR2GRAY)[inner].astype(np.float32) for p in (first, second)]
    move = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    return np.asarray(cv2.findTransformECC(*grey, move, cv2.MOTION_TRANSLATION)[1][:, 2])


def test_a_swaying_camera_moves_the_background_by_the_right_pixels() -> None:
    moments, turns = np.array([0.0, 0.2, 0.3, 2.0]), np.array([0.0, 0.0, 1.0, 1.0])
    sway = Sway(moments, 0.8 * turns, -0.4 * turns, 0.5 * turns)
    small = replace(CAMERA, width_px=240, height_px=136, focal_px=210.0)
    renderer = Renderer(world(camera=small, sway=sway))
    still, turned = renderer.draw(0).picture, renderer.draw(4).picture
    assert np.abs(shift_px(still, turned)).max() > 1.5
    exact = turned_exactly(still, small, small.turned(0.8, -0.4, 0.5))
    assert shift_px(exact, turned) == pytest.approx(np.zeros(2), abs=0.1)


def test_a_swaying_camera_at_rest_sees_what_a_still_one_sees() -> None:
    sway = Sway(np.array([0.0, 2.0]), np.zeros(2), np.zeros(2), np.zeros(2))
    small = replace(CAMERA, width_px=160, height_px=90, focal_px=140.0, k1=-0.2)
    swaying = Renderer(world(camera=small, sway=sway)).draw(0).picture.astype(int)
    still = Renderer(world(camera=small)).draw(0).picture.astype(int)
    assert np.abs(swaying - still)[4:-4, 4:-4].mean() < 1.5


def test_road_marks_lie_where_the_bent_lens_sees_them() -> None:
    wide = replace(CAMERA, position_m=(-5.0, 0.0, 7.0), width_px=240, height_px=136, focal_px=150.0)
    bent = replace(wide, k1=-0.3, k2=0.05)
    picture = Renderer(world(camera=bent)).draw(0).picture.astype(int)
    for y_m in (13.5, 19.5):
        u, v = np.round(bent.project_ground_px(np.array([0.0, y_m])) - 0.5).astype(int)
        beside = picture[v, [u - 7, u + 7]].mean()
        assert picture[v, u].mean() > beside + 12
    near_m = np.array([0.0, 13.5])
    assert np.abs(wide.project_ground_px(near_m) - bent.project_ground_px(near_m)).max() > 2


def test_an_outline_behind_the_camera_is_cut_off_before_it() -> None:
    inside = outline_px(box(-2, -30, 2, 30), CAMERA, 1.0)
    assert np.isfinite(inside).all()
    assert len(inside) >= 4
    assert len(outline_px(box(-2, -30, 2, -10), CAMERA, 1.0)) == 0


def test_nothing_beside_the_road_stands_in_the_view_of_it() -> None:
    aside = replace(CAMERA, position_m=(14.0, -5.0, 6.0), yaw_deg=-25.0)
    scene = world(camera=aside)
    around = surroundings(scene)
    eye_m = np.asarray(aside.position_m)
    assert around.trees
    for tree in around.trees:
        for y_m in np.arange(0.0, 120.0, 3.0):
            spot = np.array([-3.0, y_m])
            along = spot - eye_m[:2]
            share = np.clip(
                (np.array([tree.x_m, tree.y_m]) - eye_m[:2]) @ along / (along @ along), 0, 1
            )
            gap_m = np.linalg.norm(eye_m[:2] + share * along - [tree.x_m, tree.y_m])
            sight_m = eye_m[2] * (1 - share)
            assert (
                gap_m > 0.9 * tree.crown_m or sight_m > tree.middle_m + tree.crown_m or share == 0
            )


def test_a_turning_camera_paints_again_only_when_it_has_turned_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    painted: list[float] = []

    def paint(self: SceneryPainter, camera: Camera) -> Scenery:
        painted.append(camera.yaw_deg)
        size = (camera.height_px, camera.width_px)
        return Scenery(
            np.zeros((*size, 3), np.float32), np.zeros(size, np.float32), np.zeros(size, np.float32)
        )

    monkeypatch.setattr(SceneryPainter, "paint", paint)
    scene = world()
    painter = SceneryPainter.__new__(SceneryPainter)
    views = backdrop_views.BackdropViews(painter, scene.camera, sways=True)
    for yaw_deg in (0.0, 0.1, -0.2, 9.0, 9.1, 0.0):
        assert views.at(scene.camera.turned(yaw_deg, 0, 0)).colour.shape == (270, 480, 3)
    assert painted == pytest.approx([0.0, 9.0], abs=2.0)
