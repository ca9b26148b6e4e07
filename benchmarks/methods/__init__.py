# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Methods of the benchmark: k-textures and its peers."""

# Nothing is imported here: a process imports no other method than its own.
