# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Operations on finished label maps, without torch."""

from .area import class_areas_ha, pixel_area_ha

__all__ = ('class_areas_ha', 'pixel_area_ha')
