# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import math
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchgeo.datasets.utils import Sample

from torchgeo_ktextures.callbacks import FewerSteps, MaskAveraging, Restarts
from torchgeo_ktextures.datamodules import RasterDataModule
from torchgeo_ktextures.tasks import KTextures
from torchgeo_ktextures.tasks.initialization import begin, estimate_statistics


class Patches(Dataset[Sample]):
    """Noise of two colours, one patch in two halves each; with masks if asked."""

    def __init__(
        self, channels: int = 4, masks: bool = False, length: int = 16
    ) -> None:
        self.channels, self.masks, self.length = channels, masks, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        image = torch.randn(self.channels, 32, 32)
        image[..., 16:] += 10
        sample = {'image': image}
        if self.masks:
            sample['mask'] = (torch.arange(32) >= 16).long().expand(32, 32)
        return sample


def trainer(path: Path, **kwargs: Any) -> Trainer:
    return Trainer(
        **{
            'accelerator': 'cpu',
            'max_epochs': 1,
            'logger': False,
            'enable_checkpointing': False,
            'enable_progress_bar': False,
            'enable_model_summary': False,
            'default_root_dir': path,
        }
        | kwargs
    )


def loader(**kwargs: Any) -> DataLoader[Sample]:
    return DataLoader(Patches(**kwargs), batch_size=4)


def small(**kwargs: Any) -> KTextures:
    return KTextures(**{'num_classes': 2, 'mask_stride': 4, 'init_patches': 8} | kwargs)


@pytest.fixture(scope='module')
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[KTextures, Path]:
    path = tmp_path_factory.mktemp('fitted')
    seed_everything(0, verbose=False)
    task = small()
    run = trainer(path, max_epochs=8, enable_checkpointing=True)
    run.fit(task, loader(), loader(masks=True))
    run.save_checkpoint(path / 'task.ckpt')
    return task, path


def test_separates_colors(fitted: tuple[KTextures, Path]) -> None:
    task, path = fitted
    (metrics,) = trainer(path).test(task, loader(masks=True), verbose=False)
    assert metrics['test_accuracy'] > 0.9
    assert metrics['test_miou'] > 0.8
    assert metrics['test_entropy'] > 0.9
    assert {'test_loss', 'test_similarity_color', 'test_occupancy_1'} <= set(metrics)
    assert (path / 'ktextures.png').stat().st_size > 10_000


