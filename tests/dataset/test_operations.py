"""What each operation makes of an image; the webui's figures where it has them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from train_tools.dataset.operations.alpha import with_mask
from train_tools.dataset.operations.auto_size import MAXIMIZE_AREA, MINIMIZE_ERROR, auto_sized_crop
from train_tools.dataset.operations.centre import centre_crop
from train_tools.dataset.operations.crop import Crop, cut_out
from train_tools.dataset.operations.flip import flipped
from train_tools.dataset.operations.focal import Weights, focal_crop
from train_tools.dataset.operations.points import edge_points, entropy_points, face_points
from train_tools.dataset.operations.small import KEEP, SKIP, UPSCALE, small_image
from train_tools.dataset.operations.split import split_oversized
from train_tools.dataset.operations.whole import whole_image
from train_tools.dataset.pictures import cuts_of, pictures_of
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import UsageError

SIDES = st.integers(1, 3000)


def plain(width: int, height: int) -> Image.Image:
    return Image.new("1", (width, height))


def textured(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """Grey, with noise in the box."""
    image = Image.new("RGB", size, "#808080")
    noise = np.random.default_rng(1).integers(0, 256, (box[3] - box[1], box[2] - box[0], 3), dtype=np.uint8)
    image.paste(Image.fromarray(noise), box[:2])
    return image


def face(size: int = 200) -> Image.Image:
    """What the cascades take for a face: light skin, dark eyes and brows, a nose's shadow, a mouth."""
    image = Image.new("L", (size, size), 205)
    drawing = ImageDraw.Draw(image)
    for x in (0.3, 0.7):
        drawing.ellipse((size * (x - 0.11), size * 0.33, size * (x + 0.11), size * 0.45), fill=60)
        drawing.rectangle((size * (x - 0.14), size * 0.24, size * (x + 0.14), size * 0.29), fill=70)
    drawing.rectangle((size * 0.46, size * 0.4, size * 0.54, size * 0.62), fill=225)
    drawing.ellipse((size * 0.42, size * 0.6, size * 0.58, size * 0.66), fill=120)
    drawing.ellipse((size * 0.32, size * 0.74, size * 0.68, size * 0.84), fill=90)
    return image.filter(ImageFilter.GaussianBlur(size / 50)).convert("RGB")


def test_the_whole_image_has_the_area_and_its_shape() -> None:
    assert whole_image(plain(2000, 500), 512, 512).size == (1024, 256)
    assert whole_image(plain(50, 30), 512, 512).is_enlarged
    assert small_image(whole_image(plain(50, 30), 512, 512), KEEP).size == (50, 30)


def test_the_centre_is_cut_out_exactly() -> None:
    crop = centre_crop(plain(2000, 500), 64, 96)
    assert crop.size == (64, 96)
    assert crop.box == (1000 - 500 / 3, 0, 1000 + 500 / 3, 500)
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    middle = cut_out(image, centre_crop(image, 50, 50)).crop((4, 0, 46, 50))  # the edge shows what is beside
    assert middle.getcolors() == [(2100, (0, 0, 255))]


@given(SIDES, SIDES, st.integers(8, 600), st.integers(8, 600))
def test_every_crop_is_in_the_image_and_has_its_shape(w: int, h: int, width: int, height: int) -> None:
    image = plain(w, h)
    crops = [centre_crop(image, width, height), whole_image(image, width, height)]
    crops += split_oversized(image, width, height, 1.0, 0.3)
    for crop in crops:
        left, top, right, bottom = crop.box
        assert 0 <= left < right <= w
        assert 0 <= top < bottom <= h
        assert min(crop.size) >= 1


