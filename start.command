#!/bin/sh
# For a double click on a Mac.
exec "$(dirname -- "$0")/start.sh" "$@"
