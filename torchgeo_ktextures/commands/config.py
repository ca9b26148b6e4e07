# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that finds the configurations that come with the package."""

import re
from pathlib import Path


def config(
    name: str | None = None, *, output: str | None = None, path: bool = False
) -> None:
    """List the configurations that come with the package, or take one of them.

    With its path, a command of TorchGeo reads it where it is; a copy is for changing.

    Args:
        name: Configuration, such as quickstart. Without one, all are listed.
        output: File to write a copy to; it must not be there yet.
        path: Whether to print nothing but the path, for the --config of torchgeo fit.
    """
    from os.path import expanduser

    from ..maps.output import complete_file

    files = _files()
    if name is None:
        if output is not None or path:
            raise ValueError(f'no name is given; choose one of {", ".join(files)}')
        for known, file in files.items():
            text = file.read_text('utf-8').replace('\n# ', ' ').removeprefix('# ')
            sentence = re.split(r'[:;.]\s', text, maxsplit=1)[0]
            print(f'{known:18} {sentence}')
        return
    if name not in files:
        msg = f'there is no configuration {name!r}; choose one of {", ".join(files)}'
        raise ValueError(msg)
    source = files[name]
    if output is not None:
        target = Path(expanduser(output))
        if target.exists():
            msg = f'{target} is there already; move it away, or choose another name'
            raise ValueError(msg)
        with complete_file(target) as temporary:
            temporary.write_text(source.read_text('utf-8'), encoding='utf-8')
    print(source if path or output is None else f'Written:\n  {output}')


def _files() -> dict[str, Path]:
    """Paths of the configurations by name."""
    package = Path(__file__).parents[1]
    folders = package / 'configs', package.parent / 'configs'
    folder = next(folder for folder in folders if folder.is_dir())
    return {file.stem: file for file in sorted(folder.glob('*.yaml'))}
