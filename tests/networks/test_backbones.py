"""Networks give exactly the outputs of the model their weights were saved from, whole or cut in two."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import open_clip
import pytest
import timm
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import nn

from twofold.errors import InputError
from twofold.networks import backbones
from twofold.networks.backbones import KNOWN, _layers, load_backbone, load_encoder, load_layers
from twofold.networks.weights import resolve_weights

LITE0 = "tf_efficientnet_lite0"
DINO = "vit_small_patch14_dinov2.lvd142m"
CLIP = "open_clip:ViT-B-32-quickgelu/openai"
SMALL_CLIP = {
    "embed_dim": 8,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 7, "vocab_size": 11, "width": 64, "heads": 1, "layers": 1},
}


def pictures(n=2, size_px=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, size_px, size_px), dtype=torch.uint8, generator=generator)


def normalised(images, mean, std):
    """The textbook preprocessing, by broadcasting over colours."""
    return (images.float() / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def jolted(model, seed=0):
    """A random model whose norms and biases are random too, so that no two tensors of it are alike."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor += 0.1 * torch.rand(tensor.shape, generator=generator)
    return model.eval()


@pytest.mark.parametrize(
    ("name", "stages"),
    [(LITE0, [0, 3, 8]), ("resnet18", [0, 1, 5]), ("resnet50", [4]), ("convnext_atto", [0])],
)
def test_stem_and_tail_compose_to_the_whole_network(tmp_path, name, stages):
    whole = jolted(timm.create_model(name, num_classes=0))
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    weights = resolve_weights(name, str(tmp_path / "w.pth"))
    images = pictures()
    cfg = whole.pretrained_cfg
    with torch.no_grad():
        expected = whole(normalised(images, cfg["mean"], cfg["std"]))
        for frozen_stages in stages:
            backbone = load_backbone(name, weights, 64, frozen_stages)
            assert not backbone.training
            assert backbone.has_stem == (frozen_stages > 0)
            torch.testing.assert_close(backbone(images), expected, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(backbone(backbone.stem(images)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "stages"), [(LITE0, [0, 7, 8]), ("resnet18", [0, 4, 5])])
def test_the_last_map_averages_to_the_features_of_pictures_and_of_stem_features(name, stages):
    for frozen_stages in stages:
        backbone, images = load_backbone(name, resolve_weights(name, "random"), 64, frozen_stages), pictures()
        with torch.no_grad():
            found = backbone.map(images)
            assert found.shape[2:] == (2, 2)
            torch.testing.assert_close(found.mean(dim=(2, 3)), backbone(images), rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(backbone.map(backbone.stemmed(images)), found)


def test_a_network_of_unknown_stages_has_no_last_map():
    name = "convnext_atto"
    with pytest.raises(InputError, match="wanted a backbone whose last map can be read, got convnext_atto; take"):
        load_backbone(name, resolve_weights(name, "random"), 64).map(pictures())


def test_a_frozen_stem_gets_no_gradient_and_the_tail_gets_all():
    backbone = load_backbone(LITE0, resolve_weights(LITE0, "random"), 64, frozen_stages=3)
    backbone(pictures()).square().sum().backward()
    stem = list(backbone.stem_network.parameters())
    assert len(stem) > 10
    assert not any(p.requires_grad for p in stem)
    assert all(p.grad is None for p in stem)
    assert all(p.requires_grad and p.grad is not None for p in backbone.tail.parameters())


@pytest.mark.parametrize("frozen_stages", [0, 3])
def test_a_backbone_moves_as_a_whole_and_takes_pictures_from_anywhere(frozen_stages):
    backbone = load_backbone(LITE0, resolve_weights(LITE0, "random"), 64, frozen_stages)
    assert backbone.device == torch.device("cpu")
    backbone.to("meta")
    assert backbone.device == torch.device("meta")
    assert backbone(pictures()).device == torch.device("meta")


def test_what_is_stored_of_a_backbone_is_its_network_and_nothing_else():
    whole = timm.create_model("resnet18", num_classes=0)
    for frozen_stages in (0, 2):
        state = load_backbone("resnet18", resolve_weights("resnet18", "random"), 64, frozen_stages).state_dict()
        assert len(state) == len(whole.state_dict())


def test_without_a_frozen_stage_the_first_layer_learns():
    backbone = load_backbone("resnet18", resolve_weights("resnet18", "random"), 64)
    backbone(pictures()).sum().backward()
    assert next(backbone.tail.parameters()).shape == (64, 3, 7, 7)
    assert next(backbone.tail.parameters()).grad.abs().max() > 0


@pytest.mark.parametrize(
    ("name", "frozen", "last"), [(LITE0, 9, 8), (LITE0, -1, 8), ("resnet18", 6, 5), ("convnext_atto", 1, 0)]
)
def test_more_frozen_stages_than_the_network_can_spare_are_refused(name, frozen, last):
    with pytest.raises(InputError, match=f"wanted frozen_stages from 0 to {last} for {name}, got {frozen}; at least"):
        load_backbone(name, resolve_weights(name, "random"), 64, frozen)


@pytest.mark.parametrize("load", [load_backbone, load_encoder])
def test_random_weights_follow_their_seed_and_leave_the_global_one_alone(load):
    images = pictures()
    torch.manual_seed(7)
    undisturbed = torch.rand(1)
    torch.manual_seed(7)
    found = [load("resnet18", resolve_weights("resnet18", "random", s), 64, seed=s) for s in (0, 0, 1)]
    assert torch.equal(torch.rand(1), undisturbed)
    with torch.no_grad():
        features = [network(images) for network in found]
    assert torch.equal(features[0], features[1])
    assert not torch.allclose(features[0], features[2])


def test_extractors_that_give_other_features_have_other_keys(tmp_path):
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "w.pth")
    random, other = (resolve_weights("resnet18", "random", seed) for seed in (0, 1))
    saved = resolve_weights("resnet18", str(tmp_path / "w.pth"))
    stems = [load_backbone("resnet18", w, px, k).stem for w, px, k in
             [(random, 64, 1), (other, 64, 1), (saved, 64, 1), (random, 32, 1), (random, 64, 2)]]  # fmt: skip
    encoders = [load_encoder("resnet18", w, px) for w, px in [(random, 64), (other, 64), (random, 32)]]
    assert len({extractor.key for extractor in [*stems, *encoders]}) == 8
    assert load_encoder("resnet18", saved, 64).key == load_encoder("resnet18", saved, 64).key


@pytest.fixture(scope="module")
def classifier():
    """The published lite0 with its classifier, its tensors laid into timm's names one by one."""
    model = timm.create_model(LITE0, num_classes=1000)
    given = resolve_weights(LITE0).state_dict()
    model.load_state_dict(dict(zip(model.state_dict(), given.values(), strict=True)))
    return model.eval()


class TestPretrained:
    """Real ImageNet weights, brought by pip, on photographs."""

    @pytest.mark.parametrize(
        ("photograph", "wanted"),
        [("flower.jpg", {985}), ("china.jpg", {698, 663, 442})],  # daisy; palace, monastery, bell cote
    )
    def test_lite0_sees_what_a_photograph_shows(self, classifier, photograph, wanted):
        picture = Image.fromarray(load_sample_image(photograph)).resize((224, 224), Image.Resampling.BICUBIC)
        backbone = load_backbone(LITE0, resolve_weights(LITE0), 224, frozen_stages=3)
        with torch.no_grad():
            logits = classifier.classifier(backbone(torch.from_numpy(np.array(picture).transpose(2, 0, 1))[None]))
        best = logits[0].topk(5).indices.tolist()
        assert best[0] in wanted
        assert wanted <= set(best)

    def test_lite0_gives_the_features_of_the_published_classifier(self, classifier):
        images = pictures(size_px=96)
        encoder = load_encoder(LITE0, resolve_weights(LITE0), 96)
        with torch.no_grad():
            expected = classifier(normalised(images, encoder.mean, encoder.std))
            found = classifier.classifier(encoder(images))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)

    def test_a_wheels_weights_for_another_network_are_refused(self):
        with pytest.raises(InputError, match=r"wanted weights that fit .*, got .*lite0.* has shape .*; give the file"):
            load_backbone("tf_efficientnet_lite2", resolve_weights(LITE0), 64)


