# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Labelled sets of the benchmark."""

from .folders import folder_tasks
from .task import Image, Labels, Task, valid_pixels

__all__ = ('Image', 'Labels', 'Task', 'folder_tasks', 'valid_pixels')
