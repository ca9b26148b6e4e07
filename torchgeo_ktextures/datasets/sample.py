# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What datasets yield."""

from torch import Tensor

#: Tensors by name, as TorchGeo has it, which takes long to load.
Sample = dict[str, Tensor]
