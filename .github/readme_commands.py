# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Prepares a folder in which the commands of the README run without a clone.

    python .github/readme_commands.py README.md FOLDER

They are those of its blocks, without ``uv run`` and what is for the clone alone. The
folder gets the files that they name; configurations come from the package.
"""

import re
import shutil
import sys
from pathlib import Path

#: What needs the clone, in which the README runs its commands.
CLONE_ONLY = ('pytest', 'sphinx-build')

#: Where the shipped scene lies in a clone, as the README calls it.
SCENE = 'torchgeo_ktextures/datasets/data/l7_olinda.tif'


def commands(text: str) -> list[str]:
    """Find the commands of a page.

    Args:
        text: Page in Markdown.

    Returns:
        Lines of a script of bash.
    """
    lines = []
    for language, block in re.findall(r'(?ms)^```(console|python)$\n(.*?)^```$', text):
        if language == 'python':
            lines += ["python - <<'END'", block.rstrip(), 'END']
            continue
        for command in re.split(r'(?m)^\$ ', block)[1:]:
            command = command.rstrip().removeprefix('pip install uv && ')
            command = command.removeprefix('uv run ')
            if not command.startswith(CLONE_ONLY):
                lines.append(command)
    return lines


def main(page: Path, folder: Path) -> None:
    """Prepare the folder.

    Args:
        page: The README.
        folder: Folder to make.
    """
    folder.mkdir()
    (folder / 'docs').mkdir()
    for points in (page.parent / 'docs').glob('*.geojson'):
        shutil.copy(points, folder / 'docs')
    scene = (
        f'mkdir -p {Path(SCENE).parent} && cp "$FOUND" {SCENE} && cp "$FOUND" SCENE.tif'
    )
    find = 'from torchgeo_ktextures.datasets import Olinda; print(Olinda.path)'
    script = [
        'set -eux',
        'cp -r "$(dirname "$(torchgeo-ktextures config quickstart --path)")" configs',
        f'FOUND=$(python -c "{find}")',
        scene,
        *commands(page.read_text('utf-8')),
    ]
    (folder / 'commands.sh').write_text('\n'.join(script) + '\n', 'utf-8')


if __name__ == '__main__':
    main(Path(sys.argv[1]), Path(sys.argv[2]))
