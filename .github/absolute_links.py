# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Makes relative links of a Markdown file absolute, in place.

A package index shows the README without the files beside it.

python .github/absolute_links.py README.md https://HOST/OWNER/NAME v1.2.3
"""

import re
import sys
from pathlib import Path

#: A link or a picture, and where it leads.
_LINK = re.compile(r'(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)')


def absolute_links(text: str, repository: str, revision: str) -> str:
    """Make relative links absolute.

    Args:
        text: Markdown.
        repository: Address of the repository.
        revision: Tag, branch or commit.

    Returns:
        Markdown in which pictures lead to raw files and links to pages of the
        repository. Addresses and links within the page stay.
    """

    def replace(match: re.Match[str]) -> str:
        picture, label, target = match.groups()
        if not picture:
            label = _LINK.sub(replace, label)
        if not re.match(r'#|\w+:', target):
            kind = 'raw' if picture else 'blob'
            target = f'{repository}/{kind}/{revision}/{target}'
        return f'{picture}[{label}]({target})'

    return _LINK.sub(replace, text)


if __name__ == '__main__':
    name, *where = sys.argv[1:]
    file = Path(name)
    file.write_text(absolute_links(file.read_text('utf-8'), *where), 'utf-8')
