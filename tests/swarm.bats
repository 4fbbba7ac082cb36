# What show and the monitor say of a swarm, and what the lessons promise.
bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || exit
    bt=${BIN:-bin}/bittorrent
    labs=labs/bittorrent
}

fact() {
    local scenario=$1
    shift
    "$bt" show "$labs/$scenario" "$@"
}

@test "swarm: every example of a fact works" {
    # shellcheck disable=SC2046
    "$bt" show --help $("$bt" show --help | sed '1,/^Facts/d' |
        grep -o '\<[a-z-]\+') | sed -n 's/^  bittorrent show [^ ]* //p' |
        sort -u >"$BATS_TEST_TMPDIR/facts"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/facts")" -gt 30 ]
    while read -r fact; do
        # shellcheck disable=SC2086
        "$bt" show "$labs/swarm.scn" --set dht=on $fact ||
            { echo "fails: $fact"; false; }
    done <"$BATS_TEST_TMPDIR/facts"
}

@test "swarm: every scenario ends as it expects" {
    for scenario in "$labs"/*.scn; do
        run "$bt" sim "$scenario" --quiet
        [ "$status" -eq 0 ] || { echo "$scenario: $output"; false; }
    done
}

@test "swarm: what is expected can fail: another rule, another end" {
    run -1 "$bt" sim "$labs/leaves-rarest.scn" --set picker=inorder --quiet
    run -1 "$bt" sim "$labs/rarest.scn" --set picker=inorder --quiet
    run -1 "$bt" sim "$labs/gain.scn" --set choker=freerider --quiet
    run -1 "$bt" sim "$labs/dht.scn" --set dht=off --quiet
    run -1 "$bt" sim "$labs/sybil-believed.scn" --set dht=checked --quiet
    run -1 "$bt" sim "$labs/sybil-checked.scn" --set dht=on --quiet
    # A liar who looks at what it has finds only the good pieces.
    sed 's/ verify=off//' "$labs/pollution.scn" >"$BATS_TEST_TMPDIR/honest.scn"
    run -1 "$bt" sim "$BATS_TEST_TMPDIR/honest.scn" --quiet
}

@test "swarm: the rules for the next piece, compared" {
    # Pieces that only the seed has, when two and a half copies are out.
    [ "$(fact leaves.scn --at 12.4s only origin)" -eq 0 ]
    [ "$(fact leaves.scn --at 12.4s --set picker=random only origin)" -ge 2 ]
    [ "$(fact leaves.scn --at 12.4s --set picker=inorder only origin)" -ge 16 ]
    [ -z "$(fact leaves-rarest.scn lost p1)" ]
    [ "$(fact leaves-inorder.scn lost-count p1)" -ge 16 ]
}

@test "swarm: peers give what a server alone would have to" {
    # 16 files of 768 KiB over one line of 50 kB/s, or over seventeen.
    server=$(fact server.scn last-took p)
    gain=$(fact gain.scn last-took p)
    [ "${server%.*}" -ge 245 ] && [ "${server%.*}" -le 255 ]
    [ "${gain%.*}" -ge 14 ] && [ "${gain%.*}" -le 28 ]
}

@test "swarm: who rides free waits longer; more of them, all do" {
    # took SCENARIO SEED PREFIX ARGUMENT...: the mean, in whole seconds
    took() { fact "$1.scn" --seed "$2" "${@:4}" mean-took "$3" | sed 's/\..*//'; }
    for seed in 1 2 3; do # 57 s; 62 and 75; 70 and 100
        none=$(took free-riders-0 $seed p)
        giver=$(took free-riders $seed p)
        rider=$(took free-riders $seed f)
        [ "$giver" -gt "$none" ]
        [ "$rider" -gt $((giver * 115 / 100)) ]
        giver=$(took free-riders-60 $seed p)
        rider=$(took free-riders-60 $seed f)
        [ "$giver" -gt $((none * 115 / 100)) ]
        [ "$rider" -gt $((giver * 130 / 100)) ]
        # Without tit for tat who gives waits as long: for all lines.
        [ "$(took free-riders-60 $seed p --set choker=none)" -gt "$rider" ]
    done
}

