#!/usr/bin/env bash
# What the action does. A preflight that is installed already is used; else the one that this action is a part of.
set -euo pipefail

if ! command -v preflight >/dev/null; then
    python3 -m venv "$RUNNER_TEMP/preflight"
    "$RUNNER_TEMP/preflight/bin/pip" install --quiet "$GITHUB_ACTION_PATH/../../..[report]"
    PATH="$RUNNER_TEMP/preflight/bin:$PATH"
fi

words=(check - "--for=$PREFLIGHT_RULES" --format github)
if [ "${PREFLIGHT_STRICT:-false}" = true ]; then
    words+=(--strict)
fi
while IFS= read -r report; do
    if [ -n "$report" ]; then
        words+=("--report=$report")
    fi
done <<<"${PREFLIGHT_REPORTS:-}"

# The paths go in as a list, so that none of them can be taken for an option.
code=0
printf '%s\n' "$PREFLIGHT_PATHS" | preflight "${words[@]}" || code=$?
echo "exit-code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
