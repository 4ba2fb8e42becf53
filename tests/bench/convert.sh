#!/bin/sh
# Conversion plus signature of Claude Code's bodies, in microseconds: convert.c, built beside the programs.
build=$(dirname "${CCP_PROGRAMS:-build/fcgi}")
make -s -C "$build" tests/bench/convert && exec "$build/tests/bench/convert" data
