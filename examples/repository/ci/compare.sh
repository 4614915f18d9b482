#!/bin/sh
# What this branch changes in the firewall rules of all hosts, as Markdown: ci/compare.sh origin/main >comment.md
set -eu
base=$1
work=$(mktemp -d)
trap 'git worktree remove --force "$work/base" 2>/dev/null; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/base" "$base"

plan() {
    (cd "$1" && ansible-playbook portbook.firewall.plan -i inventory -e portbook_show=none -e "portbook_plan_file=$2" >"$2.log" 2>&1) ||
        { cat "$2.log" >&2; exit 1; }
}
export ANSIBLE_COLLECTIONS_PATH="${ANSIBLE_COLLECTIONS_PATH:-$PWD/collections}"
plan "$work/base" "$work/before.md"
plan . "$work/after.md"

echo "### Firewall rules"
echo
if diff -u --label "$base" "$work/before.md" --label "this branch" "$work/after.md" >"$work/difference"; then
    echo "This branch changes no rule of any host."
else
    echo '```diff'
    cat "$work/difference"
    echo '```'
fi
