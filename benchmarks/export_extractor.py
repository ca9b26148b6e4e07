# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Stores the student of a distillation as weights to ship.

python -m benchmarks.export_extractor CHECKPOINT FOLDER
"""

import argparse
import hashlib
from pathlib import Path

import torch
from safetensors.torch import save

from torchgeo_ktextures.models import planet_features


def main() -> None:
    """Write the weights, in half precision and named by their SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint')
    parser.add_argument('folder', type=Path)
    args = parser.parse_args()
    state = planet_features(args.checkpoint).state_dict()
    content = save(
        {
            name: value.half() if value.dtype == torch.float32 else value
            for name, value in state.items()
            if not name.endswith('num_batches_tracked')
        }
    )
    digest = hashlib.sha256(content).hexdigest()[:8]
    path = args.folder / f'planet_features_vgg16-{digest}.safetensors'
    path.write_bytes(content)
    print(f'{path}: {len(content)} bytes')


if __name__ == '__main__':
    main()
