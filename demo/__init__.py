# SPDX-License-Identifier: GPL-3.0-or-later
"""The example company in namespaces of one machine, and packets that show what its firewalls do."""
