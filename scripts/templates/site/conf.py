# SPDX-License-Identifier: GPL-3.0-or-later
"""What Sphinx makes of the pages."""

project = "portbook.firewall"
copyright = "the portbook.firewall authors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = [".antsibull*"]
myst_heading_anchors = 4
html_theme = "sphinx_ansible_theme"
html_title = "portbook.firewall"
html_show_sphinx = False
pygments_style = "ansible"
highlight_language = "text"
