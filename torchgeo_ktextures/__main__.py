# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""``python -m torchgeo_ktextures`` is the torchgeo-ktextures command."""

from .cli import main

if __name__ == '__main__':
    main()
