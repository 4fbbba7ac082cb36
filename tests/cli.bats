# The command line that all programs share: help, errors, exit statuses,
# output.  Shown with chord.

setup() {
    cd "$BATS_TEST_DIRNAME/.."
    chord=$PWD/${BIN:-bin}/chord
    case ${BIN:-bin} in /*) chord=$BIN/chord ;; esac
    ring=labs/chord/lecture.scn
}

# `run` the program with standard output and error apart.
both() {
    run bash -c '"$@" 2>"$0"' "$BATS_TEST_TMPDIR/errors" "$@"
    errors=$(cat "$BATS_TEST_TMPDIR/errors")
}

# Exit status 2, nothing on standard output, one line of error.
refused() {
    local wanted=$1
    shift
    both "$@"
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "$errors" = "$wanted" ] || { echo "got: $errors"; false; }
}

@test "cli: every help page fits 80x24" {
    verbs=$($chord --help | sed -n 's/^  chord \([a-z]\+\) .*/\1/p')
    [ "$(wc -w <<<"$verbs")" -ge 7 ]
    for verb in "" $verbs; do
        run $chord $verb --help
        [ "$status" -eq 0 ]
        [ "${#lines[@]}" -ge 3 ]
        [ "$(wc -l <<<"$output")" -le 24 ]
        [ "$(awk 'length > 80' <<<"$output")" = "" ] || {
            echo "$verb: $output"
            false
        }
    done
}

@test "cli: every help page of every program fits 80x24" {
    bin=$(dirname "$chord")
    for program in napster gnutella fasttrack bittorrent chord pastry kelips; do
        for verb in sim node live show check figure trace lab introducer ''; do
            run awk -v page="$program $verb" \
                'length > 80 || (NR > 24 && page !~ /figure/) { print page ": " $0 }' \
                < <("$bin/$program" $verb --help)
            [ "$output" = "" ] || { echo "$output"; false; }
        done
    done
}

@test "cli: a chunk of bulk data shows all its bytes, in whichever protocol" {
    bin=$(dirname "$chord")
    for p in napster/lecture gnutella/firewall fasttrack/lecture \
        bittorrent/lecture; do
        "$bin/${p%/*}" sim "labs/$p.scn" --json | grep '"message":"DATA"' |
            sed 's/.*"bytes":\([0-9]*\),"fields":{"data":"\([0-9a-f]*\)"}.*/\1 \2/' |
            awk -v p="$p" 'length($2) != 2 * $1 || $1 == 0 { print p, $1; bad = 1 }
                END { exit bad || NR == 0 }'
    done
}

@test "cli: where settings or facts are many, help names them and says more" {
    bittorrent=$(dirname "$chord")/bittorrent
    run "$bittorrent" --help
    [[ $output == *"that of 'sim' has the settings"* ]]
    run "$bittorrent" sim --help
    [[ $output == *'picker=rarest|random|inorder  choker='* ]]
    run "$bittorrent" sim --help picker
    [[ ${lines[-1]} == *"which piece to fetch next" ]]
    [[ $output != *choker* ]]
    run "$bittorrent" show --help
    [[ $output == *"  rarest NODE  copies NODE"* ]]
    run "$bittorrent" show --help rarest
    [[ ${lines[-1]} == *" rarest p1" ]]
}

@test "cli: the help of a program names its verbs and its settings" {
    run $chord --help
    for word in sim monitor node live show trace introducer 'bits=32 (3..160)' \
        'rule=lecture|paper' 'variant=corrected|original' quantum trace_limit; do
        [[ $output == *"$word"* ]]
    done
}

@test "cli: a program's help names the verbs that only it has" {
    own() { # PROGRAM VERB...
        run "$(dirname "$chord")/$1" --help
        for verb in "${@:2}"; do
            [[ $output == *"  $1 $verb "* ]] || { echo "no $verb: $output"; false; }
        done
    }
    own napster node server metaserver client
    own fasttrack node sim
    own bittorrent node create info get seed tracker
    [[ $output == *"no encryption, no uTP, no v2"* ]]
}

@test "cli: show --help lists each fact with an example, and says more" {
    run $chord show --help
    for fact in nodes 'node NODE (node n80)' invariants \
        'cost NODE COMMAND... (cost n80 lookup 42)' cost-bytes \
        'path NODE KEY (path n80 42)' 'owner KEY (owner 42)'; do
        [[ $output == *"$fact"* ]]
    done
    run $chord show --help owner
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[1]} == *"chord show labs/chord/lecture.scn owner 42" ]]
}

