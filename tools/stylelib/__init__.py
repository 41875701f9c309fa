# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The gates of tools/check-style."""
