# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that estimates the accuracy of a map."""


def assess(
    labels: str, points: str, *, json: str | None = None, output: str | None = None
) -> None:
    """Estimate the accuracy of a map, and the areas of its classes, by points.

    Prints the confusion matrix, overall, user's and producer's accuracy, F1 and the
    area of each class with intervals of 95 %, after Olofsson et al. (2014).

    Args:
        labels: Map of classes.
        points: Vector file of points with the name or the code of their class in a
            column "class", drawn at random in each stratum, as suggest --for assessment
            does. Points that made the map are none.
        json: File for all numbers as JSON.
        output: File for the tables as Markdown.
    """
    from os.path import expanduser
    from pathlib import Path

    from ..maps.assessment import assess_map
    from ..maps.assessment_text import as_json, as_markdown
    from ..maps.output import complete_file, make_folder

    found = assess_map(Path(expanduser(labels)), Path(expanduser(points)))
    text = as_markdown(found)
    print(text)
    files = {}
    if json is not None:
        files[Path(expanduser(json))] = as_json(found)
    if output is not None:
        files[Path(expanduser(output))] = text
    for path, content in files.items():
        make_folder(path.parent)
        with complete_file(path) as temporary:
            temporary.write_text(content, encoding='utf-8')
        print(f'Written: {path}')
