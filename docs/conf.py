"""How ``make docs`` builds the site: cells are run, formulas are MathML, nothing comes from the network."""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import sys
from importlib.resources import files
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

from lawful.properties.harness.page import page

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(Path(__file__).parent))  # for figures.py, which the chapters import

project = "lawful"
release = importlib.metadata.version("lawful")
copyright = "the authors of lawful"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
# A cell that fails, or takes longer, is a warning of its own page alone. make docs then ends with status 1,
# and all other pages are there.
nb_execution_raise_on_error = False
nb_execution_timeout = 300  # seconds a cell
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

# The chapters' tensors are small. Beside other work, two threads wait for each other:
# five epochs of the training chapter took 8 to 13 s with two, and 0.3 s with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What the cells gave is kept until the code changes that they run.
sources = [
    path for name in ("reference", "impl", "properties", "docs") for path in (ROOT / name).rglob("*.py")
]
digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()[:16]
executed = Path(__file__).parent / "_build" / "executed"
for old in executed.glob("*"):
    if old.name != digest:
        shutil.rmtree(old)
nb_execution_cache_path = str(executed / digest)

# The report that `make docs` has made before is a page of the site; the schema of reports is a file of it.
extra = Path(__file__).parent / "_extra"
extra.mkdir(exist_ok=True)
results = json.loads((ROOT / "matrix.json").read_text())
(extra / "page-of-verdicts.html").write_text(page(results, site="."))
schema = files("lawful.properties.harness").joinpath("report.schema.json")
(extra / "report.schema.json").write_text(schema.read_text())


def _math(latex: str, display: str) -> str:
    return convert(latex, display=display)


def _inline(translator, node: nodes.math) -> None:
    translator.body.append(_math(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(translator, node: nodes.math_block) -> None:
    # where LaTeX has a wide space, a narrow page begins a line
    parts = [_math(part, "block") for part in re.split(r"\\q?quad\b", node.astext())]
    translator.body.append('<div class="formula">' + "".join(parts) + "</div>")
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.config.html_math_renderer = "mathml"
