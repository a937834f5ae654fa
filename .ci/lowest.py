"""Print the lowest versions that pyproject.toml allows, as constraints for pip: numpy==2.0."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
for requirement in [*project["dependencies"], *extras["test"], *extras["lessons"]]:
    print(requirement.partition(";")[0].replace(">=", "=="))