@test "cli: --version names the program" {
    run $chord --version
    [ "$status" -eq 0 ]
    [[ $output =~ ^chord\ [0-9.]+ ]]
}

@test "cli: a misspelt verb, option, setting, fact or node names the nearest" {
    refused "chord: unknown verb 'smi'; did you mean 'sim'?" $chord smi
    refused "chord: unknown verb 'xyzzy'; see 'chord --help'" $chord xyzzy
    refused "chord: unknown option '--verson'; did you mean '--version'?" \
        $chord --verson
    refused "chord: unknown option '--sed'; did you mean '--seed'?" \
        $chord sim --sed 4
    refused "chord: unknown option '-x'; see 'chord sim --help'" $chord sim -x
    refused "chord: --set: unknown option 'bist'; did you mean 'bits'?" \
        $chord sim --set bist=4
    refused "chord: unknown fact 'ownr'; did you mean 'owner'?" \
        $chord show $ring ownr 4
    refused "chord: there is no node 'n81'; did you mean 'n80'?" \
        $chord show $ring path n81 4
}

@test "cli: expect asks for a field that some result has" {
    printf 'node a\na show\nexpect a lookup 4 ownr=a\n' >"$BATS_TEST_TMPDIR/e.scn"
    refused "$BATS_TEST_TMPDIR/e.scn:3: unknown field 'ownr'; did you mean 'owner'?" \
        $chord sim "$BATS_TEST_TMPDIR/e.scn"
}

@test "cli: a wrong value says what was expected" {
    refused "chord: --seed is 'x', expected a number" $chord sim --seed=x
    refused "chord: --seed needs a value: --seed N" $chord sim --seed
    refused "chord: --until is 'soon', expected a time (250ms, 10s, 2m)" \
        $chord sim --until soon
    refused "chord: --until is '0s', expected a time above 0" \
        $chord sim --until 0s
    refused "chord: --json is 'yes', expected no value" $chord sim --json=yes
    refused "chord: --color is 'red', expected auto, always or never" \
        $chord sim --color red
    refused "chord: --set: bits is '2', expected a number in 3..160" \
        $chord sim --set bits=2
    refused "chord: --set: 'bits' is no setting, expected NAME=VALUE" \
        $chord sim --set bits
    refused "chord: --dump is '80', expected 80x24" $chord monitor --dump 80
    refused "chord: there is no scenario '' here; see labs/ for some" $chord sim ""
    refused "chord: --name is 'a b', expected a letter, then letters, digits, _ . -, at most 32 in all" \
        $chord node --name "a b"
    refused "chord: '127.0.0.1' is no address, expected HOST:PORT" \
        $chord node --listen 127.0.0.1
    refused "chord: 'b' is one too many; usage: chord sim [SCENARIO]" $chord sim a b
    refused "chord: 'bits=5' is one too many; usage: chord node [OPTION...]; a setting is --set NAME=VALUE" \
        $chord node bits=5
    refused "chord: usage: chord show SCENARIO path NODE KEY" \
        $chord show $ring path n80
    refused "chord: there is no scenario 'nowhere.scn' here; see labs/ for some" \
        $chord sim nowhere.scn
    # Who only sets things is a file to include, and cannot run.
    echo "set bits 7" >"$BATS_TEST_TMPDIR/set.scn"
    scn=$BATS_TEST_TMPDIR/set.scn
    for verb in "sim $scn" "live $scn" "monitor $scn" "check $scn" "show $scn nodes"; do
        # shellcheck disable=SC2086
        refused "chord: $scn starts no node, so nothing can happen; expected 'node NAME' or 'nodes COUNT prefix=PREFIX'" \
            $chord $verb
    done
}

@test "cli: a bad scenario is refused with file, line and expectation" {
    printf 'node a\nfrob a\n' >"$BATS_TEST_TMPDIR/bad.scn"
    refused "$BATS_TEST_TMPDIR/bad.scn:2: 'frob' is wrong here, expected an action, or a node of an earlier line and a command" \
        $chord sim "$BATS_TEST_TMPDIR/bad.scn"
    refused "$BATS_TEST_TMPDIR/bad.scn:2: 'frob' is wrong here, expected an action, or a node of an earlier line and a command" \
        $chord show "$BATS_TEST_TMPDIR/bad.scn" nodes
}

@test "cli: what comes from outside cannot reach the terminal" {
    both $chord $'\033[2J'
    [ "$status" -eq 2 ]
    [[ $errors != *$'\033'* ]]
}

