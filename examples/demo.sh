#!/usr/bin/env bash
# Renders a picture in tiles on every core that may be used: some ten seconds of work for each.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
haid=build/bin/haid
out=demo-output
command -v python3 >/dev/null || { echo "demo: needs python3 (Debian: apt-get install python3)" >&2; exit 1; }

mkdir -p "$out"
rm -f "$out"/tile_* "$out"/jobs.log "$out"/picture.png
cpus=$("$haid" --number-of-threads)
tiles=$((cpus * 16))
# So many points for each pixel (squared) that it is ten seconds for each core.
samples=$(python3 - "$cpus" "$(python3 examples/mandelbrot.py seconds)" <<'PY'
import sys
cpus, seconds = int(sys.argv[1]), float(sys.argv[2])
print(max(1, round((10 * cpus / seconds) ** 0.5)))
PY
)
for ((tile = 0; tile < tiles; tile++)); do
    printf 'python3 examples/mandelbrot.py tile %d %d %d %s/tile_%05d\n' "$tile" "$tiles" "$samples" "$out" "$tile"
done >"$out/commands.txt"

echo "$tiles commands are in $out/commands.txt, such as"
echo "    $(head -n 1 "$out/commands.txt")"
echo "and run now on the $cpus CPUs that may be used:"
echo "    haid --joblog $out/jobs.log < $out/commands.txt"
start=$(date +%s.%N)
"$haid" --joblog "$out/jobs.log" <"$out/commands.txt"
end=$(date +%s.%N)
python3 examples/mandelbrot.py join "$out/picture.png" "$out"/tile_*
rm -f "$out"/tile_*

awk -F '\t' -v took="$(echo "$end $start" | awk '{print $1 - $2}')" 'NR > 1 { one += $4 }
    END { printf "One core would have needed %.1f s; it took %.1f s: %.2f times as fast.\n", one, took, one / took }' "$out/jobs.log"
echo "The picture is $out/picture.png, the log of all jobs $out/jobs.log."
