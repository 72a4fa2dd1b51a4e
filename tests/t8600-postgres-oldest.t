#!/usr/bin/env bash
# The oldest PostgreSQL that is supported.
VERSION=12
. "$(dirname "$0")/version.sh"
