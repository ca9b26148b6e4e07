# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Benchmarks of k-textures, run from the root of the repository."""
