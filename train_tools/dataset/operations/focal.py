"""The part of the image around what matters in it: faces, the busiest part, edges, each with its weight."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageDraw

from train_tools.dataset.operations.crop import Crop, clipped
from train_tools.dataset.operations.points import Point, edge_points, entropy_points, face_points, mean

COLOURS = {"faces": "red", "entropy": "yellow", "edges": "blue"}
FOCUS = "lime"


@dataclass(frozen=True)
class Weights:
    """From 0 (not looked for) to 1."""

    faces: float
    entropy: float
    edges: float


@dataclass(frozen=True)
class Focus:
    """`points` by kind, `weights` of the kinds that found any (their sum is 1), in pixels of the image."""

    crop: Crop
    point: Point
    points: dict[str, list[Point]]
    weights: dict[str, float]


def focal_crop(image: Image.Image, width: int, height: int, weights: Weights) -> Focus:
    """The largest part in the shape of `width` x `height`, as near around the focal point as the image allows.

    The focal point is the weighted mean of the centres of the kinds that found points; the image's middle where
    none did.
    """
    scale = max(width / image.width, height / image.height)
    working = min(1.0, scale)  # small images aren't enlarged to look at them
    part_width, part_height = width * working / scale, height * working / scale
    fitted = image.resize(
        (max(1, round(image.width * working)), max(1, round(image.height * working))),
        Image.Resampling.BILINEAR,
        reducing_gap=2.0,
    )
    points = _find(fitted, max(1, round(part_width)), max(1, round(part_height)), weights)
    total = sum(getattr(weights, kind) for kind in points)
    shares = {kind: getattr(weights, kind) / total for kind in points}
    centres = {kind: mean(found) for kind, found in points.items()}
    point = Point(
        sum(shares[kind] * centre.x for kind, centre in centres.items()) if points else fitted.width / 2,
        sum(shares[kind] * centre.y for kind, centre in centres.items()) if points else fitted.height / 2,
    )
    left = max(0.0, min(point.x - part_width / 2, fitted.width - part_width))
    top = max(0.0, min(point.y - part_height / 2, fitted.height - part_height))
    across, down = image.width / fitted.width, image.height / fitted.height
    box = (left * across, top * down, (left + part_width) * across, (top + part_height) * down)
    return Focus(
        Crop("focal", clipped(box, image.size), (width, height)),
        Point(point.x * across, point.y * down),
        {kind: [Point(p.x * across, p.y * down) for p in found] for kind, found in points.items()},
        shares,
    )


def _find(image: Image.Image, width: int, height: int, weights: Weights) -> dict[str, list[Point]]:
    """Only kinds that found something."""
    found = {
        "faces": face_points(image) if weights.faces else [],
        "entropy": entropy_points(image, width, height) if weights.entropy else [],
        "edges": edge_points(image) if weights.edges else [],
    }
    return {kind: points for kind, points in found.items() if points}


def draw_focus(picture: Image.Image, focus: Focus, scale: float) -> None:
    """Onto `picture`, which is the image scaled by `scale`: the points, their centres and the focal point."""
    drawing = ImageDraw.Draw(picture)
    unit = min(picture.size) * 0.035
    for kind, points in focus.points.items():
        for point in points:
            _ring(drawing, point, scale, 3, COLOURS[kind])
        centre = mean(points)
        _ring(drawing, centre, scale, max(5.0, unit * focus.weights[kind]), COLOURS[kind])
        place = (centre.x * scale + 6, centre.y * scale - 6)
        drawing.text(place, f"{kind} {focus.weights[kind]:.2f}", fill=COLOURS[kind])
    _ring(drawing, focus.point, scale, unit, FOCUS)


def _ring(drawing: ImageDraw.ImageDraw, point: Point, scale: float, radius: float, colour: str) -> None:
    x, y = point.x * scale, point.y * scale
    drawing.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=2)
