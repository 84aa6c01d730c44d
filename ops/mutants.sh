#!/usr/bin/env bash
# Takes named walls of the product out, one at a time, in a copy of the checkout, and shows that the tests notice. Run it as `ops/test --mutants`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TEXT'
usage: ops/test --mutants [--list | --check] [NAME...]

Each file ops/mutants/NAME.patch is a change that a careless hand might make and that takes one wall of the product out. Its head says what the
wall is for and which tests have to notice:

  wall: one plain sentence
  tests: TARGET TARGET/REGEX ...

A target is a folder of Tests/; with a regex only its tests whose name begins that way are run (StoreTests/IntentTests). A checkout copied to
var/mutants/tree is built and tested unchanged first (status 2 when that is not green); then each patch is applied, built, tested and taken back.
A mutant counts as killed when every target that it names has a test that fails. One that no longer applies, does not compile or names tests
that are not there counts as not applicable.

  NAME...   only these (or --mutants=NAME,NAME)
  --list    the mutants, their walls and their tests; runs nothing
  --check   whether every patch still applies to the checkout and every head names targets that exist; runs nothing

The last line is `N mutants, K killed, S survived, F not applicable`; status 0 only when all were killed. All output: var/mutants/.
TEXT
}

patches=$root/ops/mutants
var=$root/var/mutants
tree=$var/tree

# head FIELD NAME: a field of the mutant's head, which ends with the first file.
head_of() { sed -nE "/^--- /q; s/^$1: *//p" "$patches/$2.patch"; }
files_of() { sed -nE 's|^\+\+\+ b/([^[:space:]]+).*|\1|p' "$patches/$1.patch"; }

# By the files that they change: what stands together is compiled together.
all_names() {
  local file
  for file in "$patches"/*.patch; do
    file=$(basename "$file" .patch)
    printf '%s\t%s\n' "$(files_of "$file" | tail -n 1)" "$file"
  done | LC_ALL=C sort | cut -f 2
}

# apply NAME FOLDER [OPTION...]
apply() { patch -p1 --fuzz=2 --force --silent --no-backup-if-mismatch -d "$2" "${@:3}" <"$patches/$1.patch"; }

# What is wrong with a mutant before anything is built; nothing when it is well.
wrong_with() {
  local spec
  [[ -n $(head_of wall "$1") ]] || echo "its head has no wall:"
  [[ -n $(head_of tests "$1") ]] || echo "its head has no tests:"
  for spec in $(head_of tests "$1"); do
    [[ -d $root/Tests/${spec%%/*} ]] || echo "there is no target ${spec%%/*}"
  done
  apply "$1" "$2" --dry-run >/dev/null 2>&1 || echo "its patch no longer applies"
}

check() {
  local name problem bad=0
  for name in "${names[@]}"; do
    while read -r problem; do
      say "mutant $name: $problem"
      bad=1
    done < <(wrong_with "$name" "$root")
  done
  return "$bad"
}

list() {
  local name
  for name in "${names[@]}"; do printf '%s\n    %s\n    %s\n' "$name" "$(head_of wall "$name")" "$(head_of tests "$name")"; done
}

# Every file of the checkout, NUL after each: what git knows or would add, or all but build products where there is no git.
checkout_files() {
  local file
  if [[ $(git -C "$root" rev-parse --show-toplevel 2>/dev/null) == "$root" ]]; then
    git -C "$root" ls-files -z --cached --others --exclude-standard
  else
    (cd "$root" && find . \( -path ./.build -o -path ./var -o -name .git -o -name __pycache__ \) -prune -o \( -type f -o -type l \) -print0)
  fi | while IFS= read -r -d '' file; do
    if [[ -e $root/$file || -L $root/$file ]]; then printf '%s\0' "$file"; fi
  done
}

# The build products of an earlier run stay: they belong to this folder's path, and save most of the first build.
copy_checkout() {
  mkdir -p "$tree"
  find "$tree" -mindepth 1 -maxdepth 1 ! -name .build -exec rm -rf {} +
  checkout_files | tar -C "$root" --null --files-from=- -cf - | tar -C "$tree" -xf -
}

# try FILTER LOG SECONDS: runs tests; prints `green`, `none` (no such test), `red NAME` (the first that failed), `crashed` or `hung`.
try() {
  local status=0 name
  timeout --kill-after=10 "$3" swift test --skip-build -Xswiftc -warnings-as-errors --filter "$1" >"$2" 2>&1 </dev/null 9>&- || status=$?
  name=$(sed -nE '/^[^ ]+ Test run with /d; s/^[^ ]+ Test (".*"|[^ ]+)( with [0-9]+ test cases?)? (recorded an issue|failed after) .*/\1/p' "$2" | head -n 1)
  if [[ -n $name ]]; then
    echo "red $name"
  elif grep -q 'unexpected signal code' "$2"; then
    echo crashed
  elif ((status == 124 || status == 137)); then
    echo hung
  elif ! grep -qE 'Test run with [1-9][0-9]* tests? ' "$2"; then
    echo none
  elif ((status)); then
    echo "red (status $status without the name of a test)"
  else
    echo green
  fi
}

