"""What Sphinx is told. The site is made by `python -m docs.build`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import tinyunet

project, author, copyright = "tinyunet", "The tinyunet authors", "The tinyunet authors, MIT licence"
release = version = tinyunet.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "docs.mathml",
    "docs.docstrings",
]
root_doc = "index"
exclude_patterns = ["lessons/exercises"]
default_role = "py:obj"  # single backticks in docstrings name things

nb_execution_mode = "off"  # the outputs are stored
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

autodoc_typehints = "none"  # the docstrings say it in words
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "tinyunet"
html_copy_source = html_show_sourcelink = False
html_static_path = ["site/static"]
html_css_files = ["site.css"]
