# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Operations on finished label maps, without torch."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .area import class_areas_ha, pixel_area_ha
    from .blocks import Blocks, split_blocks
    from .chips import write_chips
    from .cog import finish_cog
    from .legend import ClassEntry, read_classes, write_classes
    from .points import write_points
    from .polygons import write_polygons
    from .relabel import NamedClass, relabel_map

__all__ = (
    'Blocks',
    'ClassEntry',
    'NamedClass',
    'class_areas_ha',
    'finish_cog',
    'pixel_area_ha',
    'read_classes',
    'relabel_map',
    'split_blocks',
    'write_chips',
    'write_classes',
    'write_points',
    'write_polygons',
)

__getattr__, __dir__ = lazy_names(__name__)
