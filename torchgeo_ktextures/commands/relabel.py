# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that names and cleans the classes of a map."""


def relabel(
    labels: str,
    output: str,
    *,
    classes: str | None = None,
    points: str | None = None,
    min_agreement: float = 0,
    confidence: str | None = None,
    min_confidence: int = 0,
    min_area: str | None = None,
    majority: int | None = None,
) -> None:
    """Name the classes of a map, and clean it.

    Clusters of the same name become one class. What is asked for is done in this order:
    names, majority filter, patches of points, minimum mapping unit, confidence.
    Clusters are named as a whole: where points on one cluster disagree, classify makes
    a better map of them.

    Args:
        labels: Map of clusters.
        output: Map to write, a Cloud Optimized GeoTIFF with colours, an attribute
            table, and a style for QGIS of the same name with .qml.
        classes: YAML file of names and colours, as segment writes it beside the map.
        points: Vector file of points with names in a column "class". Clusters without
            a name get that of most of their points, and are dropped where they have
            none. A patch with a point in it that ends within 512 pixels of it gets its
            name even where the cluster has another one.
        min_agreement: Share, 0 to 1, of the points of a cluster that must agree; the
            other clusters are dropped but for such patches.
        confidence: Raster of the confidence of each pixel, 0 to 100 percent.
        min_confidence: Pixels of a lower confidence become nodata, so that nothing
            is trained on them.
        min_area: Minimum mapping unit, such as 0.5ha or 20px: smaller patches,
            connected by edges, are merged into their largest neighbour.
        majority: Height and width in pixels, odd, of the neighbourhood whose most
            frequent class each pixel gets.
    """
    from os.path import expanduser
    from pathlib import Path

    from ..maps import read_classes, relabel_map
    from ..maps.output import check_map_name
    from ..maps.sidecars import sidecar_paths

    target = Path(expanduser(output))
    check_map_name(target)
    entries = None if classes is None else read_classes(expanduser(classes))
    if entries is not None and entries.encoding == 'cp1252':
        print(f'{classes} is not Unicode; it is read as cp1252, as Windows saves it')
    found = relabel_map(
        Path(expanduser(labels)),
        entries,
        target,
        points=None if points is None else Path(expanduser(points)),
        min_agreement=min_agreement,
        confidence=None if confidence is None else Path(expanduser(confidence)),
        min_confidence=min_confidence,
        min_area=min_area,
        majority=majority,
        say=print,
    )
    total = max(sum(c.pixels for c in found), 1)
    for code, c in enumerate(found):
        area = '' if c.area_ha is None else f' {c.area_ha:14,.2f} ha'
        print(f'{code:5} {c.name:24} {c.pixels:12,} px{area} {c.pixels / total:6.1%}')
    print('Written:', target, *sidecar_paths(target), sep='\n  ')
