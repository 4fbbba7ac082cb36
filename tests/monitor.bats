# The monitor without a terminal: --dump, --keys and --line.
bats_require_minimum_version 1.5.0

setup() {
    load golden.bash
    chord="${BIN:-bin}/chord"
    lecture=labs/chord/lecture.scn
}

# screen NAME ARGS...: the saved screen NAME.screen.
screen() {
    local name=$1
    shift
    timeout 60 "$chord" monitor "$lecture" "$@" | golden "monitor-$name.screen"
}

@test "monitor: the first screen is the warm ring, before the first command" {
    screen open-80x24 --dump 80x24
    screen open-160x48 --dump 160x48
}

@test "monitor: each program's first screen says how to go on" {
    for program in napster gnutella fasttrack bittorrent chord pastry kelips; do
        run -0 "$(dirname "$chord")/$program" monitor --dump 80x24
        [[ "${lines[-2]}" == *"(. steps, > follows it)" ]] || {
            echo "$program: ${lines[-2]}"
            false
        }
    done
}

@test "monitor: a warm network without a command opens warm, a lesson at its start" {
    run -0 "$chord" monitor labs/chord/ring64.scn --dump 80x24
    [[ "${lines[1]}" == *"64 nodes"* ]]
    [[ "$output" == *"invariants: all hold"* || "$output" == *" more"* ]]
    [[ "$("$chord" show labs/chord/ring64.scn nodes | wc -w)" -eq 64 ]]
    printf 'set bits 7\nnode a id=1\nnode b id=65 join=a\nrun until 9s\n' \
        >"$BATS_TEST_TMPDIR/joins.scn"
    run -0 "$chord" monitor "$BATS_TEST_TMPDIR/joins.scn" --dump 80x24
    [[ "${lines[0]}" == *" step 0/"* ]]
}

@test "monitor: a question whether to drop a message shows its [y/N]" {
    # The longest messages are other programs'.
    for program in napster gnutella fasttrack bittorrent chord pastry kelips; do
        run -0 "$(dirname "$chord")/$program" monitor --dump 80x24 \
            --keys ':break kind=message<Enter>cx'
        [[ "${lines[-2]}" == " drop "*" -> "*": in a branch, until it is quiet. [y/N]" ]] || {
            echo "$program: ${lines[-2]}"
            false
        }
    done
}

@test "monitor: only what the step changed is marked, also in lists of one name" {
    run -0 "$(dirname "$chord")/kelips" monitor --dump 80x24 --keys '>>>'
    [ "$(grep -c '|~' <<<"$output")" -eq 1 ]
    grep -q '|~G1 *n13 .* 83 ms' <<<"$output"
}

@test "monitor: a lookup goes hop by hop to its owner" {
    screen hop1-80x24 --dump 80x24 --keys '>>'
    screen hop2-80x24 --dump 80x24 --keys '>>>'
    screen owner-80x24 --dump 80x24 --keys '>>>>>'
    screen owner-160x48 --dump 160x48 --keys '>>>>>'
}

@test "monitor: decode shows the fields beside their bytes" {
    screen decode-80x24 --dump 80x24 --keys '>>2<Down>'
    screen decode-160x48 --dump 160x48 --keys '>>2<Down>'
}

@test "monitor: log, tree, help, other pictures" {
    screen log-80x24 --dump 80x24 --keys '>>3'
    screen help-80x24 --dump 80x24 --keys '?'
    screen fingers-80x24 --dump 80x24 --keys '>>v'
    screen talk-80x24 --dump 80x24 --keys '>>>vv'
    screen zoom-80x24 --dump 80x24 --keys '>>>z'
}

@test "monitor: a dropped message is a branch, and a card says what it led to" {
    screen drop-80x24 --dump 80x24 --keys '>>xy'
    screen tree-80x24 --dump 80x24 --keys '>>xyq4'
}

@test "monitor: small screens show one pane, smaller ones a request" {
    screen narrow-40x12 --dump 40x12 --keys '>>'
    screen small-60x20 --dump 60x20 --keys '>>'
    run -0 "$chord" monitor --dump 39x12 --keys '...'
    [[ "${lines[0]}" == *40x12* ]]
}

@test "monitor: TAB goes round all panes of a small screen, and no further" {
    keys=
    for pane in decode log tree ring node messages decode; do
        keys+='<Tab>'
        run -0 "$chord" monitor --dump 60x15 --keys "$keys"
        [[ "${lines[1]}" == "-- $pane"* ]]
    done
    run -0 "$chord" monitor --dump 80x24 --keys ':show lab<Enter>'
    [[ "$output" == *"no worksheet is open"* ]]
    run -0 "$chord" monitor --dump 80x24 --keys ':zoom lab<Enter>jkH'
}

