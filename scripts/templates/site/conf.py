# SPDX-License-Identifier: GPL-3.0-or-later
"""What Sphinx makes of the pages."""

project = "portbook.firewall"
copyright = "the portbook.firewall authors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "README"
exclude_patterns = [".antsibull*", "navigation.md"]
myst_heading_anchors = 4
html_theme = "sphinx_ansible_theme"
templates_path = ["."]
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_title = "portbook.firewall"
html_show_sphinx = False
pygments_style = "ansible"
highlight_language = "text"
