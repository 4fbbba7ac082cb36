# "#", then "name=value" for each field, in order, of what PROGRAM
# `trace --json` says of a file: for tests of the dissectors.
# usage: described PROGRAM FILE
described() {
    "$1" trace "$2" --json --addresses --filter 'kind=message' |
        awk '
    function leaf(value) {
        print key "=" (value == "null" ? "none" : value)
        if (key == "type")
            print "is " type
    }
    /"kind":"message"/ {
        match($0, /"message":"[A-Z_]*"/)
        type = substr($0, RSTART + 11, RLENGTH - 12)
        print "#"
        s = substr($0, index($0, "\"fields\":{") + 9)
        depth = 0
        do {
            c = substr(s, 1, 1)
            if (c == "\"") {
                match(s, /^"([^"\\]|\\.)*"/)
                word = substr(s, 2, RLENGTH - 2)
                gsub(/\\"/, "\"", word)
                s = substr(s, RLENGTH + 1)
                if (substr(s, 1, 1) == ":")
                    key = word
                else
                    leaf(word)
                continue
            }
            depth += (c == "{") - (c == "}")
            if (match(s, /^[a-z0-9]+/)) {
                leaf(substr(s, 1, RLENGTH))
                s = substr(s, RLENGTH)
            }
            s = substr(s, 2)
        } while (depth > 0)
    }'
}