@test "swarm: where a seed takes turns, who is fast waits longer" {
    turns=$BATS_TEST_TMPDIR/turns.scn rate=0 rotate=0
    printf '%s\n' 'set choker freerider' 'node tracker role=tracker' \
        'node origin join=tracker choker=titfortat upload=200kB/s share=f:4MiB' \
        'at 1s nodes 6 prefix=fast get=f join=origin' \
        'at 1s nodes 6 prefix=slow get=f join=origin download=10kB/s' \
        'run until 500s' >"$turns"
    for seed in 1 2 3 4 5 6; do
        for way in rate rotate; do
            took=$("$bt" show "$turns" --seed $seed --set seed_choke=$way mean-took fast)
            printf -v $way %s $((${!way} + ${took%.*}))
        done
    done
    [ $rotate -gt $((rate * 11 / 10)) ] # 695 s and 592 s
}

@test "swarm: the liar's pieces, and who bans it" {
    [ "$(fact pollution.scn wrong liar)" = "4 5 6 7 8 9 10 11 12 13 14" ]
    for i in 1 2 3 4 5; do
        [ "$(fact pollution.scn banned p$i)" = liar ]
        [ -z "$(fact pollution.scn wrong p$i)" ]
    done
}

@test "swarm: of several senders only the liar is banned" {
    for seed in 1 2 3 4 5 6; do
        [ "$(fact framed.scn --seed $seed banned p1)" = liar ]
    done
}