@test "cli: -- ends options, and = joins an option to its value" {
    printf 'node a\nrun until 1s\n' >"$BATS_TEST_TMPDIR/--seed"
    cd "$BATS_TEST_TMPDIR"
    run $chord sim --seed=5 --json -- --seed
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == '{"kind":"run","program":"chord","scenario":"--seed","seed":5}' ]]
}

@test "cli: a scenario may come from standard input" {
    run bash -c "printf 'node a\nrun until 1s\n' | $chord show - nodes"
    [ "$output" = "a" ]
}

@test "cli: the program alone, on a pipe, is sim" {
    run bash -c "$chord | head -1"
    [ "$output" = "chord  labs/chord/lecture.scn  seed 7" ]
}

@test "cli: a program finds its scenarios from anywhere" {
    cd /
    run $chord show labs/chord/lecture.scn owner 42
    [ "$output" = "n45" ]
}

@test "cli: a closed pipe ends a run quietly" {
    run bash -c "set -o pipefail; $chord sim --seed 9 --until 200s 2>&1 | head -1"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 1 ]
}

@test "cli: a full disk is an error" {
    [ -e /dev/full ] || skip
    run bash -c "$chord sim 2>&1 >/dev/full"
    [ "$status" -eq 2 ]
    [[ $output == "chord: cannot write to standard output: "* ]]
}

@test "cli: no program takes a full disk for success" {
    [ -e /dev/full ] || skip
    bin=$(dirname "$chord")
    for command in "chord lab" "chord monitor --dump 80x24" "lab list" \
        "chord show --help" "lab print labs/chord/1-join.md"; do
        run bash -c "$bin/$command 2>&1 >/dev/full </dev/null"
        [ "$status" -eq 2 ]
        [[ $output == *": cannot write to standard output: "* ]]
        run bash -c "set -o pipefail; $bin/$command | head -1"
        [ "$status" -eq 0 ]
    done
}

@test "cli: a folder or a lost file in place of one that is read" {
    both $chord trace "$BATS_TEST_TMPDIR"
    [ "$errors" = "chord: $BATS_TEST_TMPDIR: cannot read: Is a directory" ]
    both $chord monitor --dump 80x24 lost.pcapng
    [ "$errors" = "chord: lost.pcapng: cannot read: No such file or directory" ]
    both $chord figure path-lenght
    [ "$errors" = "chord: unknown figure 'path-lenght'; did you mean 'path-length'?" ]
    both $chord figure xyzzy
    [ "$errors" = "chord: unknown figure 'xyzzy'; see 'chord figure'" ]
    [ "$status" -eq 2 ]
}

@test "cli: a failed command, and a failed expectation, are exit 1" {
    cat >"$BATS_TEST_TMPDIR/fails.scn" <<'SCN'
set bits 7
node a id=1
node b id=65
warm
after 1s expect a lookup 42 owner=a
expect fail a get nothing
run until 9s
SCN
    both $chord sim --quiet "$BATS_TEST_TMPDIR/fails.scn"
    [ "$status" -eq 1 ]
    [[ $errors == "$BATS_TEST_TMPDIR/fails.scn:5: "*"expected owner=a, got owner b"* ]]
    [[ $output == *" steps, "*"hash "* ]]
    sed -i 's/owner=a/owner=b/' "$BATS_TEST_TMPDIR/fails.scn"
    both $chord sim --quiet "$BATS_TEST_TMPDIR/fails.scn"
    [ "$status" -eq 0 ]
    [ -z "$errors" ]
}

@test "cli: Ctrl-C is exit 130" {
    printf 'nodes 50 prefix=p\nrun until 900h\n' >"$BATS_TEST_TMPDIR/long.scn"
    run timeout --preserve-status -s INT 1 \
        $chord sim --quiet "$BATS_TEST_TMPDIR/long.scn"
    [ "$status" -eq 130 ]
}

@test "cli: --quiet prints results and the summary only" {
    run $chord sim --quiet --until 500ms
    [ "${#lines[@]}" -eq 3 ]
    [[ ${lines[0]} == *"lookup 42 at n80: owner n45"* ]]
    [ "${lines[1]}" = "      key 42" ] # a long result goes on, set in
    [[ ${lines[2]} == *" steps, "*"hash "* ]]
}

