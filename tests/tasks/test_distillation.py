# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torchgeo.main import main

from tests.rasters import write_scene
from torchgeo_ktextures.models import PlanetFeatures, VGG16Features, planet_features
from torchgeo_ktextures.tasks import FeatureDistillation, KTextures

CONFIG = Path(__file__).parents[2] / 'configs' / 'pretrain_extractor.yaml'


@pytest.fixture(scope='module')
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('teacher') / 'vgg.pth'
    network = VGG16Features([(0, 1, 2)], ['relu2_2', 'relu3_3']).network
    state = {f'features.{n}': v for n, v in network.state_dict().items()}
    torch.save(state, path)
    return path


@pytest.fixture
def config(tmp_path: Path, teacher: Path) -> Path:
    """The shipped configuration, made small, in a folder of its own."""
    content = yaml.safe_load(CONFIG.read_text())
    text = yaml.safe_dump(content)
    content = yaml.safe_load(
        text.replace('output/pretrain_extractor', str(tmp_path / 'out'))
    )
    content['trainer'] |= {'enable_progress_bar': False, 'accelerator': 'cpu'}
    content['trainer'] |= {'max_epochs': 1, 'log_every_n_steps': 1}
    content['model']['init_args'] |= {
        'weights': str(teacher),
        'features': ['vgg16_relu2_2', 'vgg16_relu3_3', 'texture'],
        'feature_weights': None,
        'init_patches': 8,
    }
    content['data']['init_args'] |= {
        'paths': [str(write_scene(tmp_path / 'scene.tif'))],
        'patch_size': 48,
        'batch_size': 4,
        'length': 12,
        'tile_size': 64,
    }
    path = tmp_path / 'small.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


def test_fit_resume_and_use(config: Path, tmp_path: Path) -> None:
    main(['fit', '--config', str(config)])
    out = tmp_path / 'out'
    checkpoint = out / 'extractor.ckpt'
    log = (out / 'metrics.csv').read_text()
    assert 'train_planet_stride4' in log.splitlines()[0]
    # The output without a teacher is not trained, the others are.
    assert 'planet_stride8' not in log.splitlines()[0]
    first = planet_features(str(checkpoint))
    resume = ['--ckpt_path', str(out / 'last.ckpt'), '--trainer.max_epochs', '2']
    main(['fit', '--config', str(config), *resume])
    second = planet_features(str(out / 'last.ckpt'))
    name = 'stages.0.0.conv.weight'
    assert not torch.equal(first.get_parameter(name), second.get_parameter(name))
    task = KTextures(features=['color', 'planet_stride4'], weights=str(checkpoint))
    (used,) = (
        m for m in task.criterion.similarity.extractors if isinstance(m, PlanetFeatures)
    )
    assert torch.equal(used.get_parameter(name), second.get_parameter(name))


def test_learns(teacher: Path) -> None:
    """The student comes close to a teacher on one image."""
    torch.manual_seed(0)
    task = FeatureDistillation(features=['vgg16_relu2_2'], weights=str(teacher))
    x = torch.randn(1, 4, 48, 48)
    valid = torch.ones(1, 1, 48, 48)
    sizes = {n: v.shape[-2:] for n, v in task.model(x).items()}
    shares = task.criterion.estimate([x], [valid], [sizes])
    assert 0 < shares['planet_stride2'] <= 1
    optimizer = torch.optim.Adam(task.model.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss, _ = task.criterion(task.model(x), x, valid)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


def test_teacher_of_timm() -> None:
    task = FeatureDistillation(
        features=['backbone_layer1', 'backbone_layer2'],
        backbone='resnet18',
        backbone_bands=(3, 0, 1),
    )
    x = torch.randn(1, 4, 64, 64)
    valid = torch.ones(1, 1, 64, 64)
    sizes = {n: v.shape[-2:] for n, v in task.model(x).items()}
    task.criterion.estimate([x], [valid], [sizes])
    loss, groups = task.criterion(task.model(x), x, valid)
    assert set(groups) == {'planet_stride4', 'planet_stride8'}
    loss.backward()
    assert task.model.get_parameter('stages.0.0.conv.weight').grad is not None


def test_gain_and_offset_do_not_matter(teacher: Path) -> None:
    task = FeatureDistillation(features=['vgg16_relu2_2'], weights=str(teacher))
    image = torch.rand(1, 4, 32, 32)
    batch = {'image': image}
    other = {'image': image * 10_000 + 300}
    assert torch.allclose(task._inputs(batch)[0], task._inputs(other)[0], atol=1e-2)


def test_bad_arguments(teacher: Path) -> None:
    def make(**arguments: Any) -> FeatureDistillation:
        return FeatureDistillation(weights=str(teacher), **arguments)

    with pytest.raises(ValueError, match=r'vgg16_relu1_2 has stride 1.*2, 4, 8'):
        make(features=['vgg16_relu1_2'])
    with pytest.raises(ValueError, match=r'scale_range=\[2, 1\]'):
        make(features=['texture'], scale_range=[2, 1])
    with pytest.raises(ValueError, match='gain_jitter=-1'):
        make(features=['texture'], gain_jitter=-1)
    with pytest.raises(ValueError, match='2 feature_weights for 1 features'):
        make(features=['texture'], feature_weights=[1, 2])
    with pytest.raises(ValueError, match="'nothing' is unknown"):
        make(features=['texture', 'nothing'])
    with pytest.raises(ValueError, match='init_patches=0'):
        make(features=['texture'], init_patches=0)
    task = make(features=['vgg16_relu2_2'])
    with pytest.raises(ValueError, match=r'\(1, 3, 8, 8\) do not have the bands red'):
        task._inputs({'image': torch.zeros(1, 3, 8, 8)})


def test_needs_a_teacher(config: Path) -> None:
    with pytest.raises(ValueError, match='the teacher needs weights'):
        main(['fit', '--config', str(config), '--model.weights', 'null'])
