#!/usr/bin/env bash
# The newest PostgreSQL that there is.
VERSION=18
. "$(dirname "$0")/version.sh"
