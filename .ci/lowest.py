"""Prints what pyproject.toml requires, each at the lowest version that it declares, as constraints for pip."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
for requirement in sorted({*project["dependencies"], *extras["plots"], *extras["parquet"], *extras["test"]}):
    print(re.sub(r">=([\w.]+)(,<[\w.]+)?", r"==\1", requirement))
