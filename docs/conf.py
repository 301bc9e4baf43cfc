"""How ``make docs`` builds the site: cells are run, formulas are MathML, nothing comes from the network."""

import importlib.metadata
import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(Path(__file__).parent))  # for figures.py, which the chapters import

project = "lawful"
release = importlib.metadata.version("lawful")
copyright = "the authors of lawful"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_render_markdown_format = "gfm"
html_theme = "furo"
html_title = "lawful"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_extra"]
exclude_patterns = ["_build", "_extra", "README.md"]
suppress_warnings = ["mystnb.unknown_mime_type"]
nitpicky = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"

# kernels say of each run that its ports are not encrypted: not to whoever builds a site on one machine
profile = Path(__file__).parent / "_build" / "ipython" / "profile_default"
profile.mkdir(parents=True, exist_ok=True)
(profile / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n")
os.environ["IPYTHONDIR"] = str(profile.parent)

# the page of verdicts, which `make docs` has made before, is a page of the site; the report's schema a file
extra = Path(__file__).parent / "_extra"
extra.mkdir(exist_ok=True)
shutil.copy(ROOT / "matrix.html", extra / "page-of-verdicts.html")
schema = files("lawful.properties.harness").joinpath("report.schema.json")
(extra / "report.schema.json").write_text(schema.read_text())


def _math(latex: str, display: str) -> str:
    return convert(latex, display=display)


def _inline(translator, node: nodes.math) -> None:
    translator.body.append(_math(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="formula">{_math(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.config.html_math_renderer = "mathml"
