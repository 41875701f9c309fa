#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
#
# The library exports what its header declares, and nothing else.
# usage: symbols.sh LIBRARY HEADER
set -eu

exported=$(nm --dynamic --defined-only "$1" | sed -n 's/.* T \([a-z0-9_]*\).*/\1/p' | sort)
declared=$(sed -n 's/^[a-z].*[ *]\(dgem_[a-z0-9_]*\)(.*/\1/p' "$2" | sort)
[ -n "$declared" ]
if [ "$exported" != "$declared" ]; then
	echo "exported, but not declared in $2:"
	echo "$exported" | grep -vxF "$declared" || :
	echo "declared, but not exported by $1:"
	echo "$declared" | grep -vxF "$exported" || :
	exit 1
fi
echo "$exported" | wc -l | sed 's/ *\(.*\)/\1 symbols/'
