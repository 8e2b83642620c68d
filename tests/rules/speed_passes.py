"""Passes of a point over the road before an exact camera, for the speed tests."""

from dataclasses import dataclass

import numpy as np

from tests.road import HEIGHT_PX, WIDTH_PX, Camera
from traffic_ai.calibration.plane import fit_plane
from traffic_ai.rules.speed import PassPoints, estimate_speed

NEAR_M, FAR_M = 15.0, 50.0


@dataclass
class Setting:
    """A camera and what was calibrated with it."""

    camera: Camera
    homography: object

    @classmethod
    def exact(cls, height_m=7.0):
        camera = Camera(height_m)
        area = [(-20, NEAR_M - 1), (20, NEAR_M - 1), (20, FAR_M + 1), (-20, FAR_M + 1)]
        return cls(camera, camera.homography(area))

    @classmethod
    def surveyed(cls, random, click_px=1.5, survey_m=0.05):
        """A random camera, calibrated with twelve clicked points."""
        camera = Camera(random.uniform(6, 9), random.uniform(12, 18), random.uniform(1000, 1300))
        depths = np.linspace(NEAR_M - 1, FAR_M + 2, 4)
        ground = np.array([(x, y) for x in (-3.5, 3.5, 10.0) for y in depths])
        pixels = camera.road(ground)
        plane = fit_plane(
            pixels + random.normal(0.0, click_px, pixels.shape),
            ground + random.normal(0.0, survey_m, ground.shape),
            (WIDTH_PX, HEIGHT_PX),
            click_px,
            survey_m,
        )
        return cls(camera, plane)

    def points(self, t_s, place_m, noise_px=None, height_m=0.0):
        """Image points of places (n, 2), `height_m` above the road, with noise (n, 2) added."""
        pixels = self.camera.project(np.column_stack([place_m, np.full(len(t_s), height_m)]))
        if noise_px is not None:
            pixels = pixels + noise_px
        return PassPoints.of_image(np.asarray(t_s, float), pixels, self.homography, 1.5)

    def speed(self, t_s, place_m, noise_px=None, road_user=None, **options):
        points = self.points(t_s, place_m, noise_px)
        return estimate_speed(points, self.homography, road_user, **options)


def moments(duration_s, fps=25.0, drop=0.0, random=None):
    """Presentation times of a pass, a share of the frames lost."""
    t_s = np.arange(0.0, duration_s, 1.0 / fps)
    return t_s if not drop else t_s[random.random(len(t_s)) >= drop]


def along(t_s, speed_kmh, start_m=NEAR_M, x_m=2.0):
    """Away from the camera at constant speed."""
    t_s = np.asarray(t_s)
    return np.column_stack([np.full(len(t_s), x_m), start_m + speed_kmh / 3.6 * t_s])


def correlated(random, t_s, tau_s, sigma_px):
    """Noise (n, 2) of an Ornstein-Uhlenbeck process at the given moments."""
    noise = random.normal(0.0, 1.0, (len(t_s), 2))
    if tau_s > 0.0:
        for i, rho in enumerate(np.exp(-np.diff(t_s) / tau_s), start=1):
            noise[i] = rho * noise[i - 1] + np.sqrt(1.0 - rho**2) * noise[i]
    return sigma_px * noise
