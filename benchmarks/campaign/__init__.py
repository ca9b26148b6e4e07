# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Damaged inputs: what the commands do with them, see :mod:`.__main__`."""
