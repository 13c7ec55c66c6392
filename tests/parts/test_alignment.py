"""Alignment losses against naive loops over Eq. 8 and 9, closed forms and laws."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from twofold.parts import alignment
from twofold.parts.alignment import (
    BANDWIDTH_FACTORS,
    DomainDiscriminator,
    domain_adversarial_loss,
    mmd_loss,
    reversal_strength,
    reverse_gradient,
)


def contrastive_loss(source, positive, negative=None, temperature=1.0, in_batch=False, pictures=None):
    return alignment.contrastive_loss(source, positive, negative, temperature, in_batch, pictures)


def batch(n, d=6, seed=0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) + shift


def cosine(x, y):
    x, y = np.asarray(x), np.asarray(y)
    return float(x @ y / math.sqrt(x @ x) / math.sqrt(y @ y))


def pair_loss(positive, negatives, tau):
    """One source-positive pair of Eq. 8, from cosines."""
    top = math.exp(positive / tau)
    return -math.log(top / (top + sum(math.exp(negative / tau) for negative in negatives)))


def naive_contrastive(source, positive, negative, tau, in_batch, pictures=None):
    """Eq. 9 by loops: every pair, or one to one with the positives of other pictures as further negatives."""
    pictures = range(len(positive)) if pictures is None else pictures
    losses = []
    for i, s in enumerate(source):
        repelled = [cosine(s, n) for n in negative]
        partner = i % len(positive)
        for j, p in enumerate(positive):
            if in_batch and j != partner:
                continue
            others = [cosine(s, o) for k, o in enumerate(positive) if in_batch and pictures[k] != pictures[j]]
            losses.append(pair_loss(cosine(s, p), repelled + others, tau))
    return sum(losses) / len(losses)


class TestContrastive:
    @pytest.mark.parametrize(
        ("source", "positive", "negative", "tau", "in_batch", "expected"),
        [
            ([[1, 0]], [[1, 0]], [[-1, 0]], 1.0, False, math.log(1 + math.exp(-2))),
            ([[1, 0]], [[1, 0]], [[0, 1]], 0.5, False, math.log(1 + math.exp(-2))),
            ([[1, 0]], [[0, 1]], [[0, 1]], 0.2, False, math.log(2)),
            ([[1, 0]], [[1, 0]], [[0, 1], [0, -3]], 1.0, False, math.log(1 + 2 * math.exp(-1))),
            ([[1, 0], [0, 1]], [[1, 0], [0, 1]], None, 1.0, True, math.log(1 + math.exp(-1))),
            ([[1, 0], [0, 1]], [[1, 0], [0, 1]], [[-1, -1]], 1.0, True,
             math.log(1 + math.exp(-1) + math.exp(-1 - math.sqrt(0.5)))),
            ([[1, 0], [0, 1], [1, 0]], [[2, 0]], None, 0.2, True, 0.0),
        ],
    )  # fmt: skip
    def test_contrastive_loss_has_its_closed_forms(self, source, positive, negative, tau, in_batch, expected):
        negative = None if negative is None else torch.tensor(negative, dtype=torch.float64)
        source, positive = torch.tensor(source, dtype=torch.float64), torch.tensor(positive, dtype=torch.float64)
        found = contrastive_loss(source, positive, negative, temperature=tau, in_batch=in_batch)
        assert found.item() == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize(
        ("n_source", "n_positive", "n_negative", "in_batch"),
        [(4, 5, 3, False), (5, 2, 1, False), (4, 4, 0, True), (5, 3, 0, True), (3, 5, 2, True)],
        ids=["non_dominant", "few_positives", "in_batch", "in_batch_mod", "both"],
    )
    @pytest.mark.parametrize("tau", [0.07, 0.2, 1.0])
    def test_contrastive_loss_equals_loops_over_pairs(self, n_source, n_positive, n_negative, in_batch, tau):
        source, positive, negative = batch(n_source, seed=1), batch(n_positive, seed=2), batch(n_negative, seed=3)
        found = contrastive_loss(source, positive, negative, temperature=tau, in_batch=in_batch)
        expected = naive_contrastive(source.numpy(), positive.numpy(), negative.numpy(), tau, in_batch)
        assert found.item() == pytest.approx(expected, rel=1e-10)

    @pytest.mark.parametrize("pictures", [[0, 1, 0, 2, 1], [4, 4, 4, 4, 4], [0, 1, 2, 3, 4]], ids=["copies", "one", "apart"])
    @pytest.mark.parametrize(("n_source", "n_negative"), [(5, 0), (7, 2), (3, 2)])
    def test_a_positive_s_own_picture_is_none_of_its_negatives(self, pictures, n_source, n_negative):
        source, positive, negative = batch(n_source, seed=1), batch(5, seed=2), batch(n_negative, seed=3)
        found = contrastive_loss(source, positive, negative, 0.2, in_batch=True, pictures=torch.tensor(pictures))
        expected = naive_contrastive(source.numpy(), positive.numpy(), negative.numpy(), 0.2, True, pictures)
        assert found.item() == pytest.approx(expected, rel=1e-10, abs=1e-12)

    @pytest.mark.parametrize("tau", [0.05, 1.0])
    def test_four_pictures_of_64_copies_cost_nothing_for_their_copies_at_perfect_alignment(self, tau):
        pictures = torch.arange(256) % 4
        z = torch.eye(4, dtype=torch.float64)[pictures].requires_grad_()
        found = contrastive_loss(z, z.detach(), None, tau, in_batch=True, pictures=pictures)
        assert found.item() == pytest.approx(math.log1p(192 * math.exp(-1 / tau)), abs=1e-12)
        found.backward()
        assert z.grad.isfinite().all()
        unmasked = contrastive_loss(z, z, None, tau, in_batch=True).item()
        assert unmasked == pytest.approx(math.log(64 + 192 * math.exp(-1 / tau)), abs=1e-12)  # log 64 where tau is small

    def test_where_all_pairs_count_copies_change_nothing(self):
        source, positive, negative = batch(4, seed=1), batch(5, seed=2), batch(3, seed=3)
        alike = contrastive_loss(source, positive, negative, pictures=torch.zeros(5, dtype=int))
        assert torch.equal(alike, contrastive_loss(source, positive, negative))

    @pytest.mark.parametrize("in_batch", [False, True])
    def test_contrastive_loss_ignores_the_length_of_features(self, in_batch):
        source, positive, negative = batch(4, seed=1), batch(4, seed=2), batch(3, seed=3)
        lengths = torch.tensor([[0.1], [1.0], [7.0], [300.0]], dtype=torch.float64)
        plain = contrastive_loss(source, positive, negative, in_batch=in_batch)
        scaled = contrastive_loss(source * lengths, positive * 5, negative * lengths[:3], in_batch=in_batch)
        torch.testing.assert_close(scaled, plain, rtol=1e-10, atol=1e-12)

    def test_contrastive_loss_ignores_the_order_of_rows_where_all_pairs_count(self):
        source, positive, negative = batch(4, seed=1), batch(5, seed=2), batch(3, seed=3)
        torch.testing.assert_close(
            contrastive_loss(source.flip(0), positive.roll(2, 0), negative.flip(0)),
            contrastive_loss(source, positive, negative),
        )

    def test_in_batch_loss_ignores_a_joint_order_and_heeds_the_pairing(self):
        source, positive = batch(4, seed=1), batch(4, seed=2)
        plain = contrastive_loss(source, positive, in_batch=True)
        torch.testing.assert_close(contrastive_loss(source.flip(0), positive.flip(0), in_batch=True), plain)
        assert abs(contrastive_loss(source.flip(0), positive, in_batch=True) - plain) > 1e-3

    def test_in_batch_loss_of_two_is_the_explicit_loss_with_the_other_as_negative(self):
        source, positive = batch(2, seed=1), batch(2, seed=2)
        singly = [contrastive_loss(source[i : i + 1], positive[i : i + 1], positive[1 - i : 2 - i]) for i in range(2)]
        torch.testing.assert_close(contrastive_loss(source, positive, in_batch=True), sum(singly) / 2)

    @pytest.mark.parametrize("in_batch", [False, True])
    def test_contrastive_loss_falls_as_negatives_move_away(self, in_batch):
        source = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
        angles = torch.linspace(0, math.pi, 9, dtype=torch.float64)
        losses = [
            contrastive_loss(source, source, torch.stack([a.cos(), a.sin()])[None], in_batch=in_batch).item() for a in angles
        ]
        assert all(later < earlier for earlier, later in itertools.pairwise(losses))

    @pytest.mark.parametrize("in_batch", [False, True])
    def test_a_step_down_the_gradient_pulls_positives_and_repels_negatives(self, in_batch):
        source, positive, negative = (batch(1, seed=s).requires_grad_() for s in (1, 2, 3))
        contrastive_loss(source, positive, negative, in_batch=in_batch).backward()
        s, p, n = (x.detach().numpy()[0] for x in (source, positive, negative))
        assert cosine(s, p - 0.01 * positive.grad.numpy()[0]) > cosine(s, p)
        assert cosine(s, n - 0.01 * negative.grad.numpy()[0]) < cosine(s, n)
        moved = s - 0.01 * source.grad.numpy()[0]
        assert cosine(moved, p) - cosine(moved, n) > cosine(s, p) - cosine(s, n)

    @pytest.mark.parametrize("negative", [None, torch.zeros(0, 6, dtype=torch.float64)])
    def test_contrastive_loss_without_negatives_is_zero_with_a_zero_gradient(self, negative):
        source = batch(3).requires_grad_()
        loss = contrastive_loss(source, batch(2, seed=1), negative)
        loss.backward()
        assert loss.item() == 0
        assert source.grad.abs().max() == 0

    def test_contrastive_loss_stays_finite_at_extreme_temperature(self):
        source = torch.tensor([[1.0, 0.0]], requires_grad=True)
        loss = contrastive_loss(source, -source.detach(), source.detach(), temperature=1e-3)
        loss.backward()
        assert loss.item() == pytest.approx(2000)
        assert source.grad.isfinite().all()

    @pytest.mark.parametrize(
        ("shapes", "message"),
        [
            (((3, 4), (2, 5), (1, 4)), r"z_positive must be \(n, 4\) like z_source, got shape \(2, 5\); embed both"),
            (((3, 4), (2, 4), (1, 5)), r"z_negative must be \(n, 4\) like z_source, got shape \(1, 5\); embed both"),
            (((3, 4), (4,), (1, 4)), r"z_positive must be \(n, 4\).*got shape \(4,\)"),
            (((0, 4), (2, 4), (1, 4)), "must not be empty; skip the step"),
            (((3, 4), (0, 4), (1, 4)), "z_positive must not be empty; skip the step"),
        ],
    )
    def test_contrastive_loss_names_batches_that_do_not_fit(self, shapes, message):
        with pytest.raises(ValueError, match=message):
            contrastive_loss(*(torch.ones(shape) for shape in shapes))


def naive_mmd(source, target):
    """The unbiased estimate by loops; bandwidth from the mean squared distance over pairs of different rows."""
    joint = np.concatenate([source, target])

    def squared(x, y):
        return float(((x - y) ** 2).sum())

    n = len(joint)
    scale = sum(squared(joint[i], joint[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))

    def k(x, y):
        return sum(math.exp(-squared(x, y) / (2 * factor * scale)) for factor in (0.125, 0.25, 0.5, 1, 2))

    def within(rows):
        kernels = [k(rows[i], rows[j]) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return sum(kernels) / len(kernels)

    across = [k(s, t) for s in source for t in target]
    return within(source) + within(target) - 2 * sum(across) / len(across)


class LargestTensor(TorchDispatchMode):
    """Size of the largest tensor that any operation returns, forward or backward."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        results = operation(*args, **(kwargs or {}))
        for leaf in tree_leaves(results):
            if isinstance(leaf, torch.Tensor):
                self.bytes = max(self.bytes, leaf.numel() * leaf.element_size())
        return results


