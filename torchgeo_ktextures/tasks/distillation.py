# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Distillation of a feature extractor."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torchgeo.tasks import BaseTask
from torchvision.models._api import WeightsEnum

from ..datasets.sample import Sample
from ..losses import DistillationLoss
from ..models import PlanetFeatures, fetch_weights, finite_pixels, make_extractors
from .arguments import group_weights, require_fit, require_weights


class FeatureDistillation(BaseTask):
    """Distillation of a larger network into a light extractor for four bands.

    The student, :class:`~torchgeo_ktextures.models.PlanetFeatures`, learns the main
    components of the features of one or more teachers, by default of VGG-16 on the RGB
    and the NIR-R-G composite, and of local filter energies of all bands. Patches are standardized one by one, then
    stretched, shifted, turned and rescaled at random, so that the features do not
    depend on the sensor.

    Expects ``image`` (B, C, H, W) in any unit and, optionally, ``mask_valid``
    (B, 1, H, W).

    If you use this task in your research, please cite the following papers:

    * https://arxiv.org/abs/1412.6550
    * https://arxiv.org/abs/2205.08671
    """

    ignore = ('weights', 'backbone_weights')
    monitor = 'train_loss'

    def __init__(
        self,
        features: Sequence[str] = (
            'vgg16_relu2_2',
            'vgg16_relu3_3',
            'vgg16_relu4_3',
            'texture',
        ),
        feature_weights: Sequence[float] | None = None,
        weights: WeightsEnum | str | bool | None = None,
        backbone: str | None = None,
        backbone_weights: WeightsEnum | str | bool | None = None,
        backbone_bands: Sequence[int] = (0, 1, 2),
        gain_jitter: float = 0.4,
        offset_jitter: float = 0.3,
        nir_dropout: float = 0.15,
        scale_range: Sequence[float] = (0.5, 1.5),
        init_patches: int = 256,
        lr: float = 2e-3,
        weight_decay: float = 1e-4,
    ) -> None:
        """Initialize a new FeatureDistillation instance.

        Args:
            features: Groups of features to learn, see KTextures: each is given to the
                output of the student with its stride, 2, 4 or 8.
            feature_weights: Weight of each group beside others of the same stride
                (defaults to 0.5 for 'texture' and 1 for the others).
            weights: VGG-16 weights: a torchvision weight enum, True for
                ``VGG16_Weights.IMAGENET1K_FEATURES``, or the path of a safetensors or
                PyTorch state dict.
            backbone: Model of timm or TorchGeo whose layers are the 'backbone' groups,
                or path of a Keras file, whose layers are the 'keras' groups.
            backbone_weights: Full name of weights of TorchGeo, True for those of timm,
                or the path of a state dict.
            backbone_bands: Index of the band for each channel of the backbone; -1
                leaves a channel at its mean.
            gain_jitter: Standard deviation of the logarithm of the gain of each band.
            offset_jitter: Standard deviation of the offset of each band, in standard
                deviations of the band.
            nir_dropout: Share of the patches in which the mean of the other bands
                stands in for the near infrared.
            scale_range: Smallest and largest factor that patches are rescaled by.
            init_patches: Number of training patches from which the statistics of the
                teacher are estimated.
            lr: Largest learning rate.
            weight_decay: Weight decay.

        Raises:
            ValueError: If an argument is out of its range.
        """
        self.weights = weights
        self.backbone_weights = backbone_weights
        super().__init__()

    #: Whether the statistics of the teacher were estimated.
    estimated: Tensor

    def configure_models(self) -> None:
        """Initialize the student."""
        self.model = PlanetFeatures()

    def configure_losses(self) -> None:
        """Initialize the teachers and the loss."""
        h = self.hparams
        low, high = h['scale_range']
        if not 0 < low <= high:
            msg = f'scale_range={list(h["scale_range"])} must be positive and ascending'
            raise ValueError(msg)
        for name in ('gain_jitter', 'offset_jitter'):
            if h[name] < 0:
                raise ValueError(f'{name}={h[name]} must be at least 0')
        if h['init_patches'] < 1:
            raise ValueError(f'init_patches={h["init_patches"]} must be at least 1')
        names: list[str] = list(h['features'])
        default = {name: 0.5 if name == 'texture' else 1.0 for name in names}
        weights = group_weights(default, h['feature_weights'])
        channels = self.model.in_channels
        made = make_extractors(
            names,
            channels,
            self.weights,
            h['backbone'],
            self.backbone_weights,
            h['backbone_bands'],
            fetch=False,
        )
        teachers = [e for e in made if set(e.channels) & set(names)]
        with torch.no_grad():
            probe = torch.zeros(1, channels, 64, 64)
            strides = {
                name: 64 // value.shape[-1]
                for teacher in teachers
                for name, value in teacher.eval()(probe).items()
                if name in names
            }
        for name in names:
            if name not in strides:
                raise ValueError(f'feature group {name!r} is unknown')
        own = {stride: name for name, stride in self.model.strides.items()}
        for name, stride in strides.items():
            if stride not in own:
                msg = f'{name} has stride {stride}, which the student does not have; '
                msg += f'use groups of stride {", ".join(map(str, own))}'
                raise ValueError(msg)
        assignment = {name: own[stride] for name, stride in strides.items()}
        self.criterion = DistillationLoss(
            teachers, assignment, self.model.channels, weights
        )
        self.register_buffer('estimated', torch.tensor(False))

    def configure_metrics(self) -> None:
        """There are no metrics besides the losses."""

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Initialize the optimizer and learning rate scheduler.

        Returns:
            Optimizer and a one-cycle learning rate scheduler.
        """
        optimizer = AdamW(
            self.model.parameters(),
            lr=self.hparams['lr'],
            weight_decay=self.hparams['weight_decay'],
        )
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = OneCycleLR(optimizer, self.hparams['lr'], max(steps, 2))
        return {
            'optimizer': optimizer,
            'lr_scheduler': {'scheduler': scheduler, 'interval': 'step'},
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the schedule be that of the run that goes on, which may be longer.

        Args:
            checkpoint: Checkpoint to load from.
        """
        for state in checkpoint.get('lr_schedulers', []):
            state.pop('total_steps', None)
            state.pop('_schedule_phases', None)

    def on_fit_start(self) -> None:
        """Check that there is something to learn from.

        Raises:
            ValueError: If the teacher has no weights.
        """
        if not self.estimated:
            require_weights(self.hparams['features'], self.weights, 'the teacher')
            fetch_weights(self.criterion.teachers)

    def on_train_start(self) -> None:
        """Estimate the statistics of the teacher on a sample of the training data."""
        if self.estimated:
            return
        loader = cast(Iterable[Sample], self.trainer.train_dataloader)
        images, valids, sizes = [], [], []
        count = 0
        with torch.no_grad():
            for batch in loader:
                batch = self.trainer.strategy.batch_to_device(batch)
                image, valid = self._augment(*self._inputs(batch))
                images.append(image)
                valids.append(valid)
                shapes = {n: v.shape[-2:] for n, v in self.model(image).items()}
                sizes.append(shapes)
                count += len(image)
                if count >= self.hparams['init_patches']:
                    break
            shares = self.criterion.estimate(images, valids, sizes)
        for name, share in shares.items():
            self.print(f'{name}: components hold {share:.1%} of the variance')
        self.estimated.fill_(True)

    def _inputs(self, batch: Sample) -> tuple[Tensor, Tensor]:
        """Standardized bands and validity."""
        image: Tensor = batch['image']
        if image.ndim != 4 or image.shape[1] != self.model.in_channels:
            msg = f'images of shape {tuple(image.shape)} do not have the bands red, '
            msg += 'green, blue and near infrared; change the bands of the data'
            raise ValueError(msg)
        valid = finite_pixels(image)
        if 'mask_valid' in batch:
            valid = valid * (batch['mask_valid'].reshape(valid.shape) > 0)
        image = torch.where(valid > 0, image, 0)
        count = valid.sum((2, 3), keepdim=True).clamp(min=1)
        mean = image.sum((2, 3), keepdim=True) / count
        centred = (image - mean) * valid
        std = (centred.square().sum((2, 3), keepdim=True) / count).sqrt()
        # A band that hardly varies is not blown up.
        floor = 0.02 * mean.abs() + 0.1 * std.amax(1, keepdim=True) + 1e-6
        return centred / std.maximum(floor), valid

    def _augment(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Stretch, shift, rescale and turn patches."""
        h = self.hparams
        shape = (len(image), image.shape[1], 1, 1)
        shared = (len(image), 1, 1, 1)

        def normal(size: tuple[int, ...]) -> Tensor:
            return torch.randn(size, device=image.device)

        # Sometimes there is no near infrared, see PlanetFeatures.forward.
        without = torch.rand(shared, device=image.device) < h['nir_dropout']
        nir = image[:, :3].mean(1, keepdim=True).where(without, image[:, 3:])
        image = torch.cat([image[:, :3], nir], 1)
        # Half of a jitter is the same for all bands.
        gain = (h['gain_jitter'] * (normal(shape) + normal(shared)) / 2**0.5).exp()
        offset = h['offset_jitter'] * (normal(shape) + normal(shared)) / 2**0.5
        image = (image * gain + offset) * valid
        low, high = h['scale_range']
        factor = low * (high / low) ** float(torch.rand(()))
        size = max(32, round(image.shape[-1] * factor / 16) * 16)
        if size != image.shape[-1]:
            image = F.interpolate(image, (size, size), mode='bilinear', antialias=True)
            valid = F.interpolate(valid, (size, size))
        turns = int(torch.randint(4, ()))
        image, valid = (torch.rot90(v, turns, (2, 3)) for v in (image, valid))
        if torch.rand(()) < 0.5:
            image, valid = image.flip(3), valid.flip(3)
        return image, valid

    def training_step(
        self, batch: Sample, batch_idx: int, dataloader_idx: int = 0
    ) -> Tensor:
        """Compute the training loss.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.

        Returns:
            The loss tensor.
        """
        require_fit(self)
        image, valid = self._augment(*self._inputs(batch))
        return self._step('train', image, valid)

    def validation_step(
        self, batch: Sample, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Compute the validation loss.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.
        """
        if self.estimated:
            self._step('val', *self._inputs(batch))

    def test_step(self, batch: Sample, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Compute the test loss.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.
        """
        self._step('test', *self._inputs(batch))

    def _step(self, split: str, image: Tensor, valid: Tensor) -> Tensor:
        loss: Tensor
        loss, groups = self.criterion(self.model(image), image, valid)
        size = len(image)
        sync = split != 'train'
        self.log(f'{split}_loss', loss, batch_size=size, prog_bar=True, sync_dist=sync)
        for name, value in groups.items():
            self.log(f'{split}_{name}', value, batch_size=size, sync_dist=sync)
        return loss

    def predict_step(
        self, batch: Sample, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, Any]:
        """Compute features.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.

        Returns:
            Dictionary with the features of each group, 'bounds' and 'transform'.
        """
        features: dict[str, Any] = self.model(self._inputs(batch)[0])
        places = {name: batch.get(name) for name in ('bounds', 'transform')}
        return features | places
