# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From scenes to maps: what the commands that need a model do, step by step."""
