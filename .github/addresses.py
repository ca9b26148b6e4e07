# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Puts the address of the repository into what a package index shows.

    python .github/addresses.py https://HOST/OWNER/NAME v1.2.3

It changes files of this folder: relative links of README.md become absolute, as an index
shows the page without the files beside it, and pyproject.toml gets the links of the
project.
"""

import re
import sys
from pathlib import Path

#: A link or a picture, and where it leads.
_LINK = re.compile(r'(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)')

#: Table of the links of the project.
_URLS = '[project.urls]\n'


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


def project_urls(text: str, repository: str, revision: str) -> str:
    """Add the links of the project.

    Args:
        text: Content of pyproject.toml.
        repository: Address of the repository.
        revision: Tag, branch or commit.

    Returns:
        The content, with links to the code, the documentation, what is new, and issues.
    """
    pages = {
        'Source': '',
        'Documentation': f'/blob/{revision}/docs/index.md',
        'Changelog': f'/blob/{revision}/CHANGELOG.md',
        'Issues': '/issues',
    }
    lines = [f'{name} = "{repository}{page}"\n' for name, page in pages.items()]
    return text.replace(_URLS, _URLS + ''.join(lines))


def main(repository: str, revision: str) -> None:
    """Change the files of this folder.

    Args:
        repository: Address of the repository.
        revision: Tag, branch or commit.
    """
    for name, change in {
        'README.md': absolute_links,
        'pyproject.toml': project_urls,
    }.items():
        file = Path(name)
        text = file.read_text('utf-8')
        file.write_text(change(text, repository, revision), 'utf-8')


if __name__ == '__main__':
    main(*sys.argv[1:])
