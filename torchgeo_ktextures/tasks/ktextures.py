# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The k-textures task."""

import math
import os
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from matplotlib.figure import Figure
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR
from torchgeo.datasets.utils import Sample
from torchgeo.tasks import BaseTask
from torchvision.models._api import WeightsEnum

from ..clustering import FeatureClusters, Init
from ..datasets import core_pixels
from ..losses import FeatureSimilarityLoss, KTexturesLoss
from ..metrics import ClusterMatching
from ..models import KTexturesModel, make_extractors
from .figure import plot_ktextures
from .initialization import follow_textures
from .restarts import RestartMixin


class KTextures(RestartMixin, BaseTask):
    """k-textures: unsupervised segmentation into k hard classes.

    A mask network splits the image into k binary masks, k generators make one texture
    each, and masks times textures simulate the image. The loss compares features of
    the real and the simulated image, so that a class is a texture in context.

    Expects ``image`` (B, C, H, W) in any unit and, optionally, ``mask_valid``
    (B, 1, H, W) and ``mask`` (B, H, W). Bands are normalized inside the model.

    If you use this task in your research, please cite the following paper:

    * https://arxiv.org/abs/2205.08671
    """

    ignore = ('weights', 'backbone_weights')
    monitor = 'train_loss'

    #: What is shown when training ends: the first batch of the last validation.
    shown: Sample | None = None

    #: Whether to draw a picture when training ends.
    draws = True

    def __init__(
        self,
        num_classes: int = 8,
        in_channels: int = 4,
        mask_stride: int = 4,
        features: Sequence[str] = ('color', 'planet_stride4', 'planet_stride8'),
        feature_weights: Sequence[float] | None = None,
        weights: WeightsEnum | str | bool | None = None,
        backbone: str | None = None,
        backbone_weights: WeightsEnum | str | bool | None = None,
        backbone_bands: Sequence[int] = (0, 1, 2),
        backbone_mean: Sequence[float] | float = 0.0,
        backbone_std: Sequence[float] | float = 1.0,
        init: Literal['mixture', 'kmeans', 'random'] = 'mixture',
        warm_start: bool | None = None,
        warm_start_fraction: float = 0.4,
        assignment_weight: float = 3.0,
        n_init: int = 1,
        init_patches: int = 256,
        initial_slope: float = 0.25,
        final_slope: float = 1.0,
        lr: float = 1e-3,
        generator_lr: float = 1e-2,
        num_target_classes: int | None = None,
        ignore_index: int = 255,
    ) -> None:
        """Initialize a new KTextures instance.

        Args:
            num_classes: Number of classes, k.
            in_channels: Number of bands, in the order red, green, blue, near infrared
                and any others.
            mask_stride: Scale in pixels at which classes may change (1, 2, 4, 8 or
                16): the smallest region worth a class.
            features: Groups of features to compare: 'color' (local means), 'texture'
                (local filter energies), 'planet_stride2', 'planet_stride4' and
                'planet_stride8' (the light extractor that comes with the package),
                'vgg16_relu3_3', 'vgg16_relu4_3' and other VGG-16 layers on the RGB and
                the NIR-R-G composite, 'backbone_<layer>' and 'keras_<layer>'.
            feature_weights: Weight of each group (defaults to 1 for 'color' and 0.5
                for the others).
            weights: VGG-16 weights: a torchvision weight enum, True for
                ``VGG16_Weights.IMAGENET1K_FEATURES``, or the path of a safetensors or
                PyTorch state dict. Or a checkpoint of FeatureDistillation for the
                'planet' groups, which have weights by default.
            backbone: Model of timm or TorchGeo whose layers are the 'backbone' groups,
                or path of a Keras file, whose layers are the 'keras' groups.
            backbone_weights: Full name of weights of TorchGeo, True for those of timm,
                or the path of a state dict.
            backbone_bands: Index of the band for each channel of the backbone; -1
                leaves a channel at its mean.
            backbone_mean: Mean of each channel that the backbone expects; 0 for timm.
            backbone_std: Standard deviation of each channel, likewise; 1 for timm.
            init: What classes begin with: a 'mixture' of local moments and features,
                'kmeans' on features, or 'random' masks and textures. With the first
                two, training begins with cross-entropy towards these clusters, while
                the textures learn from them; with 'random', nothing of clusters reaches
                masks, targets or textures.
            warm_start: Deprecated; False is ``init='random'``.
            warm_start_fraction: Share of the steps given to the warm start.
            assignment_weight: Weight of the cross-entropy towards the class that fits
                each cell best, beside the similarity of features.
            n_init: Number of restarts that share the steps; the one with the lowest
                loss on a fixed sample is kept.
            init_patches: Number of training patches from which statistics and
                clusters are estimated.
            initial_slope: Slope of the backward pass of the hard masks, at first.
            final_slope: Slope of the backward pass of the hard masks, at last.
            lr: Learning rate of the mask network.
            generator_lr: Learning rate of the texture generators.
            num_target_classes: Number of classes of the labels used to validate and
                test, if any (defaults to *num_classes*).
            ignore_index: Label of pixels that have none.

        Raises:
            ValueError: If an argument is out of its range.
        """
        self.weights = weights
        self.backbone_weights = backbone_weights
        super().__init__()

    def configure_models(self) -> None:
        """Initialize the model."""
        h = self.hparams
        self.model = KTexturesModel(
            h['in_channels'], h['num_classes'], h['mask_stride']
        )
        self.register_buffer('fitted', torch.tensor(False))

    def configure_losses(self) -> None:
        """Initialize the loss criterion."""
        h = self.hparams
        names: list[str] = list(h['features'])
        default = [1.0 if name == 'color' else 0.5 for name in names]
        values: list[float] = list(h['feature_weights'] or default)
        if len(values) != len(names):
            msg = f'{len(values)} feature_weights for {len(names)} features '
            msg += f'({", ".join(names)}); give one weight per feature group'
            raise ValueError(msg)
        extractors = make_extractors(
            names,
            h['in_channels'],
            self.weights,
            h['backbone'],
            self.backbone_weights,
            h['backbone_bands'],
            h['backbone_mean'],
            h['backbone_std'],
        )
        by_name = dict(zip(names, values, strict=True))
        similarity = FeatureSimilarityLoss(extractors, by_name)
        groups = {n: (c, e.window) for e in extractors for n, c in e.channels.items()}
        clusters = FeatureClusters(
            groups, by_name, h['num_classes'], h['in_channels'], h['mask_stride']
        )
        self.criterion = KTexturesLoss(similarity, clusters, h['assignment_weight'])

    def configure_metrics(self) -> None:
        """Initialize the performance metrics."""
        h = self.hparams
        self.init = _init_of(h['init'], h['warm_start'])
        for name in ('n_init', 'init_patches'):
            if h[name] < 1:
                raise ValueError(f'{name}={h[name]} must be at least 1')
        for name in ('initial_slope', 'final_slope', 'lr', 'generator_lr'):
            if not h[name] > 0:
                raise ValueError(f'{name}={h[name]} must be positive')
        if not 0 < h['warm_start_fraction'] < 1:
            msg = f'warm_start_fraction={h["warm_start_fraction"]} must be between 0 '
            msg += "and 1; use init='random' to go without"
            raise ValueError(msg)
        k: int = h['num_classes']
        targets: int = h['num_target_classes'] or k
        self.val_metrics = ClusterMatching(k, targets, h['ignore_index'])
        self.test_metrics = ClusterMatching(k, targets, h['ignore_index'])

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Initialize the optimizer and learning rate scheduler.

        Returns:
            Optimizer and a learning rate scheduler that steps with the optimizer.

        Raises:
            ValueError: If the number of steps is not known.
        """
        if not math.isfinite(self.trainer.estimated_stepping_batches):
            msg = 'the number of training steps is not known; '
            msg += 'set trainer.max_epochs or trainer.max_steps'
            raise ValueError(msg)
        optimizer = Adam(
            [
                {'params': self.model.mask_network.parameters()},
                {
                    'params': self.model.generators.parameters(),
                    'lr': self.hparams['generator_lr'],
                },
            ],
            lr=self.hparams['lr'],
        )
        # Half a cosine over each restart, to a tenth.
        scheduler = LambdaLR(
            optimizer,
            lambda step: 0.55 + 0.45 * math.cos(math.pi * self._progress(step)),
        )
        return {
            'optimizer': optimizer,
            'lr_scheduler': {'scheduler': scheduler, 'interval': 'step'},
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Load what restarts need, and refuse models of other versions.

        Args:
            checkpoint: Checkpoint to load from.

        Raises:
            ValueError: If it was written before version 0.3.
        """
        if 'model.prior.trust' in checkpoint.get('state_dict', {}):
            msg = 'it was written by a version before 0.3, which described classes in '
            raise ValueError(f'{msg}another way; fit again, or use that version')
        super().on_load_checkpoint(checkpoint)

    def on_fit_start(self) -> None:
        """Check the arguments against the trainer and the extractor.

        Raises:
            ValueError: If VGG-16 features are asked for without weights.
        """
        names = [n for n in self.hparams['features'] if n.startswith('vgg16')]
        if names and not self.weights and not self.fitted:
            msg = f'{names[0]} needs weights; set weights to true (downloads the '
            msg += 'ImageNet weights) or to the path of a VGG-16 state dict'
            raise ValueError(msg)

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
        image, valid = self._inputs(batch)
        h = self.hparams
        done = self._progress(self.global_step)
        warm = self.init != 'random' and done < h['warm_start_fraction']
        if not warm and self.global_step % 4 == 0:
            follow_textures(self.model, self.criterion, rate=0.3)
        slope = h['initial_slope'] * (h['final_slope'] / h['initial_slope']) ** done
        parts = self.criterion(self.model, image, valid, slope, warm)
        self._log_parts('train', parts, len(image))
        loss: Tensor = parts['loss']
        return loss

    def _log_parts(self, split: str, parts: dict[str, Tensor], size: int) -> None:
        def log(name: str, value: Tensor, **kwargs: Any) -> None:
            # Processes agree at the end of an epoch; in training each step is logged.
            sync = split != 'train'
            self.log(
                f'{split}_{name}', value, batch_size=size, sync_dist=sync, **kwargs
            )

        # Phases have different terms; what both have is comparable.
        log('loss', parts['similarity'], prog_bar=True)
        for name, value in parts.items():
            if name not in ('loss', 'similarity', 'occupancy'):
                log(name, value)
        occupancy = parts['occupancy']
        entropy = -(occupancy * occupancy.clamp(min=1e-12).log()).sum()
        normalized = entropy / math.log(len(occupancy))
        log('entropy', normalized, prog_bar=True)
        # Many numbers, of which loggers take those of some steps.
        every = self.trainer.log_every_n_steps if self.loggers else 0  # type: ignore[attr-defined]
        if split != 'train' or (every and (self.global_step + 1) % every == 0):
            for i, share in enumerate(occupancy):
                log(f'occupancy_{i}', share)

    def validation_step(
        self, batch: Sample, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Compute the validation loss and plot the first batches.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.
        """
        if not self.fitted:
            return  # the sanity check before training
        self._evaluate('val', batch)
        if batch_idx == 0:
            self.shown = dict(zip(('image', 'mask_valid'), self._inputs(batch)))
        writer: Any = getattr(self.logger, 'experiment', None)
        if batch_idx < 10 and hasattr(writer, 'add_figure'):
            figure = self._figure(batch)
            writer.add_figure(f'image/{batch_idx}', figure, self.global_step)

    def test_step(self, batch: Sample, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Compute the test loss and, with masks, the matched accuracy and mIoU.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.
        """
        self._evaluate('test', batch)

    def _evaluate(self, split: Literal['val', 'test'], batch: Sample) -> None:
        image, valid = self._inputs(batch)
        noise = torch.Generator().manual_seed(0)
        parts = self.criterion(self.model, image, valid, generator=noise)
        self._log_parts(split, parts, len(image))
        if 'mask' in batch:
            metric = self.val_metrics if split == 'val' else self.test_metrics
            labels = self.model(image, valid).argmax(1)
            target = batch['mask'].reshape(labels.shape)
            keep = (valid[:, 0] > 0) & core_pixels(batch, labels)
            metric.update(labels[keep], target[keep])

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the epoch."""
        self._log_metrics('val', self.val_metrics)

    def on_test_epoch_end(self) -> None:
        """Log the metrics of the epoch."""
        self._log_metrics('test', self.test_metrics)

    def _log_metrics(self, split: str, metric: ClusterMatching) -> None:
        if metric.update_called:
            for name, value in metric.compute().items():
                self.log(f'{split}_{name}', value)
        metric.reset()

    def on_validation_start(self) -> None:
        """Refuse to validate an unfitted model."""
        if not self.trainer.sanity_checking:
            self._require_fitted('validate')

    def on_test_start(self) -> None:
        """Refuse to test an unfitted model."""
        self._require_fitted('test')

    def on_train_end(self) -> None:
        """Plot the first scene to ``ktextures.png`` in the folder of the logs."""
        trainer = self.trainer
        folder = trainer.log_dir or trainer.default_root_dir
        silent = getattr(trainer, 'fast_dev_run', False) or not self.draws
        if silent or not trainer.is_global_zero:
            return
        sample = zip(('image', 'mask_valid'), self.sample, strict=True)
        figure = self._figure(self.shown or {k: v[0][:1] for k, v in sample})
        os.makedirs(folder, exist_ok=True)
        figure.savefig(os.path.join(folder, 'ktextures.png'), dpi=100)

    @torch.no_grad()
    def _figure(self, batch: Sample) -> Figure:
        """Plot the first image of a batch."""
        training = self.training
        self.eval()
        image, valid = (value[:1] for value in self._inputs(batch))
        noise = torch.Generator().manual_seed(0)
        logits = self.model(image, valid)
        size = min(64, *image.shape[-2:])
        figure = plot_ktextures(
            image[0],
            valid[0],
            logits[0].argmax(0),
            self.model.reconstruct(logits, noise)[0],
            self.model.normalizer.inverse(
                self.model.generators(1, (size, size), noise)[0]
            ),
            title=f'{type(self).__name__}, {self.hparams["num_classes"]} classes',
        )
        self.train(training)
        return figure


def _init_of(init: Init, warm_start: bool | None) -> Init:
    """What classes begin with, by the present argument or the deprecated one."""
    if init not in ('mixture', 'kmeans', 'random'):
        raise ValueError(f"init={init!r} must be 'mixture', 'kmeans' or 'random'")
    if warm_start is None:
        return init
    msg = 'warm_start is deprecated: '
    msg += 'leave it out' if warm_start else "use init='random'"
    warnings.warn(msg, DeprecationWarning, stacklevel=2)
    return init if warm_start else 'random'
