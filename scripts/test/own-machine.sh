#!/usr/bin/env bash
# Runs a command on the network of new namespaces that scripts/test/system.mjs made: it has the loopback interface alone,
# and /run is empty. All that the command started ends with this shell.
set -euo pipefail
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
ip link set lo up
# Not exec: this shell stays process 1, which collects the processes that lost their parents.
code=0
"$@" || code=$?
exit "$code"
