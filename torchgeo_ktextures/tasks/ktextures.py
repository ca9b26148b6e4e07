# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The k-textures task."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR
from torchgeo.tasks import BaseTask
from torchvision.models._api import WeightsEnum

from ..callbacks import FinalTextures, MaskAveraging, Restarts
from ..callbacks.schedule import Schedule
from ..clustering import FeatureClusters
from ..datasets.sample import Sample
from ..inference.fitted import complete_state
from ..losses import FeatureSimilarityLoss, KTexturesLoss
from ..metrics import ClusterMatching
from ..models import KTexturesModel, make_extractors
from ..models.backbones import find_backbone
from .arguments import group_weights, init_of, require_fit
from .initialization import follow_textures
from .start import StartMixin


class KTextures(StartMixin, BaseTask):
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

    def __init__(
        self,
        num_classes: int = 8,
        in_channels: int = 4,
        mask_stride: int = 4,
        features: Sequence[str] = (
            'color',
            'texture',
            'planet_stride4',
            'planet_stride8',
        ),
        feature_weights: Sequence[float] | None = None,
        weights: WeightsEnum | str | bool | None = None,
        backbone: str | None = None,
        backbone_weights: WeightsEnum | str | bool | None = None,
        backbone_bands: Sequence[int] | None = None,
        backbone_mean: Sequence[float] | float | None = None,
        backbone_std: Sequence[float] | float | None = None,
        backbone_share: float = 0.5,
        backbone_upsampling: Literal['bilinear', 'shifted'] = 'bilinear',
        backbone_args: dict[str, Any] | None = None,
        init: Literal['mixture', 'kmeans', 'random'] = 'mixture',
        warm_start: bool | None = None,
        warm_start_fraction: float = 0.4,
        assignment_weight: float = 3.0,
        n_init: int = 1,
        init_patches: int = 256,
        initial_slope: float = 0.25,
        final_slope: float = 1.0,
        lr: float = 3e-3,
        generator_lr: float = 1e-2,
        num_target_classes: int | None = None,
        ignore_index: int = 255,
        nodata: float | None = None,
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
                the NIR-R-G composite, 'keras_<layer>', 'backbone' (the last layer of
                a network), 'backbone_<layer>', and short names of such networks with
                their weights, as 'dinov3', 'dinov3_sat', 'dinov2', 'clip', 'mae', see
                docs/backbones.md.
            feature_weights: Weight of each group (defaults to 1 for 'texture' and
                0.5 for the others).
            weights: VGG-16 weights: a torchvision weight enum, True for
                ``VGG16_Weights.IMAGENET1K_FEATURES``, or the path of a safetensors or
                PyTorch state dict. Or a checkpoint of FeatureDistillation for the
                'planet' groups, which have weights by default.
            backbone: Model of timm or TorchGeo, full name of weights of TorchGeo, or
                short name, whose layers are the 'backbone' groups; or path of a Keras
                file, whose layers are the 'keras' groups.
            backbone_weights: Full name of weights of TorchGeo, True for those of timm,
                the path of a state dict, or False for random ones (defaults to those
                that its name stands for).
            backbone_bands: Index of the band for each channel of the backbone; -1
                leaves a channel at its mean (defaults to what its weights tell).
            backbone_mean: Mean of each channel that the backbone expects of
                standardized bands (defaults to what its weights tell).
            backbone_std: Standard deviation of each channel, likewise.
            backbone_share: How much features count at least where a backbone is named,
                from 0 to 1: colour, which would be all where it goes on in space,
                counts at most one less this.
            backbone_upsampling: Whether features of a backbone are interpolated
                ('bilinear'), or computed on a grid twice as fine by four passes over
                shifted images ('shifted').
            backbone_args: Other arguments of the backbone, such as ``res`` of ScaleMAE,
                and ``wavelengths`` in micrometres of its bands for those that take any.
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
            nodata: Value of all bands of a pixel without data, in batches that do not
                tell by ``mask_valid``: 0 for what TorchGeo fills in around scenes.

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
        self.register_buffer('linkage', torch.zeros(h['num_classes'] - 1, 4))
        self.between_steps = [MaskAveraging(), Restarts(), FinalTextures()]

    def configure_losses(self) -> None:
        """Initialize the loss criterion."""
        h = self.hparams
        names: list[str] = list(h['features'])
        default = {name: 1.0 if name == 'texture' else 0.5 for name in names}
        weights = group_weights(default, h['feature_weights'])
        extractors = make_extractors(
            names,
            h['in_channels'],
            self.weights,
            h['backbone'],
            self.backbone_weights,
            h['backbone_bands'],
            h['backbone_mean'],
            h['backbone_std'],
            h['backbone_upsampling'],
            h['backbone_args'],
            fetch=False,
        )
        if h['backbone'] and any(name.startswith('backbone') for name in names):
            # Weights are not among the parameters of a checkpoint; their name is.
            found = find_backbone(h['backbone'], self.backbone_weights)
            h['backbone'] = found.name
        similarity = FeatureSimilarityLoss(extractors, weights)
        groups = {n: (c, e.window) for e in extractors for n, c in e.channels.items()}
        clusters = FeatureClusters(
            groups, weights, h['num_classes'], h['in_channels'], h['mask_stride']
        )
        if similarity.frozen:
            if not 0 <= h['backbone_share'] <= 1:
                msg = f'backbone_share={h["backbone_share"]} must be from 0 to 1'
                raise ValueError(msg)
            clusters.space.most_color = 1 - h['backbone_share']
        self.criterion = KTexturesLoss(similarity, clusters, h['assignment_weight'])

    def configure_metrics(self) -> None:
        """Initialize the performance metrics."""
        h = self.hparams
        self.init = init_of(h['init'], h['warm_start'])
        if self.init == 'random' and self.criterion.similarity.frozen:
            msg = "init='random' compares features of generated textures, of which a "
            msg += 'backbone makes none; leave it out, or use other features than '
            raise ValueError(msg + ', '.join(sorted(self.criterion.similarity.frozen)))
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
            lambda step: 0.55 + 0.45 * math.cos(math.pi * self.schedule.progress(step)),
        )
        return {
            'optimizer': optimizer,
            'lr_scheduler': {'scheduler': scheduler, 'interval': 'step'},
        }

    def configure_callbacks(self) -> list[Callback]:
        """Tell what happens between steps, before a checkpoint is written.

        Returns:
            Callbacks in their order.
        """
        return [*self.between_steps]

    @property
    def schedule(self) -> Schedule:
        """Division of the steps among restarts."""
        steps = int(self.trainer.estimated_stepping_batches)
        return Schedule(steps, self.hparams['n_init'])

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse models of other versions.

        Args:
            checkpoint: Checkpoint to load from.

        Raises:
            ValueError: If it was written before version 0.4.
        """
        complete_state(checkpoint.get('state_dict', {}))

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
        image, valid = self._inputs(batch)
        h = self.hparams
        done = self.schedule.progress(self.global_step)
        warm = self.init != 'random' and done < h['warm_start_fraction']
        if self.init == 'random' and self.global_step % 4 == 0:
            # Without clusters, nothing but the textures says what the classes are.
            follow_textures(self.model, self.criterion, rate=0.3)
        slope = h['initial_slope'] * (h['final_slope'] / h['initial_slope']) ** done
        labels = None
        if self.labelled is not None:
            image, valid, labels = self.labelled.draw(len(image))
        parts = self.criterion(self.model, image, valid, slope, warm, labels=labels)
        self._log_parts('train', parts, len(image))
        loss: Tensor = parts['loss']
        return loss
