"""Random views: what they keep of a picture, how often they differ, and that they follow torch's seed alone."""

import pytest
import torch

from twofold.parts.augmentation import baseline_views, enlarged_px, msc_views, plain_views


def ramp(n=4, side=37):
    """uint8 (n, 3, side, side) that says where each of its pixels was: red the column, green the row, both from 1."""
    at = torch.arange(1, side + 1, dtype=torch.uint8)
    picture = torch.stack([at.expand(side, side), at[:, None].expand(side, side), torch.full((side, side), 200)])
    return picture.to(torch.uint8).expand(n, -1, -1, -1).clone()


@pytest.mark.parametrize(("size_px", "larger"), [(224, 256), (32, 37), (64, 73), (96, 110), (128, 146)])
def test_pictures_are_read_larger_as_256_is_to_224(size_px, larger):
    assert enlarged_px(size_px) == larger


def test_a_baseline_view_is_a_turned_crop_that_may_be_mirrored():
    """Of the middle of a view: neighbours are neighbours still, and the way between them has turned by at most 30 degrees."""
    torch.manual_seed(0)
    views = baseline_views(32)(ramp(200)).float()
    middle = views[:, :, 12:20, 12:20]
    across = (middle[:, :2, :, -1] - middle[:, :2, :, 0]).mean(dim=2) / 7  # (n, 2) columns and rows passed from left to right
    angles = torch.atan2(across[:, 1], across[:, 0].abs()).rad2deg()
    assert angles.abs().max() < 36  # nearest pixels blur an angle by a little
    assert angles.abs().max() > 20
    assert 0.3 < (across[:, 0] < 0).float().mean() < 0.7  # mirrored
    assert (views[:, 2] == 0).any()  # corners that a turn leaves empty
    centers = views[:, :2, 15:17, 15:17].mean(dim=(2, 3))
    assert centers.std(dim=0).min() > 0.5  # the crop is drawn
    assert (centers - 19).abs().max() < 5  # and stays inside the picture


def test_msc_views_stand_beside_their_twins():
    torch.manual_seed(0)
    dark, light = torch.zeros(1, 3, 40, 40, dtype=torch.uint8), torch.full((1, 3, 40, 40), 255, dtype=torch.uint8)
    views = msc_views(32)(torch.cat([dark, light])).float().mean(dim=(1, 2, 3))
    assert views.shape == (4,)
    assert views[:2].max() < 60 < views[2:].min()


@pytest.mark.parametrize("make", [baseline_views, msc_views])
def test_views_differ_each_time_and_follow_the_seed(make):
    view, x = make(32), ramp()
    torch.manual_seed(1)
    first, second = view(x), view(x)
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[-1])  # of one picture, four times
    torch.manual_seed(1)
    assert torch.equal(view(x), first)
    assert first.dtype == torch.uint8


def test_plain_views_are_the_pictures():
    x = ramp()
    assert plain_views(x) is x
