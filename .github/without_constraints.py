# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Removes the tested versions from pyproject.toml, so that others can be tried."""

import re
import sys
from pathlib import Path

path = Path(sys.argv[1])
text = path.read_text('utf-8')
changed = re.sub(r'(?ms)^constraint-dependencies = \[.*?^\]\n', '', text)
if changed == text:
    sys.exit(f'{path} has no constraint-dependencies')
path.write_text(changed, 'utf-8')
