#!/usr/bin/env bash
# t6215-evproject-rebuild-poison.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t6215-evproject-rebuild-poison.t"
