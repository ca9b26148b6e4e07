# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command line, as a user calls it."""

from torchgeo_ktextures.cli import main


def run(*args: object) -> None:
    main([str(arg) for arg in args])