def test_checkpoint_is_complete(fitted: tuple[KTextures, Path]) -> None:
    task, path = fitted
    loaded = KTextures.load_from_checkpoint(path / 'task.ckpt')
    x = Patches()[0]['image'][None]
    assert loaded.fitted
    assert torch.equal(task.eval()(x), loaded.eval()(x))
    for (name, a), b in zip(
        task.criterion.state_dict().items(),
        loaded.criterion.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(a, b), name


def test_predict_step(fitted: tuple[KTextures, Path]) -> None:
    task, path = fitted
    predictions = trainer(path).predict(task, loader())
    assert predictions is not None
    output = predictions[0]
    assert isinstance(output, dict)
    assert output['labels'].shape == (4, 32, 32)
    assert set(output['labels'].unique().tolist()) == {0, 1}
    assert torch.allclose(output['probabilities'].sum(1), torch.ones(4, 32, 32))
    assert {'bounds', 'transform'} <= set(output)
    x = torch.randn(1, 4, 19, 23)
    x[..., :5, :5] = math.nan
    labels = task.predict_step({'image': x}, 0)['labels']
    assert labels is not None
    assert (labels[0, :5, :5] == -1).all()
    assert (labels >= 0).sum() == 19 * 23 - 25


def test_unfitted_is_refused(tmp_path: Path) -> None:
    for verb in ('predict', 'test', 'validate'):
        with pytest.raises(
            RuntimeError, match=f'cannot {verb}.*never fitted.*ckpt_path'
        ):
            getattr(trainer(tmp_path), verb)(small(), loader())


@pytest.mark.parametrize(
    'kwargs',
    [
        {'init': 'random'},
        {'init': 'kmeans'},
        {'n_init': 3},
        {'num_classes': 5, 'mask_stride': 16, 'features': ['texture']},
        {'in_channels': 3, 'mask_stride': 1},
        {'in_channels': 6, 'feature_weights': [1, 1, 0.2, 0.2]},
    ],
)
def test_variants(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    task = small(**kwargs)
    channels = kwargs.get('in_channels', 4)
    trainer(tmp_path).fit(task, loader(channels=channels))
    assert (tmp_path / 'ktextures.png').exists()
    labels = task.eval()(torch.randn(1, channels, 20, 20)).argmax(1)
    assert labels.max() < task.hparams['num_classes']


def test_restarts_keep_the_lowest_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = [3.0, 1.0, 2.0]
    states: list[Tensor] = []

    def loss(self: Restarts, trainer: Trainer, task: KTextures) -> float:
        states.append(task.model.mask_network.head.weight.detach().clone())
        return losses[len(states) - 1]

    monkeypatch.setattr(Restarts, 'loss', loss)
    task = small(n_init=3, init='kmeans')
    checkpoint = ModelCheckpoint(tmp_path, filename='best')
    run = trainer(
        tmp_path, max_epochs=2, callbacks=[checkpoint], enable_checkpointing=True
    )
    run.fit(task, loader(length=16))
    assert len(states) == 3
    assert not torch.equal(states[0], states[1])
    assert torch.equal(task.model.mask_network.head.weight, states[1])
    loaded = KTextures.load_from_checkpoint(tmp_path / 'best.ckpt')
    assert torch.equal(loaded.model.mask_network.head.weight, states[1])


def test_resume(tmp_path: Path) -> None:
    run = trainer(tmp_path, max_epochs=1)
    run.fit(small(n_init=2, init='kmeans'), loader())
    run.save_checkpoint(tmp_path / 'half.ckpt')
    task = small(n_init=2, init='kmeans')
    resumed = trainer(tmp_path, max_epochs=2)
    resumed.fit(task, loader(), ckpt_path=tmp_path / 'half.ckpt')
    assert resumed.global_step == 8
    assert task.fitted


def test_steps_of_several_batches(tmp_path: Path) -> None:
    # The average and the restart come after a step, not after each batch.
    begun: list[int] = []

    class Task(KTextures):
        def restart(self, *args: Any) -> None:
            begun.append(self.global_step)
            super().restart(*args)

    task = Task(2, n_init=2, init_patches=8, init='kmeans')
    checkpoint = ModelCheckpoint(tmp_path, filename='last')
    run = trainer(
        tmp_path,
        max_epochs=2,
        accumulate_grad_batches=2,
        callbacks=[checkpoint],
        enable_checkpointing=True,
    )
    run.fit(task, loader())
    assert run.global_step == 4
    assert begun == [0, 2]
    saved = torch.load(tmp_path / 'last.ckpt', weights_only=True)['state_dict']
    for name, value in task.state_dict().items():
        assert torch.equal(saved[name], value), name


def test_masks_are_of_averaged_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    after_step = MaskAveraging.after_step

    def record(self: MaskAveraging, trainer: Trainer, task: KTextures) -> None:
        seen.append(task.model.mask_network.head.weight.detach().clone())
        after_step(self, trainer, task)

    monkeypatch.setattr(MaskAveraging, 'after_step', record)
    checkpoint = ModelCheckpoint(tmp_path, filename='half', every_n_train_steps=2)
    run = trainer(tmp_path, callbacks=[checkpoint], enable_checkpointing=True)
    run.fit(small(init='kmeans'), loader(length=12))
    assert len(seen) == 3
    del seen[2:]
    task = small(init='kmeans')
    trainer(tmp_path).fit(task, loader(length=12), ckpt_path=tmp_path / 'half.ckpt')
    assert len(seen) == 3
    mean = sum(n * weight for n, weight in enumerate(seen, 1)) / 6
    torch.testing.assert_close(task.model.mask_network.head.weight.detach(), mean)


@pytest.mark.parametrize('init', ['mixture', 'kmeans'])
def test_same_seed_same_map(scene: Path, tmp_path: Path, init: str) -> None:
    maps = []
    for _ in range(2):
        seed_everything(7, verbose=False)
        task = small(n_init=2, init=init)
        data = RasterDataModule(str(scene), patch_size=32, length=32, batch_size=4)
        trainer(tmp_path).fit(task, datamodule=data)
        data.setup('predict')
        (tile,) = data.predict_dataloader()
        maps.append(task.eval().predict_step(tile, 0)['labels'])
    assert maps[0] is not None
    assert maps[1] is not None
    assert torch.equal(maps[0], maps[1])


def test_colour_alone_needs_no_network(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    states: list[Tensor] = []

    class Watch(Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            task = args[1]
            states.append(task.model.mask_network.head.weight.detach().clone())

    task = small()
    caplog.set_level('INFO')
    trainer(tmp_path, callbacks=[Watch()]).fit(task, loader())
    assert not task.model.needs_network
    assert 'to learn; with the callback FewerSteps' in caplog.text
    assert len(states) == 4
    assert all(torch.equal(state, states[0]) for state in states)
    caplog.clear()
    run = trainer(tmp_path, callbacks=[FewerSteps()])
    run.fit(small(n_init=3), loader())
    assert run.global_step == 3
    assert 'FewerSteps' not in caplog.text
    # The similarity needs masks that learn.
    paper = small(assignment_weight=0.0)
    trainer(tmp_path).fit(paper, loader())
    assert paper.model.needs_network


@pytest.mark.parametrize('init', ['mixture', 'random'])
def test_clusters_stay_what_they_are(
    tmp_path: Path, init: Literal['mixture', 'random']
) -> None:
    states: list[Tensor] = []

    class Watch(Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            mixture = args[1].criterion.clusters.prior.mixture
            states.append(mixture.prototypes.clone())

    # Colour tells nothing here.
    noise: Any = [{'image': torch.randn(4, 32, 32)} for _ in range(16)]
    run = trainer(tmp_path, max_epochs=2, callbacks=[Watch()])
    run.fit(small(init=init), DataLoader(noise, batch_size=4))
    same = all(torch.equal(state, states[0]) for state in states)
    assert same == (init == 'mixture')


def test_earlier_versions_always_had_a_network(
    fitted: tuple[KTextures, Path], tmp_path: Path
) -> None:
    content = torch.load(fitted[1] / 'task.ckpt', weights_only=True)
    assert not content['state_dict'].pop('model.needs_network')
    assert content['state_dict'].pop('model.contrast') > 0
    for name in list(content['state_dict']):  # of version 0.10
        if name.startswith('model.colors.'):
            del content['state_dict'][name]
    torch.save(content, tmp_path / 'old.ckpt')
    model = KTextures.load_from_checkpoint(tmp_path / 'old.ckpt').eval().model
    assert model.needs_network
    assert not model.colors.fitted
    x = Patches()[0]['image'][None]
    valid = torch.ones_like(x[:, :1])
    prepared = model.prepare(x, valid)
    expected = model.network_logits(prepared) + model.prior(prepared, valid)
    assert torch.equal(model.coarse_logits(prepared, valid), expected)


def test_vgg_needs_weights(tmp_path: Path) -> None:
    task = small(features=['vgg16_relu1_2'])
    with pytest.raises(ValueError, match='vgg16_relu1_2 needs weights'):
        trainer(tmp_path).fit(task, loader())


def test_vgg_checkpoint_needs_no_weights(tmp_path: Path) -> None:
    state = small(features=['vgg16_relu1_2']).criterion.similarity.state_dict()
    prefix = 'extractors.1.network.'
    picked = {n.removeprefix(prefix): v for n, v in state.items() if prefix in n}
    torch.save({f'features.{n}': v for n, v in picked.items()}, tmp_path / 'vgg.pth')
    weights = str(tmp_path / 'vgg.pth')
    task = small(features=['color', 'vgg16_relu1_2'], weights=weights)
    run = trainer(tmp_path)
    run.fit(task, loader())
    run.save_checkpoint(tmp_path / 'task.ckpt')
    loaded = KTextures.load_from_checkpoint(tmp_path / 'task.ckpt')
    similarity = loaded.criterion.similarity.state_dict()
    assert torch.equal(similarity[f'{prefix}0.weight'], picked['0.weight'])
    trainer(tmp_path).test(loaded, loader(), verbose=False)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'num_classes': 1}, 'num_classes=1 splits nothing'),
        ({'in_channels': 2}, 'in_channels=2 is too few'),
        ({'mask_stride': 5}, 'mask_stride=5 is not available'),
        ({'features': ['colour']}, "'colour' is unknown"),
        ({'features': []}, 'no feature group'),
        ({'feature_weights': [1.0]}, '1 feature_weights for 4 features'),
        ({'feature_weights': [1.0, -1.0, 1.0, 1.0]}, "'texture' is -1.0"),
        ({'n_init': 0}, 'n_init=0 must be at least 1'),
        ({'warm_start_fraction': 1.5}, 'warm_start_fraction=1.5'),
        ({'initial_slope': 0.0}, 'initial_slope=0.0 must be positive'),
    ],
)
def test_bad_arguments(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KTextures(**kwargs)


def test_wrong_number_of_bands(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'\(4, 3, 32, 32\).*in_channels=4'):
        trainer(tmp_path).fit(small(), loader(channels=3))


def test_unknown_number_of_steps(tmp_path: Path) -> None:
    run = trainer(tmp_path, max_epochs=-1)
    with pytest.raises(ValueError, match='set trainer.max_epochs'):
        run.fit(small(), loader())


def test_random_start_knows_no_clusters(tmp_path: Path) -> None:
    # Whatever the mixture was before, masks, targets and textures do not depend on it.
    images = torch.randn(4, 4, 48, 48) + torch.arange(4)[:, None, None, None]
    valid = torch.ones(4, 1, 48, 48)
    found = []
    for spoil in (False, True):
        torch.manual_seed(0)
        task = small(init='random')
        sample = task.model, task.criterion, [images], [valid]
        pooled = estimate_statistics(*sample)
        if spoil:
            for value in task.criterion.clusters.prior.mixture.state_dict().values():
                value.copy_(torch.rand_like(value.float()).to(value.dtype))
        torch.manual_seed(1)
        begin(*sample, 0, pooled, 'random')
        assert not task.model.prior.is_fitted
        assert not task.criterion.clusters.prior.is_fitted
        x = task.model.prepare(images, valid)
        targets = task.criterion.clusters(
            task.criterion.similarity.features(x, valid), x, valid
        )
        means = task.model.generators.mean.clone()
        found.append((targets, means, task.model.coarse_logits(x, valid)))
    for one, two in zip(*found, strict=True):
        assert torch.equal(one, two)


def test_deprecated_warm_start() -> None:
    with pytest.warns(DeprecationWarning, match="use init='random'"):
        assert small(warm_start=False).init == 'random'
    with pytest.warns(DeprecationWarning, match='leave it out'):
        assert small(warm_start=True, init='kmeans').init == 'kmeans'
    with pytest.raises(ValueError, match="init='zero' must be"):
        small(init='zero')
