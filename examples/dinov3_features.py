# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Map of a scene by the features of DINOv3, or of another backbone, and by colour.

    python examples/dinov3_features.py scene.tif --weights dinov3_vitb16.pth

Without --weights, timm downloads them. Those of DINOv3 have a licence of their own, which
you have to agree to. There are weights from satellite images as well:

    python examples/dinov3_features.py scene.tif --backbone dinov3_sat
"""

import argparse
from collections.abc import Sequence

from lightning.pytorch import Trainer

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.callbacks import GeoTIFFWriter


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit on a scene, and map it.

    Args:
        arguments: Arguments of the command (defaults to those of the process).
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('scene', help='raster of red, green, blue and near infrared')
    parser.add_argument('--weights', help='file of weights, or false for random ones')
    parser.add_argument('--backbone', default='dinov3', help='see docs/backbones.md')
    parser.add_argument('--output', default='maps', help='folder of the map')
    parser.add_argument('--n-clusters', type=int, default=8, help='number of classes')
    parser.add_argument('--steps', type=int, default=100, help='training steps')
    parser.add_argument('--patch-size', type=int, default=224, help='in pixels')
    options = parser.parse_args(arguments)
    segmenter = KTexturesSegmenter(
        options.n_clusters,
        features=['color'],
        backbone=options.backbone,
        backbone_weights=options.weights,
        # A transformer sees more in larger patches than the default of 96 pixels.
        patch_size=options.patch_size,
        max_steps=options.steps,
        random_state=0,
    )
    segmenter.fit_model([options.scene])
    writer = GeoTIFFWriter(options.output)
    trainer = Trainer(callbacks=[writer], logger=False, enable_checkpointing=False)
    trainer.predict(
        segmenter.task_,
        datamodule=segmenter.inputs_of([options.scene]).data,
        return_predictions=False,
    )
    print(*writer.outputs, sep='\n')


if __name__ == '__main__':
    main()
