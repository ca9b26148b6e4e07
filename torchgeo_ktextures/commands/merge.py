# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that merges the classes of a map that are most alike."""


def merge(labels: str, output: str, *, n_clusters: int) -> None:
    """Merge the classes of a map that are most alike, until a number of them is left.

    Every map that segment writes knows which of its classes are alike, so that nothing
    is fitted again: ask segment for more classes than needed, and choose a number
    afterwards, as with the slider of the report. A merged class keeps the number and
    the colour of its larger part.

    Args:
        labels: Map of clusters, as segment writes it.
        output: Map to write, a Cloud Optimized GeoTIFF with colours.
        n_clusters: Number of classes wanted.
    """
    from os.path import expanduser
    from pathlib import Path

    from ..maps.merging import merge_map
    from ..maps.sidecars import sidecar_paths

    target = Path(expanduser(output))
    found = merge_map(Path(expanduser(labels)), target, n_clusters)
    total = max(sum(c.pixels for c in found), 1)
    hectares = all(c.area_ha is not None for c in found)
    size = 'hectares' if hectares else 'pixels'
    print(f'\nclass {size:>16}   share  made of')
    for c in found:
        amount = f'{c.area_ha:16,.2f}' if hectares else f'{c.pixels:16,}'
        parts = ', '.join(map(str, c.parts))
        print(f'{c.code:5} {amount} {c.pixels / total:7.1%}  {parts}')
    print('\nWritten:', target, *sidecar_paths(target), sep='\n  ')
