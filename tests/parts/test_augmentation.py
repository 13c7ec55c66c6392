"""Random views: what they keep of a picture, how often they differ, and that they follow torch's seed alone."""

import pytest
import torch

from twofold.parts.augmentation import (
    baseline_views,
    contrasted_view,
    enlarged_px,
    msc_views,
    patched,
    plain_views,
    restyled,
)


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


def squares(size=32):
    """A picture in which every pixel says where it stands."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return torch.stack([rows, columns, torch.zeros_like(rows)]).to(torch.uint8)


def jumps(view):
    """Rows and columns at which a neighbouring pixel comes from elsewhere."""
    y, x = view[0].int(), view[1].int()
    rows = (y[1:] - y[:-1] != 1) | (x[1:] != x[:-1])
    columns = (x[:, 1:] - x[:, :-1] != 1) | (y[:, 1:] != y[:, :-1])
    return set((rows.any(dim=1).nonzero().flatten() + 1).tolist()), set((columns.any(dim=0).nonzero().flatten() + 1).tolist())


@pytest.mark.parametrize("share", [1 / 16, 5 / 32, 0.25, 0.7])
def test_patches_are_whole_squares_of_the_picture_on_a_grid(share):
    torch.manual_seed(0)
    size, side = 32, round(32 * share)
    view = patched(squares(size), share, share)
    assert view.shape == (3, size, size)
    grid = set(range(side, size, side))
    rows, columns = jumps(view)
    assert rows <= grid
    assert columns <= grid
    assert rows or columns


def test_patches_have_sides_from_the_smallest_to_the_largest_and_lie_anywhere():
    torch.manual_seed(0)
    sides, corners = set(), set()
    for _ in range(200):
        view = patched(squares(), 2 / 32, 5 / 32)
        rows, columns = jumps(view)
        sides.add(min(rows | columns))
        corners.add(tuple(view[:2, 0, 0].tolist()))
    assert sides == {2, 3, 4, 5}
    assert max(y for y, _ in corners) >= 27
    assert len(corners) > 100


def test_a_patch_as_large_as_the_picture_is_the_picture():
    assert torch.equal(patched(squares(), 1.0, 1.0), squares())


def test_views_follow_the_seed_and_differ_from_one_another():
    found, view = [], contrasted_view(24, 0.2)
    for _ in range(2):
        torch.manual_seed(3)
        found.append([view(squares()), patched(squares()), view(squares())])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    assert not torch.equal(found[0][0], found[0][2])
    assert found[0][0].shape == (3, 24, 24)
    assert found[0][0].dtype == torch.uint8


def test_a_view_shows_no_less_than_the_least_area():
    """Of a picture whose red falls from top to bottom: a cut of all of it keeps both ends, but for colours and blur."""
    torch.manual_seed(0)
    cut = contrasted_view(32, least_area=1.0).transforms[0]
    assert all(torch.equal(cut(squares()), squares()) for _ in range(5))


def test_another_style_leaves_every_shape_where_it_is():
    """A picture of three flat fields: fields stay flat but for sharpening at their edges, and most views have other colours."""
    picture = torch.full((3, 30, 30), 60, dtype=torch.uint8)
    picture[0, :, 10:20], picture[1, :, 20:] = 200, 150
    torch.manual_seed(0)
    views = [restyled(picture) for _ in range(20)]
    for view in views:
        assert view.shape == picture.shape
        for field in (view[:, :, 2:8], view[:, :, 12:18], view[:, :, 22:28]):
            assert all(len(channel.unique()) == 1 for channel in field)
    assert sum(not torch.equal(view, picture) for view in views) > 15
    assert not torch.equal(views[0], views[1])


def test_styles_are_mixed_as_the_formula_says(monkeypatch):
    """With every change an inversion, a chain gives the picture or its inverse: what is mixed lies between the two."""
    monkeypatch.setattr("twofold.parts.augmentation._operation", lambda x: 255 - x)
    torch.manual_seed(1)
    weights = -torch.rand(3).clamp_min(1e-12).log()
    lengths = [int(torch.randint(1, 4, ())) for _ in range(3)]
    share = float(torch.rand(()))
    weights = (weights / weights.sum()).tolist()
    expected = [
        (1 - share) * x + share * sum(w * (255 - x if n % 2 else x) for w, n in zip(weights, lengths, strict=True))
        for x in (10, 250)
    ]
    torch.manual_seed(1)
    found = restyled(torch.tensor([[[10, 250]]] * 3, dtype=torch.uint8))
    assert found[0, 0].tolist() == [round(x) for x in expected]