class TestMMD:
    @pytest.mark.parametrize(("n_source", "n_target", "shift"), [(4, 4, 0.0), (3, 6, 0.5), (5, 2, 2.0)])
    def test_mmd_equals_loops_over_pairs(self, n_source, n_target, shift):
        source, target = batch(n_source, seed=1), batch(n_target, seed=2, shift=shift)
        assert mmd_loss(source, target).item() == pytest.approx(naive_mmd(source.numpy(), target.numpy()), rel=1e-9)

    def test_mmd_of_two_far_points_has_its_closed_form(self):
        # two points twice each: the mean squared distance over pairs is 2/3 of d^2, so d drops out
        source, target = torch.zeros(2, 1, dtype=torch.float64), torch.full((2, 1), 5.0, dtype=torch.float64)
        expected = 2 * 5 - 2 * sum(math.exp(-3 / (4 * factor)) for factor in BANDWIDTH_FACTORS)
        assert mmd_loss(source, target).item() == pytest.approx(expected, rel=1e-12)

    def test_mmd_is_zero_in_expectation_where_the_domains_agree_and_above_it_elsewhere(self):
        agreeing = [mmd_loss(batch(16, seed=2 * s), batch(16, seed=2 * s + 1)).item() for s in range(200)]
        shifted = [mmd_loss(batch(16, seed=2 * s), batch(16, seed=2 * s + 1, shift=1)).item() for s in range(20)]
        error = np.std(agreeing) / math.sqrt(len(agreeing))
        assert abs(np.mean(agreeing)) < 4 * error  # a biased estimate lies some twenty errors above
        assert min(agreeing) < 0
        assert min(shifted) > max(agreeing)

    def test_mmd_grows_with_a_shift_of_the_mean(self):
        source, target = batch(32, seed=1), batch(32, seed=2)
        values = [mmd_loss(source, target + shift).item() for shift in (0.0, 0.5, 1.0, 2.0)]
        assert values == sorted(values)
        assert values[1] > values[0] + 0.05

    def test_mmd_grows_with_a_difference_in_spread_alone(self):
        source, target = batch(64, seed=1), batch(64, seed=2)
        assert mmd_loss(source, 3 * target).item() > mmd_loss(source, target).item() + 0.1

    def test_mmd_is_symmetric_and_ignores_row_order_translation_and_scale(self):
        source, target = batch(5, seed=1), batch(7, seed=2, shift=1)
        plain = mmd_loss(source, target)
        for other in (
            mmd_loss(target, source),
            mmd_loss(source.flip(0), target.roll(3, 0)),
            mmd_loss(source + 10, target + 10),
            mmd_loss(source * 50, target * 50),
        ):
            torch.testing.assert_close(other, plain, rtol=1e-9, atol=1e-12)

    def test_mmd_never_exceeds_two_for_each_kernel(self):
        far = mmd_loss(torch.zeros(2, 1), torch.tensor([[1e3], [1e3]])).item()
        assert 0 < far <= 2 * len(BANDWIDTH_FACTORS)

    @pytest.mark.parametrize("value", [0.0, 1.0, 0.37, 1e3])
    def test_mmd_and_its_gradient_are_finite_where_all_features_coincide(self, value):
        source = torch.full((8, 32), value, requires_grad=True)
        target = torch.full((5, 32), value, requires_grad=True)
        loss = mmd_loss(source, target)
        loss.backward()
        assert loss.item() == pytest.approx(0, abs=1e-4)
        assert source.grad.isfinite().all()
        assert target.grad.isfinite().all()

    def test_the_gradient_of_mmd_is_finite_where_pictures_repeat_across_domains(self):
        source = batch(6).float().requires_grad_()
        target = torch.cat([source.detach()[:3], source.detach()[:3]]).requires_grad_()
        mmd_loss(source, target).backward()
        assert source.grad.isfinite().all()
        assert target.grad.isfinite().all()
        assert source.grad.abs().max() > 0

    def test_a_step_down_the_gradient_of_mmd_moves_the_target_towards_the_source(self):
        source, target = batch(32, seed=1), batch(32, seed=2, shift=1).requires_grad_()
        mmd_loss(source, target).backward()
        step = -target.grad.mean(dim=0)
        assert step @ (source.mean(dim=0) - target.detach().mean(dim=0)) > 0

    def test_the_bandwidth_of_mmd_carries_no_gradient(self):
        source, target = batch(6, seed=1), batch(6, seed=2, shift=1)
        factor = torch.ones((), dtype=torch.float64, requires_grad=True)
        mmd_loss(source * factor, target * factor).backward()
        assert abs(factor.grad) > 1e-3  # scale-free as a value: through the bandwidth this would be zero

    def test_mmd_keeps_no_tensor_of_pairs_times_features(self):
        source, target = torch.randn(256, 2048, requires_grad=True), torch.randn(256, 2048, requires_grad=True)
        with LargestTensor() as largest:
            mmd_loss(source, target).backward()
        assert 2**20 <= largest.bytes <= 2**23  # pairs are 1 MB, the joint batch 4 MB, pairs times features 2 GB

    def test_mmd_adds_less_than_64_megabytes_at_its_peak(self):
        source, target = torch.randn(256, 2048, requires_grad=True), torch.randn(256, 2048, requires_grad=True)
        kinds = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=kinds, profile_memory=True) as profile:
            mmd_loss(source, target).backward()
        changes = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
        held = np.cumsum([event.nbytes() for event in sorted(changes, key=lambda event: event.start_ns())])
        assert len(held) > 10
        assert held.max() < 64 * 2**20

    @pytest.mark.parametrize(
        ("shapes", "message"),
        [
            (((4, 3), (4, 2)), r"z_target must be \(n, 3\) like z_source, got shape \(4, 2\)"),
            (((1, 3), (4, 3)), "at least two rows a side, got 1 and 4; enlarge the batch"),
            (((4, 3), (1, 3)), "at least two rows a side, got 4 and 1; enlarge the batch"),
        ],
    )
    def test_mmd_names_batches_that_do_not_fit(self, shapes, message):
        with pytest.raises(ValueError, match=message):
            mmd_loss(*(torch.ones(shape) for shape in shapes))


