# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Commands of the command line, each a function."""