@test "cli: --json prints one object a line, with the keys of the contract" {
    $chord sim --json >"$BATS_TEST_TMPDIR/out"
    [ "$(grep -vc '^{"kind":"[a-z]*",.*}$' "$BATS_TEST_TMPDIR/out")" -eq 0 ]
    [ "$(head -1 "$BATS_TEST_TMPDIR/out")" = \
        '{"kind":"run","program":"chord","scenario":"labs/chord/lecture.scn","seed":7}' ]
    grep -q '^{"kind":"message","step":[0-9]*,"sent":[0-9.]*,"time":[0-9.]*,"from":"n80","to":"n16","message":"FIND_SUCC","bytes":[0-9]*,"fields":{.*"key":42,.*},"state":"delivered".*}$' \
        "$BATS_TEST_TMPDIR/out"
    grep -q '^{"kind":"result",.*"node":"n80","command":"lookup 42","ok":true,"owner":"n45","owner_id":45,"hops":3,"path":\["n80","n16","n32","n45"\]' \
        "$BATS_TEST_TMPDIR/out"
    tail -1 "$BATS_TEST_TMPDIR/out" |
        grep -Eq '^\{"kind":"summary","steps":[0-9]+,"messages":[0-9]+,"bytes":[0-9]+,"dropped":0,"time":[0-9.]+,"hash":"[0-9a-f]{16}"\}$'
}

@test "cli: the seed decides the hash" {
    a=$($chord sim --quiet --seed 1 | tail -1)
    b=$($chord sim --quiet --seed 1 | tail -1)
    c=$($chord sim --quiet --seed 2 | tail -1)
    [ "$a" = "$b" ]
    [ "$a" != "$c" ]
}

@test "cli: --until ends a run, and show --at looks into it" {
    run $chord sim --until 500ms --quiet --json
    [[ ${lines[-1]} == *'"time":0.5,'* ]]
    printf 'node a\nat 5s node b join=a\nrun until 9s\n' >"$BATS_TEST_TMPDIR/two.scn"
    run $chord show "$BATS_TEST_TMPDIR/two.scn" nodes --at 4s
    [ "$output" = "a" ]
    run $chord show "$BATS_TEST_TMPDIR/two.scn" nodes
    [ "$output" = "a b" ]
}

@test "cli: --trace writes what sim prints" {
    $chord sim --json --trace "$BATS_TEST_TMPDIR/t.pcapng" |
        grep -c '"kind":"message"' >"$BATS_TEST_TMPDIR/sim"
    $chord trace --json "$BATS_TEST_TMPDIR/t.pcapng" |
        grep -c '"kind":"message"' >"$BATS_TEST_TMPDIR/trace"
    cmp "$BATS_TEST_TMPDIR/sim" "$BATS_TEST_TMPDIR/trace"
    $chord monitor --dump 80x24 --trace "$BATS_TEST_TMPDIR/m.pcapng" >/dev/null
    [ "$($chord trace "$BATS_TEST_TMPDIR/t.pcapng")" = \
        "$($chord trace "$BATS_TEST_TMPDIR/m.pcapng")" ]
    refused "chord: /nowhere/t.pcapng: cannot write: No such file or directory" \
        $chord sim --trace /nowhere/t.pcapng
}

@test "cli: show prints bare facts, and exit 1 when an invariant is broken" {
    [ "$($chord show $ring fingers n80)" = "96 96 96 96 96 112 16" ]
    [ "$($chord show $ring path n80 42)" = "n80 n16 n32 n45" ]
    [ "$($chord show $ring owner 42)" = "n45" ]
    [ "$($chord show $ring cost n80 lookup 42)" -eq 4 ]
    run $chord show $ring invariants
    [ "$status" -eq 0 ]
    [[ $output == *": yes" ]]
    printf 'set bits 7\nnode a id=1\nnode b id=65\nrun until 1s\n' \
        >"$BATS_TEST_TMPDIR/apart.scn"
    run $chord show "$BATS_TEST_TMPDIR/apart.scn" invariants
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == *": no" ]]
    [ "${#lines[@]}" -ge 2 ]
}

@test "cli: at step lines are refused with another seed" {
    { cat $ring; echo "at step 20 crash n32"; } >"$BATS_TEST_TMPDIR/what-if.scn"
    run $chord sim --quiet "$BATS_TEST_TMPDIR/what-if.scn"
    [ "$status" -ne 2 ]
    run $chord sim --quiet --seed 7 "$BATS_TEST_TMPDIR/what-if.scn"
    [ "$status" -ne 2 ]
    both $chord sim --quiet --seed 8 "$BATS_TEST_TMPDIR/what-if.scn"
    [ "$status" -eq 2 ]
    [[ $errors == *"what-if.scn:"*"'at step' holds for this seed"* ]]
}

@test "cli: NO_COLOR and a pipe are without escape sequences" {
    run env NO_COLOR=1 $chord sim
    [[ $output != *$'\033'* ]]
    run $chord monitor --dump 80x24
    [ "$status" -eq 0 ]
    [[ $output != *$'\033'* ]]
}