class TestSavedByHand:
    """A checkpoint on disk, read through ``resolve_weights``, is the very model that was saved."""

    @pytest.mark.parametrize("num_classes", [1000, 0])
    def test_resnet_50_with_or_without_its_classifier(self, tmp_path, num_classes):
        model = jolted(timm.create_model("resnet50", num_classes=num_classes))
        torch.save(model.state_dict(), tmp_path / "w.pth")
        model.reset_classifier(0)
        weights = resolve_weights("resnet50.tv_in1k", str(tmp_path / "w.pth"))
        encoder = load_encoder("resnet50.tv_in1k", weights, 64)
        images = pictures()
        with torch.no_grad():
            expected = model(encoder.prepare(images))
        torch.testing.assert_close(encoder(images), expected, rtol=1e-4, atol=1e-5)
        assert (encoder.mean, encoder.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    def test_dinov2_at_224_pixels_from_a_checkpoint_made_at_518(self, tmp_path):
        model = jolted(timm.create_model(DINO, num_classes=0))
        assert model.patch_embed.img_size == (518, 518)
        torch.save(model.state_dict(), tmp_path / "w.pth")
        encoder = load_encoder(DINO, resolve_weights(DINO, str(tmp_path / "w.pth")), 224)
        model.set_input_size(img_size=224)
        images = pictures(1, 224)
        with torch.no_grad():
            expected = model(encoder.prepare(images))
        assert encoder(images).shape == (1, 384)
        torch.testing.assert_close(encoder(images), expected, rtol=1e-4, atol=1e-4)

    def test_clip_by_its_visual_half(self, tmp_path, caplog):
        model = open_clip.create_model("ViT-B-32-quickgelu", device="meta").to_empty(device="cpu").eval()
        generator = torch.Generator().manual_seed(1)
        for key, tensor in model.state_dict().items():
            tensor.normal_(0, 0.03, generator=generator) if key.startswith("visual") else tensor.zero_()
        model.visual.ln_post.weight.data += 1
        torch.save(model.state_dict(), tmp_path / "w.pt")
        caplog.clear()
        encoder = load_encoder(CLIP, resolve_weights(CLIP, str(tmp_path / "w.pt")), 224)
        (tmp_path / "w.pt").unlink()  # 600 MB
        assert "random" not in caplog.text
        images = pictures(2, 224)
        constants = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
        with torch.no_grad():
            expected = model.encode_image(normalised(images, *constants))
        assert expected.shape == (2, 512)
        assert expected[0].sub(expected[1]).abs().max() > 0.01
        torch.testing.assert_close(encoder(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore::torch.jit.TracerWarning")
class TestOpenAI:
    """OpenAI's own file of a CLIP model: a TorchScript archive of half precision with three numbers beside the weights."""

    @pytest.fixture
    def model(self, monkeypatch):
        monkeypatch.setattr(open_clip, "get_model_config", lambda _: SMALL_CLIP)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = jolted(open_clip.CLIP(**SMALL_CLIP))
        for name, value in (("input_resolution", 32), ("context_length", 7), ("vocab_size", 11)):
            vars(model).pop(name, None)
            model.register_buffer(name, torch.tensor(value))
        return model

    def saved(self, model, path):
        examples = torch.zeros(1, 3, 32, 32), torch.zeros(1, 7, dtype=torch.long)
        torch.jit.trace(model, examples, check_trace=False).half().save(path)
        return resolve_weights(CLIP, str(path))

    def test_its_picture_half_is_read(self, tmp_path, model, caplog):
        encoder = load_encoder(CLIP, self.saved(model, tmp_path / "ViT-B-32.pt"), 32)
        assert not caplog.records
        assert next(encoder.network.parameters()).dtype == torch.float32
        images = pictures(2, 32)
        with torch.no_grad():
            expected = model.half().float().encode_image(encoder.prepare(images))
        torch.testing.assert_close(encoder(images), expected, rtol=1e-4, atol=1e-5)
        assert encoder.center_crop

    def test_one_that_lacks_a_tensor_is_refused(self, tmp_path, model):
        del model.visual.transformer.resblocks[1]
        with pytest.raises(InputError, match=rf"wanted weights that fit {CLIP}, got .*Missing key.*resblocks\.1.*give the"):
            load_encoder(CLIP, self.saved(model, tmp_path / "w.pt"), 32)


def test_a_clip_model_wants_the_middle_square_where_its_preset_does_and_all_others_the_whole_picture(tmp_path, monkeypatch):
    found = {}
    for name in ("ViT-B-32-quickgelu/openai", "ViT-B-16-SigLIP/webli"):
        monkeypatch.setattr(open_clip, "create_model", lambda *_, **__: nn.ModuleDict({"visual": nn.Linear(2, 2)}))
        found[name] = load_encoder(f"open_clip:{name}", resolve_weights(f"open_clip:{name}", "random"), 224)
    found["resnet18"] = load_encoder("resnet18", resolve_weights("resnet18", "random"), 32)
    assert [extractor.center_crop for extractor in found.values()] == [True, False, False]
    assert [extractor.key.endswith(":center crop") for extractor in found.values()] == [True, False, False]


class TestRefused:
    @pytest.mark.parametrize("saved", ["resnet50", "resnet34", "renamed", "empty"])
    def test_weights_of_another_architecture(self, tmp_path, saved):
        # resnet34 holds every tensor of resnet18 and more; renamed and empty hold none of them
        state = {} if saved == "empty" else timm.create_model("resnet18" if saved == "renamed" else saved).state_dict()
        if saved == "renamed":
            state = {f"module.{key}": value for key, value in state.items()}
        torch.save(state, tmp_path / "w.pth")
        with pytest.raises(InputError, match=r"wanted weights that fit resnet18, got .*w\.pth .*give the file of this"):
            load_encoder("resnet18", resolve_weights("resnet18", str(tmp_path / "w.pth")), 64)

    def test_a_pickle_that_holds_anything_but_tensors(self, tmp_path):
        torch.save({"weight": torch.zeros(1), "rng": np.random.RandomState(0)}, tmp_path / "w.pth")
        for name in ("resnet18", CLIP):
            with pytest.raises(InputError, match=f"wanted .* {name}, got .*Weights only load failed"):
                load_encoder(name, resolve_weights(name, str(tmp_path / "w.pth")), 224)

    def test_clip_weights_that_do_not_fit(self, tmp_path):
        torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "w.pth")
        with pytest.raises(InputError, match=f"wanted weights that fit {CLIP}, got .*give the file of this very"):
            load_encoder(CLIP, resolve_weights(CLIP, str(tmp_path / "w.pth")), 224)

    def test_clip_at_a_size_that_is_not_its_own(self):
        with pytest.raises(InputError, match="wanted encoder_size_px 224 for ViT-B-32-quickgelu, got 96; pass 224"):
            load_encoder(CLIP, resolve_weights(CLIP, "random"), 96)

    @pytest.mark.parametrize("load", [load_backbone, load_encoder])
    def test_a_name_that_timm_does_not_know(self, load):
        with pytest.raises(InputError, match="wanted a timm model, got 'resnet5000'; close names: "):
            load("resnet5000", resolve_weights("resnet5000", "random"), 64)

    def test_a_name_that_open_clip_does_not_know(self):
        name = "open_clip:ViT-Z-99/openai"
        with pytest.raises(InputError, match=r"wanted an open_clip architecture, got 'ViT-Z-99'; see open_clip\.list"):
            load_encoder(name, resolve_weights(name, "random"), 224)


class TestKnownNetworks:
    @pytest.mark.parametrize("hidden", [True, False])
    @pytest.mark.parametrize("name", KNOWN)
    def test_what_is_said_of_a_network_before_it_is_built_is_what_it_has(self, name, hidden):
        weights = resolve_weights(name)
        late, widths = load_layers(name, weights, 64, hidden)
        built = _layers(name, weights, 64, hidden, 0)
        for field in ("key", "size_px", "mean", "std", "center_crop", "widths"):
            assert getattr(late, field) == getattr(built, field), field
        assert late.widths == widths
        assert torch.equal(late(pictures()), built(pictures()))

    def test_it_is_built_once_when_it_is_looked_through_and_where_it_was_moved_to(self, monkeypatch):
        real, made = backbones._layers, []
        monkeypatch.setattr(backbones, "_layers", lambda *asked: made.append(asked) or real(*asked))
        late, _ = load_layers(LITE0, resolve_weights(LITE0), 64)
        late.network.double()
        assert (made, list(late.network.parameters()), late.device) == ([], [], torch.device("cpu"))
        images = late.prepare(pictures()).double()
        with ThreadPoolExecutor(2) as pool, torch.no_grad():
            first, second = pool.map(late.network, [images, images])
        assert len(made) == 1
        assert first.dtype == torch.float64
        assert torch.equal(first, second)
        assert not late.network.state_dict().keys() & {"_place"}

    def test_a_file_that_does_not_fit_is_refused_before_anything_is_looked_at(self, tmp_path):
        torch.save({"x": torch.zeros(1)}, tmp_path / "w.pth")
        with pytest.raises(InputError, match="wanted weights that fit"):
            load_layers(LITE0, resolve_weights(LITE0, str(tmp_path / "w.pth")), 64)
