#!/bin/sh
# A program of one's own, in shell: parameters come as arguments, the result is the last line printed.
#
#     valley.sh X Y
#
# The valley of Rosenbrock, 100 (y - x^2)^2 + (1 - x)^2: lowest, 0, at (1, 1).
set -eu
exec awk -v x="$1" -v y="$2" 'BEGIN {
    value = 100 * (y - x * x) ^ 2 + (1 - x) ^ 2
    printf "{\"value\": %.17g, \"distance\": %.17g}\n", value, sqrt((x - 1) ^ 2 + (y - 1) ^ 2)
}'