class TestAdversarial:
    def test_reversal_is_the_identity_forwards_and_flips_the_gradient_backwards(self):
        z = batch(3).requires_grad_()
        weights = batch(3, seed=1)
        reversed_z = reverse_gradient(z, 0.3)
        (reversed_z * weights).sum().backward()
        assert torch.equal(reversed_z, z)
        torch.testing.assert_close(z.grad, -0.3 * weights)

    @pytest.mark.parametrize(("progress", "expected"), [(0.0, 0.0), (0.1, math.tanh(0.5)), (1.0, math.tanh(5.0))])
    def test_the_strength_of_the_reversal_is_a_hyperbolic_tangent(self, progress, expected):
        assert reversal_strength(progress) == pytest.approx(expected)

    def test_domain_loss_is_the_mean_of_the_two_cross_entropies(self):
        source, target = batch(3, d=1, seed=1), batch(7, d=1, seed=2)
        by_hand = (
            np.mean([math.log(1 + math.exp(v)) for v in source[:, 0]])
            + np.mean([math.log(1 + math.exp(-v)) for v in target[:, 0]])
        ) / 2
        assert domain_adversarial_loss(source, target).item() == pytest.approx(by_hand, rel=1e-12)

    def test_domain_loss_weighs_the_domains_equally_whatever_their_sizes(self):
        source, target = torch.full((1, 1), 2.0), torch.full((99, 1), -1.0)
        torch.testing.assert_close(
            domain_adversarial_loss(source, target), domain_adversarial_loss(source.expand(50, 1), target[:1])
        )

    def test_domain_loss_is_small_for_a_discriminator_that_is_right(self):
        right, wrong = torch.full((2, 1), 9.0), torch.full((2, 1), -9.0)
        assert domain_adversarial_loss(wrong, right) < 1e-3
        assert domain_adversarial_loss(right, wrong) > 8

    def test_reversed_features_confuse_the_discriminator_while_it_learns_to_tell(self):
        torch.manual_seed(0)
        discriminator = DomainDiscriminator(6).double()
        source, target = batch(32, seed=1).requires_grad_(), batch(32, seed=2, shift=1).requires_grad_()

        def loss(s, t):
            return domain_adversarial_loss(discriminator(s), discriminator(t))

        before = loss(source, target).item()
        loss(reverse_gradient(source), reverse_gradient(target)).backward()
        with torch.no_grad():
            confused = loss(source - source.grad, target - target.grad).item()
            for parameter in discriminator.parameters():
                parameter -= 0.1 * parameter.grad
            taught = loss(source, target).item()
        assert taught < before < confused