def test_long_images_are_split_with_overlap() -> None:
    image = plain(500, 2000)
    crops = split_oversized(image, 512, 512, threshold=0.5, overlap=0.2)
    assert len(crops) == 5  # ceil((2048 - 512 * 0.2) / (512 * 0.8))
    assert {crop.size for crop in crops} == {(512, 512)}
    assert crops[0].box[:3] == (0, 0, 500)
    assert crops[-1].box[3] == pytest.approx(2000, abs=2)
    steps = [later.box[1] - earlier.box[1] for earlier, later in itertools.pairwise(crops)]
    assert max(steps) - min(steps) <= 2
    assert max(steps) <= 0.8 * 500 + 1
    wide = split_oversized(plain(2000, 500), 512, 512, 0.5, 0.2)
    assert [(c.box[1], c.box[0], c.box[3], c.box[2]) for c in wide] == [crop.box for crop in crops]
    assert split_oversized(image, 512, 512, threshold=0.2, overlap=0.2) == []
    assert split_oversized(plain(500, 500), 512, 512, 1.0, 0.2) == []


@given(SIDES, SIDES, st.floats(0, 0.9))
def test_pieces_leave_nothing_out(w: int, h: int, overlap: float) -> None:
    crops = split_oversized(plain(w, h), 64, 64, 1.0, overlap)
    if crops:
        along = 1 if h > w else 0
        assert crops[0].box[along] == 0
        assert crops[-1].box[along + 2] == pytest.approx(max(w, h), abs=2 * max(w, h) / 64 + 1)
        for earlier, later in itertools.pairwise(crops):
            assert later.box[along] <= earlier.box[along + 2] + 1e-6


def test_auto_sized_crop_takes_the_best_size() -> None:
    def size(image: Image.Image, objective: str, threshold: float = 0.1) -> tuple[int, int] | None:
        crop = auto_sized_crop(image, (384, 768), (64 * 64, 640 * 640), objective, threshold)
        return crop.size if crop else None

    # Sizes are 384, 448 … 768; with at most 409,600 pixels.
    assert size(plain(1000, 1000), MAXIMIZE_AREA) == (640, 640)
    assert size(plain(1500, 1000), MINIMIZE_ERROR) == (768, 512)
    assert size(plain(1500, 1000), MAXIMIZE_AREA) == (768, 512)
    assert size(plain(1000, 1500), MINIMIZE_ERROR) == (512, 768)
    assert size(plain(5000, 1000), MAXIMIZE_AREA) is None
    assert size(plain(1300, 1000), MINIMIZE_ERROR, 0.0) is None


def test_small_images_are_kept_enlarged_or_skipped() -> None:
    crop = Crop("x", (0.0, 0.0, 100.0, 50.0), (200, 100))
    assert small_image(crop, UPSCALE) == crop
    assert small_image(crop, SKIP) is None
    assert small_image(crop, KEEP) == Crop("x", (0.0, 0.0, 100.0, 50.0), (100, 50))
    large = Crop("x", (0.0, 0.0, 100.0, 50.0), (100, 50))
    assert {small_image(large, action) for action in (UPSCALE, SKIP, KEEP)} == {large}


def test_entropy_finds_the_busy_part() -> None:
    wide = textured((600, 200), (380, 0, 560, 200))
    (point,) = entropy_points(wide, 200, 200)
    assert abs(point.x - 470) < 20
    assert point.y == 100
    (point,) = entropy_points(wide.transpose(Image.Transpose.ROTATE_90), 200, 200)
    assert abs(point.y - 130) < 20
    assert entropy_points(Image.new("RGB", (200, 200)), 200, 200) == []


def test_corners_are_found_but_no_signature() -> None:
    image = Image.new("RGB", (400, 400), "white")
    ImageDraw.Draw(image).rectangle((50, 60, 120, 130), fill="black")
    ImageDraw.Draw(image).rectangle((300, 375, 380, 395), fill="black")
    points = edge_points(image)
    assert len(points) == 4
    assert max(point.x for point in points) < 130
    assert edge_points(Image.new("RGB", (100, 100))) == []


def test_a_face_draws_the_crop() -> None:
    image = Image.new("RGB", (900, 300), "#907050")
    image.paste(face(), (650, 50))
    points = face_points(image)
    assert points
    assert all(640 < point.x < 860 for point in points)
    crop = focal_crop(image, 300, 300, Weights(1.0, 0.0, 0.0)).crop
    assert crop.box[0] > 500
    assert crop.box[2] <= 900
    assert face_points(Image.new("RGB", (300, 300))) == []


