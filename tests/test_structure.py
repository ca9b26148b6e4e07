# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How modules depend on each other."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path

import pytest

import torchgeo_ktextures
from torchgeo_ktextures.lazy import names_in

ROOT = Path(torchgeo_ktextures.__file__).parent


def modules() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob('*.py'):
        parts = (ROOT.name, *path.relative_to(ROOT).with_suffix('').parts)
        found['.'.join(parts).removesuffix('.__init__')] = path
    return found


def imports(name: str, path: Path) -> list[tuple[str, str]]:
    """Module and name of what is imported from this package as a module is loaded."""
    package = name if path.name == '__init__.py' else name.rpartition('.')[0]
    found = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package.split('.')
            base = base[: len(base) - node.level + 1]
            module = '.'.join([*base, *([node.module] if node.module else [])])
            found += [
                (place_of(module, alias.name), alias.name) for alias in node.names
            ]
    return found


def place_of(module: str, name: str) -> str:
    """Module that is loaded for a name."""
    parts = module.split('.')[1:]
    path = ROOT.joinpath(*parts, '__init__.py')
    lazy = dict(names_in(path.read_text())) if path.exists() else {}
    if name not in lazy:
        return module
    return place_of(resolve_name(lazy[name], module), name)


def packages(name: str) -> set[str]:
    """Packages that a module is in."""
    parts = name.split('.')
    return {'.'.join(parts[:i]) for i in range(1, len(parts))}


def test_no_cycle() -> None:
    known = modules()
    graph = {}
    for name, path in known.items():
        found = {
            f'{module}.{what}' if f'{module}.{what}' in known else module
            for module, what in imports(name, path)
        }
        # Python loads the packages of what it imports first, unless it is in them.
        around = {package for module in found for package in packages(module)}
        graph[name] = found | (around - packages(name) - {name})
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_no_private_name_of_another_module() -> None:
    private = [
        (name, module, what)
        for name, path in modules().items()
        for module, what in imports(name, path)
        if what.startswith('_') and not what.startswith('__')
    ]
    assert not private


def test_maps_need_no_torch() -> None:
    names = 'maps', 'metrics', 'commands.export', 'commands.relabel'
    code = f'import sys, {", ".join(f"torchgeo_ktextures.{name}" for name in names)}; '
    code += 'sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_lazy_packages_export_what_they_say() -> None:
    for name, path in modules().items():
        if path.name != '__init__.py':
            continue
        lazy = dict(names_in(path.read_text()))
        if lazy:
            package = import_module(name)
            assert sorted(lazy) == sorted(package.__all__)
            assert set(lazy) <= set(dir(package))
            assert all(getattr(package, what) is not None for what in lazy)
            with pytest.raises(AttributeError, match='has no attribute'):
                _ = package.missing
