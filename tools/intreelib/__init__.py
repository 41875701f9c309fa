# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Puts dgem into a kernel tree, and writes it as a patch series."""
