#!/usr/bin/env bash
# t3075-evproject-signals.t on PostgreSQL
export EV_STORE=postgresql
. "$(dirname "$0")/t3075-evproject-signals.t"
