# What README.md shows and says to type, typed as it stands there.
bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.."
    bin=$(realpath "${BIN:-bin}")
    mkdir "$BATS_TEST_TMPDIR/here"
    ln -s "$bin" "$BATS_TEST_TMPDIR/here/bin"
    ln -s "$PWD/labs" "$PWD/README.md" "$BATS_TEST_TMPDIR/here/"
}

# The n-th fenced block of README.md in which a line starts with $1.
block() {
    awk -v wanted="$1" '/^ *```/ { if (open && hit) { printf "%s", text; exit }
            open = !open; hit = 0; text = ""; next }
        open { text = text $0 "\n"; if (index($0, wanted) == 1) hit = 1 }' README.md
}

# Typed by a reader whose /tmp and loopback address are nobody else's.
typed() {
    local own="127.$((RANDOM % 250 + 2)).$((RANDOM % 250 + 2)).$((RANDOM % 250 + 2))"
    block "$1" | sed "s|/tmp/|$BATS_TEST_TMPDIR/|g; s/127\.0\.0\.1/$own/g" \
        >"$BATS_TEST_TMPDIR/script"
    [ -s "$BATS_TEST_TMPDIR/script" ]
    # What is left of a scene that fails would hold the test for ever.
    sed -i '1i trap "kill \\$(jobs -p) 2>/dev/null || true" EXIT' \
        "$BATS_TEST_TMPDIR/script"
    cd "$BATS_TEST_TMPDIR/here"
    run timeout 60 bash -e "$BATS_TEST_TMPDIR/script"
    [ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "readme: its screen is what the monitor draws" {
    block ' chord |' | diff -u - <("$bin/chord" monitor --dump 80x24 --keys '>>>>')
}

@test "readme: what follows a dollar sign prints what stands below it" {
    awk '/^ *\$ bin\/.* show /, /```/' README.md | grep -v '```' | sed 's/^ *//' \
        >"$BATS_TEST_TMPDIR/said"
    grep '^\$ ' "$BATS_TEST_TMPDIR/said" | while read -r _ command; do
        echo "\$ $command"
        ${command/bin/$bin}
    done | diff -u "$BATS_TEST_TMPDIR/said" -
}

@test "readme: every short command in a sentence runs" {
    # Of the program that it names, without what takes a terminal or minutes.
    tr '\n' ' ' <README.md | grep -o '`[^`]*`' | tr -d '`' | tr -s ' ' |
        grep -E '^bin/[a-z]+ (sim|show|check|monitor|lab$)' \
            >"$BATS_TEST_TMPDIR/commands"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 6 ]
    while read -r command; do
        echo "$command"
        status=0
        (cd "$BATS_TEST_TMPDIR/here" && timeout 300 $command) </dev/null \
            >/dev/null || status=$?
        case $command in
        *variant=original*) [ "$status" -eq 1 ] ;; # a violation is what it finds
        *) [ "$status" -eq 0 ] ;;
        esac
    done <"$BATS_TEST_TMPDIR/commands"
}

@test "readme: figures that it names are there" {
    tr '\n' ' ' <README.md | grep -oE '`bin/[a-z]+ +figure +[a-z-]+' |
        tr -d '`' | while read -r program _ name; do
        echo "$program $name"
        "${program/bin/$bin}" figure | grep -q "^ *$name "
    done
}

@test "readme: Napster with real files" {
    typed 'bin/napster'
    [[ $output == *'get 1'*'chord-song.bin'* ]]
}

@test "readme: five real Gnutella servents" {
    typed 'bin/gnutella'
    [[ $output == *'get 1'*'blue-song.ogg'* ]]
}

@test "readme: FastTrack on real sockets" {
    typed 'bin/fasttrack'
    [[ $output == *'get 1'*'readme-song.txt'* ]]
}

@test "readme: BitTorrent with real files" {
    typed 'bin/bittorrent'
}

@test "readme: the addresses that it names hash to the lecture's ring" {
    for pair in 7074:16 7009:32 7370:45 7735:80 7148:96 7179:112 7029:40; do
        run "$bin/chord" node --listen "127.0.0.1:${pair%:*}" --set bits=7 \
            <<<leave
        case $output in *'has this port'*) skip "another program has port ${pair%:*}" ;; esac
        [[ ${lines[0]} == *", id ${pair#*:}" ]]
    done
}
