# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Names of packages that are loaded when someone asks for them."""

import ast
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.abc import InspectLoader
from typing import Any, cast


def lazy_names(
    package: str,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Load what a package imports ``if TYPE_CHECKING`` when someone asks for it.

    So a process loads only what it needs, and type checkers see usual imports.

    Args:
        package: Name of the package, whose module calls this.

    Returns:
        ``__getattr__`` and ``__dir__`` of the package.
    """
    module = sys.modules[package]
    assert module.__spec__ is not None
    loader = cast(InspectLoader, module.__spec__.loader)
    places = dict(names_in(loader.get_source(package) or ''))

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        value = getattr(import_module(places[name], package), name)
        setattr(module, name, value)  # for the next time
        return value

    def names() -> list[str]:
        return sorted({*vars(module), *places})

    return get, names


def names_in(source: str) -> Iterator[tuple[str, str]]:
    """Find what is imported ``if TYPE_CHECKING``.

    Args:
        source: Text of the module of a package.

    Yields:
        Names, and the module of each as seen from the package.
    """
    for part in ast.parse(source).body:
        if isinstance(part, ast.If) and ast.unparse(part.test) == 'TYPE_CHECKING':
            for node in part.body:
                assert isinstance(node, ast.ImportFrom)
                for alias in node.names:
                    yield alias.name, f'{"." * node.level}{node.module}'