filter_of() { if [[ $1 == */* ]]; then echo "^${1%%/*}\\.(${1#*/})"; else echo "^$1\\."; fi; }

# Unchanged, everything that the chosen mutants name has to be green: otherwise red would prove nothing.
control() {
  local name spec target answer began status=0
  declare -A wanted=()
  for name in "${names[@]}"; do
    for spec in $(head_of tests "$name"); do
      target=${spec%%/*}
      if [[ $spec != */* ]]; then
        wanted[$target]=.
      elif [[ " ${wanted[$target]:-} " != *" ${spec#*/} "* ]]; then
        wanted[$target]+=" ${spec#*/}"
      fi
    done
  done
  for target in $(printf '%s\n' "${!wanted[@]}" | sort); do
    began=$SECONDS
    spec=$(xargs <<<"${wanted[$target]}" | tr ' ' '|')
    if [[ $spec == .* ]]; then spec=$target; else spec=$target/$spec; fi
    answer=$(try "$(filter_of "$spec")" "$var/control.$target.log" 900)
    seconds[$target]=$((SECONDS - began))
    say "  unchanged: $target $answer (${seconds[$target]} s)"
    [[ $answer == green ]] || status=2
  done
  return "$status"
}

killed=0
survived=0
unfit=0
not_applicable() {
  echo "NOT APPLICABLE $1: $2"
  unfit=$((unfit + 1))
}

# Whether every target that the mutant names turns red; one line about it.
judge() {
  local name=$1 began=$2 spec target answer said=() green=()
  for spec in $(head_of tests "$name"); do
    target=${spec%%/*}
    answer=$(try "$(filter_of "$spec")" "$var/$name.$target.log" $((seconds[$target] * 4 + 120)))
    case $answer in
      red*) said+=("$target: ${answer#red }") ;;
      crashed) said+=("$target: crashed, before any test failed") ;;
      none)
        not_applicable "$name" "$spec names no test"
        return
        ;;
      hung) green+=("$target ran out of its time without a failed test") ;;
      green) green+=("$target stayed green") ;;
    esac
  done
  if ((${#green[@]})); then
    echo "SURVIVED $name: $(printf '%s; ' "${green[@]}")$((SECONDS - began)) s"
    survived=$((survived + 1))
  else
    said=$(printf '%s; ' "${said[@]}")
    echo "killed $name by ${said%; } ($((SECONDS - began)) s)"
    killed=$((killed + 1))
  fi
}

# One mutant from its patch to its line; what it changed is put back, to be built together with the next one's changes.
mutant() {
  local name=$1 began=$SECONDS file wrong
  wrong=$(wrong_with "$name" "$tree" | head -n 1)
  if [[ -n $wrong ]]; then
    not_applicable "$name" "$wrong"
    return
  fi
  rm -rf "$var/original"
  for file in $(files_of "$name"); do
    mkdir -p "$var/original/$(dirname "$file")"
    cp -p "$tree/$file" "$var/original/$file"
  done
  apply "$name" "$tree"
  if swift build --build-tests -Xswiftc -warnings-as-errors >"$var/$name.build.log" 2>&1 </dev/null 9>&-; then
    judge "$name" "$began"
  else
    not_applicable "$name" "it does not compile ($(grep -m 1 -E 'error:' "$var/$name.build.log" || echo "see var/mutants/$name.build.log"))"
  fi
  cp -Rp "$var/original/." "$tree/"
}

mode=run
names=()
while (($#)); do
  case $1 in
    --list) mode=list ;;
    --check) mode=check ;;
    --help | -h)
      usage
      exit 0
      ;;
    -*)
      usage >&2
      exit 64
      ;;
    *)
      IFS=, read -r -a chosen <<<"$1"
      names+=("${chosen[@]}")
      ;;
  esac
  shift
done
for name in "${names[@]}"; do [[ -f $patches/$name.patch ]] || die 64 "there is no mutant '$name'; ops/test --mutants --list names them all"; done
# In the order of building, whatever order was asked for.
readarray -t names < <(all_names | if ((${#names[@]})); then grep -Fx -f <(printf '%s\n' "${names[@]}"); else cat; fi)

case $mode in
  list)
    list
    exit 0
    ;;
  check)
    check
    exit
    ;;
esac

find_swift
install "${toolchain_packages[@]}" "${build_packages[@]}" "${run_packages[@]}" patch
check_swift
mkdir -p "$var"
exec 9>"$var/lock"
flock -n 9 || die 75 "another run of the mutants is under way in $var"
rm -f "$var"/*.log
unset COUNTERFOIL_MIGRATIONS COUNTERFOIL_SABOTAGE
export COUNTERFOIL_SABOTAGE_BUILD=1

copy_checkout
cd "$tree"
build "$var/build.log" --build-tests -Xswiftc -warnings-as-errors 9>&-
declare -A seconds=()
control || die 2 "the tests are not green without any mutant: nothing could be told from red ones (var/mutants/control.*.log)"
for name in "${names[@]}"; do mutant "$name"; done
say "Took $SECONDS s."
echo "${#names[@]} mutants, $killed killed, $survived survived, $unfit not applicable"
((killed == ${#names[@]}))