def test_weights_move_the_focal_point() -> None:
    image = textured((900, 300), (600, 40, 880, 260))
    ImageDraw.Draw(image).rectangle((40, 60, 140, 160), fill="black")
    entropy = focal_crop(image, 300, 300, Weights(0.0, 1.0, 0.0))
    both = focal_crop(image, 300, 300, Weights(0.0, 0.5, 0.5))
    assert entropy.point.x > both.point.x
    assert sum(both.weights.values()) == pytest.approx(1)
    nothing = focal_crop(image, 300, 300, Weights(0.0, 0.0, 0.0))
    assert nothing.crop.box == (300, 0, 600, 300)
    assert nothing.weights == {}


@pytest.mark.parametrize("size", [(600, 500), (500, 600), (500, 500), (3, 700), (700, 3)])
@pytest.mark.parametrize("target", [(768, 512), (512, 768), (64, 64)])
def test_a_focal_crop_fits_any_shape(size: tuple[int, int], target: tuple[int, int]) -> None:
    crop = focal_crop(Image.new("RGB", size, "red"), *target, Weights(0.0, 0.5, 0.5)).crop
    left, top, right, bottom = crop.box
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]
    assert (right - left) / (bottom - top) == pytest.approx(target[0] / target[1], rel=0.1)


def test_a_mask_is_kept_only_where_something_is_transparent() -> None:
    image = Image.new("RGB", (4, 4), "red")
    half = Image.new("L", (4, 4), 128)
    assert with_mask(image, half).getpixel((0, 0)) == (255, 0, 0, 128)
    assert with_mask(image, Image.new("L", (4, 4), 255)) is image
    assert with_mask(image, None) is image
    assert flipped(image).size == image.size


def test_operations_add_up_as_in_the_webui() -> None:
    image = textured((400, 1600), (0, 0, 400, 300))
    both = cuts_of(image, DatasetSettings(width=200, height=200, split=True, focal_crop=True))
    assert [crop.operation for crop in both.crops][-2:] == ["split 5", "focal"]
    assert both.focus is not None
    auto = DatasetSettings(width=200, height=200, multicrop=True)
    assert cuts_of(image, auto).crops == ()
    assert "400x1600" in cuts_of(image, auto).note
    neither = cuts_of(image, DatasetSettings(width=200, height=200, split=True, split_threshold=0.1))
    assert [crop.operation for crop in neither.crops] == ["whole"]


def test_mirrored_copies_follow_their_picture_and_masks_go_along() -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 20, 20))
    alpha = Image.new("L", (40, 20), 255)
    alpha.paste(0, (0, 0, 20, 20))
    settings = DatasetSettings(width=20, height=20, flip=True, alpha_mask=True)
    cuts = cuts_of(image, settings)
    one, mirrored = pictures_of(image, alpha, cuts, settings)
    assert (one.piece, one.flipped, mirrored.piece, mirrored.flipped) == (0, False, 0, True)
    assert one.box == (0, 0, 1, 1)
    assert one.image.getpixel((1, 5)) == (255, 0, 0, 0)  # the colour behind stays: nothing bleeds at the edge
    assert mirrored.image.getpixel((one.image.width - 2, 5)) == (255, 0, 0, 0)
    assert mirrored.image.getpixel((1, 5))[3] == 255


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"repeats": "-2"}, "repeats is -2"),
        ({"concept_repeats": "a:0"}, "concept_repeats of 'a' is 0"),
        ({"concept_repeats": "a"}, "NAME:NUMBER"),
        ({"multicrop_mindim": "800"}, "multicrop_mindim is 800, more than multicrop_maxdim"),
        ({"overlap_ratio": "1"}, "overlap_ratio is"),
        ({"small_images": "grow"}, "keep, upscale, skip"),
    ],
)
def test_settings_that_make_no_sense(values: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        DatasetSettings.from_mapping(values)


def test_names_with_commas_have_repeats() -> None:
    settings = DatasetSettings.from_mapping({"concept_repeats": "red, round thing:3, other:-1"})
    assert settings.concept_repeats == ("red, round thing:3", "other:-1")
    assert [settings.repeats_of(name) for name in ("red, round thing", "other", "x")] == [3, -1, 10]