@test "monitor: no row of keys breaks it, in any program and size" {
    # A seeded monkey.  What it presses is printed when it breaks something.
    keys=(. , '>' '<lt>' '<Home>' '<End>' '<Up>' '<Down>' '<Left>' '<Right>'
        '<PageUp>' '<PageDown>' '<Enter>' '<Esc>' '<Tab>' '<Space>' v z o w f L H
        q '?' t 1 2 3 4 n N c C B = xy dy 'd1s<Enter>y' Dy Ky Ry 'P<Enter>y' ma "'a"
        '/type=PING<Enter>' '\type=PING<Enter>' '\<Enter>' i 'g20<Enter>' 'g0<Enter>'
        'b<Enter>' ':node none<Enter>' ':compare<Enter>' ':branch main<Enter>'
        ':check<Enter>' ':deliver<Enter>y' ':show picture<Enter>'
        ':show node<Enter>' ':show lab<Enter>' ':delete 1<Enter>')
    "$(dirname "$chord")/bittorrent" monitor --dump 80x24 --keys '<Home>vv' >/dev/null
    "$chord" monitor --dump 80x24 --keys '4j<Enter>' >/dev/null
    RANDOM=7
    for program in napster gnutella fasttrack bittorrent chord pastry kelips; do
        for size in 80x24 160x48 60x15 40x12 80x24 80x24; do
            row=
            for _ in {1..40}; do row+=${keys[RANDOM % ${#keys[@]}]}; done
            status=0
            timeout 300 "$(dirname "$chord")/$program" monitor --dump "$size" \
                --keys "$row" >/dev/null || status=$?
            [ "$status" -eq 0 ] || { echo "$program $size: $row"; false; }
        done
    done
}

@test "monitor: --step and --at open after all events up to there" {
    run -0 "$chord" monitor "$lecture" --dump 80x24 --step 20
    [[ "${lines[0]}" == *"step 20 "* ]]
    run -0 "$chord" monitor "$lecture" --dump 80x24 --at 100ms
    [[ "${lines[0]}" == *"t=0.100 "* ]]
    [[ "$output" == *"42 goes to 16"* ]]
}

@test "monitor: --dump prints exactly H lines of at most W columns, in ASCII" {
    for size in 1x1 10x3 39x11 40x12 79x23 80x24 81x25 119x35 120x36 160x48 \
        200x60; do
        LC_ALL=C.UTF-8 "$chord" monitor --dump $size --keys '>>>xyq4' |
            LC_ALL=C awk -v w="${size%x*}" -v h="${size#*x}" '
                length > w || /[^ -~]/ { bad = 1 }
                END { exit bad || NR != h }'
    done
}

@test "monitor: --utf8 draws lines, whatever the locale" {
    LC_ALL=C "$chord" monitor --dump 80x24 --utf8 | grep -q '│'
}

@test "monitor: on a pipe it dumps the screen and exits 0" {
    run -0 sh -c "'$chord' monitor </dev/null"
    [ "${#lines[@]}" -ge 20 ]
}

@test "monitor: every key of the table does what the table says" {
    while IFS=$'\t' read -r key keys wanted; do
        case $key in '#'* | '') continue ;; esac
        keys=${keys//@TMP@/$BATS_TEST_TMPDIR}
        timeout 60 "$chord" monitor "$lecture" --dump 80x24 --keys "$keys" \
            >"$BATS_TEST_TMPDIR/dump"
        grep -qE -e "$wanted" "$BATS_TEST_TMPDIR/dump" || {
            echo "key $key: pressed $keys, wanted $wanted, got:"
            cat "$BATS_TEST_TMPDIR/dump"
            return 1
        }
    done <tests/monitor_keys.txt
}

@test "monitor: the help lists the keys that are tested, and no others" {
    echo help | "$chord" monitor --line |
        sed -n 's/^ \(.\{12\}\) :.*/\1/p' | tr ' ' '\n' | grep . | sort \
        >"$BATS_TEST_TMPDIR/help"
    grep -v '^# ' tests/monitor_keys.txt | cut -f1 | sed 's/^<lt>$/</' | sort |
        diff - "$BATS_TEST_TMPDIR/help"
}

@test "monitor: stepping back is the screen that was" {
    "$chord" monitor --dump 80x24 --keys '...' >"$BATS_TEST_TMPDIR/dump"
    step=$(sed -n '1s/.*step \([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/dump")
    sed 1d "$BATS_TEST_TMPDIR/dump" >"$BATS_TEST_TMPDIR/a"
    "$chord" monitor --dump 80x24 --keys '....,' | sed 1d >"$BATS_TEST_TMPDIR/b"
    "$chord" monitor --dump 80x24  \
        --keys "g60<Enter>g$step<Enter>" | sed 1d >"$BATS_TEST_TMPDIR/c"
    diff "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
    diff "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/c"
}

@test "monitor: a bad filter says why, and the old one stays" {
    run -0 "$chord" monitor --dump 80x24 \
        --keys '\type=PING<Enter>\<BS><BS><BS><BS><BS><Enter>'
    [[ "$output" == *"? column"* ]]
    [[ "$output" == *"filter: type=PING"* ]]
}

@test "monitor: a field, row or invariant that is none is refused" {
    run -1 "$chord" monitor "$lecture" --line <<'END'
break hop>1
filter typ=PING
break state.suc changed
break invariant rong
END
    [[ "$output" == *"? unknown field 'hop'; did you mean 'hops'?"* ]]
    [[ "$output" == *"? unknown field 'typ'; did you mean 'type'?"* ]]
    [[ "$output" == *"? no node has 'state.suc'; did you mean 'state.succ'?"* ]]
    [[ "$output" == *"? unknown invariant 'rong', expected a part of 'live"* ]]
    [[ "$output" != *"breakpoint 1"* ]]
    run -0 "$chord" monitor "$lecture" --line <<'END'
break hops>1
break state.succ changed
break invariant ring
END
    [[ "$output" == *"breakpoint 3"* ]]
}

@test "monitor: a key that is none is answered, a bad --keys refused" {
    run -0 "$chord" monitor --dump 80x24 --keys 'Z'
    [[ "$output" == *"Z is no key here"* ]]
    run -2 "$chord" monitor --dump 80x24 --keys '.<Foo>'
    [[ "$output" == *"<Foo>"* ]]
}

@test "monitor: a breakpoint on a node's state stops where it changes" {
    cat >"$BATS_TEST_TMPDIR/join.scn" <<'END'
seed 7
set bits 7
node n16 id=16
node n32 id=32 join=n16
node n80 id=80 join=n16
warm
after 1s node n45 id=45 join=n80
run until quiet
END
    run -0 "$chord" monitor "$BATS_TEST_TMPDIR/join.scn" --dump 80x24 \
        --at 500ms --keys ':break node=n32 && state.succ changed<Enter>c'
    [[ "$output" == *"-- node n32 "* ]]
    [[ "$output" == *"~succ n45"* ]]
    # And coming from the end it is the last one.
    run -0 "$chord" monitor "$BATS_TEST_TMPDIR/join.scn" --dump 80x24 \
        --at 500ms \
        --keys ':break node=n32 && state.succ changed<Enter>c<End>C'
    [[ "$output" == *"~succ n45"* ]]
}

@test "monitor: --line says one fact a line, with the words of the keys" {
    run -1 "$chord" monitor "$lecture" --line <<'END'
next
step 2
next
why
show node n16
drop
y
wrong
END
    [[ "$output" == *"FIND_SUCC"* ]]
    [[ "$output" == *"pred n112"* ]]
    [[ "$output" == *"branch what-if-a: drop"* ]]
    [[ "$output" == *"there is no command 'wrong'"* ]]
    [[ "$output" != *$'\e'* ]]
}

@test "monitor: a branch can be saved and is a scenario" {
    run -0 "$chord" monitor "$lecture" --dump 80x24 \
        --keys ">>xyq:export $BATS_TEST_TMPDIR/branch.scn<Enter>"
    grep -q '^at step [0-9]* drop n80 n16 1' "$BATS_TEST_TMPDIR/branch.scn"
    run "$chord" sim "$BATS_TEST_TMPDIR/branch.scn"
    [[ "$output" == *"1 dropped"* ]]
}

@test "monitor: exports are what their names say" {
    cd "$BATS_TEST_TMPDIR"
    case $chord in /*) ;; *) chord=$OLDPWD/$chord ;; esac
    for kind in svg mmd dot txt pcapng; do
        "$chord" monitor --dump 80x24 \
            --keys ">>>>>:export out.$kind<Enter>" | grep -q 'written: out'
    done
    grep -q '</svg>' out.svg
    grep -q 'n80->>n16: FIND_SUCC key 42' out.mmd
    grep -q '"n80" -> "n16"' out.dot
    [ "$(wc -l <out.txt)" -eq 24 ]
    "$chord" monitor out.pcapng --dump 80x24 --keys '...' | grep -q REPLAY
    run -0 "$chord" monitor --dump 80x24 --keys ':export out.foo<Enter>'
    [[ "$output" == *"to what?"* ]]
}

@test "monitor: TERM without a movable cursor is refused, in one line" {
    script -qec true /dev/null >/dev/null 2>&1 || skip "no pseudo-terminal here"
    command -v script >/dev/null || skip "no script(1)"
    run -2 env TERM=dumb timeout 10 script -qec "$chord monitor" /dev/null
    [ "${#lines[@]}" -eq 1 ]
    [[ "$output" == *--line* ]]
}

@test "monitor: NO_COLOR and --color never leave the terminal's own colours" {
    script -qec true /dev/null >/dev/null 2>&1 || skip "no pseudo-terminal here"
    command -v script >/dev/null || skip "no script(1)"
    colours() {
        (sleep 0.5; printf '>>'; sleep 0.5; printf 'qy') |
            env TERM=xterm-256color "$@" timeout 10 script -qec \
            "$chord monitor ${color:-}" /dev/null |
            grep -c $'\e\\[[0-9;]*3[36][0-9;]*m'
    }
    [ "$(colours)" -gt 0 ]
    [ "$(colours NO_COLOR=1)" -eq 0 ]
    color='--color never'
    [ "$(colours)" -eq 0 ]
}
