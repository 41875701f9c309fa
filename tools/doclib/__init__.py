# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What tools/check-docs does."""
