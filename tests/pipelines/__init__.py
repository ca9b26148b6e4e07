# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.
