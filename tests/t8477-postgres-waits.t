#!/usr/bin/env bash
# t3077-evproject-waits.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3077-evproject-waits.t"