@test "swarm: in runs with liars and faults nobody keeps a wrong byte" {
    # Generated as for make sweep, which does not look at the bytes.
    ${CC:-cc} -std=c11 -I. -o "$BATS_TEST_TMPDIR/sweep" tests/sweep_bittorrent.c
    for seed in $(seq 40); do
        "$BATS_TEST_TMPDIR/sweep" "$seed" >"$BATS_TEST_TMPDIR/$seed.scn"
        "$bt" show "$BATS_TEST_TMPDIR/$seed.scn" kept-wrong
    done
    grep -l 'bad=' "$BATS_TEST_TMPDIR"/*.scn | wc -l >"$BATS_TEST_TMPDIR/liars"
    [ "$(cat "$BATS_TEST_TMPDIR/liars")" -ge 10 ]
}

@test "swarm: late comers find the others through their peers" {
    [ "$(fact pex.scn known late)" -ge 8 ]
    [ "$(fact pex.scn --set pex=off known late)" -eq 1 ]
}

@test "swarm: a DHT that believes only ids that fit works as well" {
    "$bt" sim "$labs/dht.scn" --set dht=checked --quiet
}

# stores SCENARIO SEED PREFIX COUNT: peers that these nodes keep for others
stores() {
    for i in $(seq "$4"); do
        fact "$1" --seed "$2" dht-stores "$3$i"
    done | tr '\n' ' '
}

# Source: [bep42]
@test "swarm: who sits beside an infohash owns it, if ids need not fit" {
    for seed in 1 2 3; do
        # The seed and p1 announce themselves to the eight, and to nobody else.
        [ "$(stores sybil-believed.scn $seed s 8)" = "2 2 2 2 2 2 2 2 " ]
        [ -z "$(stores sybil-believed.scn $seed d 24 | tr -d '0 ')" ]
        [ "$(fact sybil-believed.scn --seed $seed known p1)" -eq 1 ]
        [ "$(stores sybil-checked.scn $seed s 8)" = "0 0 0 0 0 0 0 0 " ]
        [ "$(fact sybil-checked.scn --seed $seed pieces p1)" -eq 8 ]
    done
}

@test "swarm: without a tracker, the DHT finds the seed" {
    [ "$(fact dht.scn known p1)" -ge 1 ]
    [ "$(fact dht.scn dht-nodes p1)" -ge 8 ]
    # Some node keeps the address of who announced.
    run bash -c "for i in \$(seq 24); do $bt show $labs/dht.scn dht-stores d\$i
        done | grep -vc '^0'"
    [ "$output" -ge 8 ]
    [ "$(fact dht.scn pieces p2)" -eq 8 ]
}

@test "swarm: what peers say before the pieces are known counts later" {
    # Known by its hash alone: a connection that brought the info dictionary
    # also brings the pieces.
    run "$bt" sim $labs/magnet.scn
    [ "$status" -eq 0 ]
    [ "$(grep -c ' origin p1 .* HANDSHAKE' <<<"$output")" -eq 1 ]
    grep -q ' p1     origin INTERESTED' <<<"$output"
    # A leecher told us of its pieces before; its later ones came in between.
    grep -q ' p1     p2     BITFIELD' <<<"$output"
    grep -q 'peer closed: to tell it anew what we have' <<<"$output"
}

@test "swarm: the screens of pieces, rarity, chokes and a routing table" {
    load golden.bash
    "$bt" monitor --dump 80x24 | golden bittorrent-open-80x24.screen
    "$bt" monitor --dump 80x24 --at 2.5s | golden bittorrent-pieces-80x24.screen
    swarm=$labs/swarm.scn
    "$bt" monitor "$swarm" --dump 160x48 --at 5s |
        golden bittorrent-pieces-160x48.screen
    "$bt" monitor "$swarm" --dump 80x24 --at 5s --keys "v" |
        golden bittorrent-rarity-80x24.screen
    "$bt" monitor "$swarm" --dump 80x24 --at 5s --keys "vv<Right><Right><Right>" |
        golden bittorrent-chokes-80x24.screen
    "$bt" monitor "$labs/missing-piece.scn" --dump 80x24 --at 60s --keys "vv" |
        golden bittorrent-crowd-80x24.screen
    "$bt" monitor "$labs/dht.scn" --dump 80x24 --at 30s --keys "vvv<Right>" |
        golden bittorrent-table-80x24.screen
    # A victim, and the liar without a peer.
    "$bt" monitor "$labs/pollution.scn" --dump 80x24 --at 10s \
        --keys "<Right><Right><Right><Right><Right>" |
        golden bittorrent-liar-80x24.screen
}

# figure NAME ARGUMENT...: its rows, as words without fractions.
rows() { "$bt" figure "$@" | sed '1d; s/\.[0-9]*//g; s/,/ /g'; }

@test "swarm: figures: a server's time grows with its clients, a swarm's does not" {
    while read -r nodes _ last bound server; do
        [ "$last" -ge "$bound" ] && [ "$last" -le $((bound * 2)) ]
        [ "$server" -eq $((nodes * 786432 / 50000 - 1)) ]
    done < <(rows gain --nodes 4,32)
}

@test "swarm: figures: free riders wait longer, and make all wait" {
    before=0
    while read -r _ riders giver rider; do
        [ "$giver" -gt "$before" ]
        [ "$riders" -eq 0 ] || [ "$rider" -gt $((giver * 11 / 10)) ]
        before=$giver
    done < <(rows free-riders --points 0,30,60 --seeds 2)
    [ "$before" -gt 0 ]
}

@test "swarm: figures: beyond the seed's rate one piece is missing, and all wait" {
    # The seed sends 0.98 pieces a second.
    read -r _ _ _ few < <(rows missing-piece --points 0.2 --seeds 1)
    read -r _ _ _ many < <(rows missing-piece --points 2 --seeds 1)
    [ "$few" -le 10 ]
    [ "$many" -ge 100 ]
}

@test "swarm: a node that others find first still joins whom it was told to" {
    two=$BATS_TEST_TMPDIR/two.scn
    printf '%s\n' 'set dht on' 'loss 100%' 'node a' 'node b join=a' \
        'after 1s loss 0%' 'node c join=b' 'after 20s expect invariants' >"$two"
    [ "$("$bt" show "$two" dht-nodes a)" -ge 1 ]
    [ "$("$bt" show "$two" dht-nodes b)" -eq 2 ]
}
