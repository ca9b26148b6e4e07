# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Configuration of the documentation site.

sphinx-build -W docs output/site
"""

import os
import re
from contextlib import redirect_stdout, suppress
from datetime import date
from io import StringIO
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any, ClassVar

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from torchgeo_ktextures import __version__
from torchgeo_ktextures.cli import main

project = 'torchgeo-ktextures'
author = 'The torchgeo-ktextures authors'
project_copyright = f'{date.today().year}, {author}'
version = release = __version__

extensions = [
    'myst_nb',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
    'sphinx_copybutton',
]
exclude_patterns = ['_build']

# Markdown and notebooks. Notebooks keep the output that they were saved with; a test
# runs them.
myst_enable_extensions = ['deflist']
myst_heading_anchors = 3
nb_execution_mode = 'off'

autodoc_typehints = 'description'
autoclass_content = 'both'
toc_object_entries_show_parents = 'hide'
autodoc_member_order = 'bysource'
autodoc_class_signature = 'mixed'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

#: Pages that show files outside of this folder.
_FILES = {
    'benchmarks': 'benchmarks/README.md',
    'changelog': 'CHANGELOG.md',
    'contributing': 'CONTRIBUTING.md',
}
_ROOT = Path(__file__).parents[1]

# Nothing is fetched from the network, neither to build the site nor to read it.
html_math_renderer = 'mathml'
html_theme = 'pydata_sphinx_theme'
html_static_path = ['_static']
html_css_files = ['site.css']
html_title = f'torchgeo-ktextures {version}'
html_theme_options = {
    'navigation_with_keys': False,
    'show_toc_level': 2,
    'secondary_sidebar_items': ['page-toc'],
    'footer_start': ['copyright'],
    'footer_end': [],
}
html_show_sourcelink = False
html_copy_source = False
copybutton_prompt_text = r'\$ |>>> |\.\.\. '
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = '\\'


class CommandHelp(SphinxDirective):
    """The help of a command, as it is printed, but for the summary of its usage."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Print the help into a literal block."""
        os.environ['COLUMNS'] = '72'
        printed = StringIO()
        with redirect_stdout(printed), suppress(SystemExit):
            main([self.arguments[0], '--help'])
        # Options follow in full.
        text = printed.getvalue().partition('\n\n')[2]
        return [nodes.literal_block(text, text, language='text')]


def show_files(app: Sphinx, docname: str, source: list[str]) -> None:
    """Show files of the repository on their pages, and let links lead there."""
    file = _FILES.get(docname, f'docs/{docname}.md')
    if docname in _FILES:
        app.env.note_dependency(f'../{file}')
        source[0] = (_ROOT / file).read_text('utf-8')
    pages = {path: page for page, path in _FILES.items()}

    def lead(match: re.Match[str]) -> str:
        target = normpath(join(dirname(file), match[1]))
        page = f'docs/{pages[target]}.md' if target in pages else target
        return f']({relpath(page, dirname(f"docs/{docname}"))}'

    # Not addresses, nor places on the same page.
    source[0] = re.sub(r'\]\((?!\w+:)([^)#\s]+)', lead, source[0])


def write_math(translator: HTML5Translator, node: nodes.Element) -> None:
    """Write a formula as MathML, which browsers show without a script."""
    as_block = isinstance(node, nodes.math_block)
    translator.body.append(tex2mathml(node.astext(), as_block=as_block))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Add what this site needs beyond the extensions."""
    app.add_html_math_renderer('mathml', (write_math, None), (write_math, None))
    app.add_directive('command-help', CommandHelp)
    app.connect('source-read', show_files)
