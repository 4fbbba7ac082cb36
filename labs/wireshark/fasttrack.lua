-- FastTrack's plain messages in Wireshark, field by field as `fasttrack trace`
-- names them.
--
--     wireshark -X lua_script:labs/wireshark/fasttrack.lua t.pcapng
--     tshark    -X lua_script:labs/wireshark/fasttrack.lua -r t.pcapng -Y fasttrack
--
-- Ports 1214 and 7000 are claimed; elsewhere a session is known by its first
-- message, or by the handshake's.  Coded sessions are readable on the interface
-- `decoded` of our traces only.  fasttrack/README.md has the format; like
-- fasttrack/wire.c this is one walk over a message.

local fasttrack = Proto("fasttrack", "FastTrack (p2plab)")

local PORTS = { 1214, 7000 }
local TYPES = {
    [0x00] = "NODES", [0x01] = "NEIGHBOURS", [0x02] = "NODE_INFO",
    [0x03] = "SEND_SHARES", [0x05] = "UNSHARE", [0x06] = "QUERY",
    [0x07] = "REPLY", [0x08] = "QUERY_END", [0x09] = "STATS",
    [0x0a] = "FORWARD", [0x0d] = "PUSH", [0x1d] = "NETWORK", [0x22] = "SHARE",
    [0x26] = "VERSION", [0x2c] = "EXTERNAL_IP", [0x60] = "SCORE",
    [0x61] = "PROMOTE" }
local UDP = { [0x27] = "UDP_PING", [0x28] = "UDP_PONG", [0x29] = "UDP_FULL" }
local TAGS = {
    [0] = "any", [1] = "year", [2] = "name", [3] = "hash", [4] = "title",
    [5] = "seconds", [6] = "artist", [8] = "album", [0x0a] = "language",
    [0x0c] = "keywords", [0x0e] = "genre", [0x11] = "bitdepth",
    [0x12] = "type", [0x15] = "quality", [0x1a] = "comment", [0x1c] = "codec",
    [0x1d] = "rating", [0x21] = "size" }
local NUMBERS = { year = true, seconds = true, bitdepth = true, quality = true,
                  rating = true, size = true }
local UINT = [[kind type route length search max one zero zeros two unknown
    results realm terms compare tag tags file_id size bandwidth same_user media
    load seen_min children degree age participation hops query push_id users
    files version score eligible min_enc flags end year seconds bitdepth
    quality rating rand seed masked]]
local TEXT = [[ip node addr supernode source target owner owner_supernode asker
    user network hash name title artist album language keywords genre comment
    codec any value body more unused undecoded]]

local field = {}
for name in UINT:gmatch("%S+") do
    field[name] = ProtoField.uint32("fasttrack." .. name, name)
end
for name in TEXT:gmatch("%S+") do
    field[name] = ProtoField.string("fasttrack." .. name, name)
end
fasttrack.fields = field

-- A cursor: `at` is the next byte, `last` the end; `bad` ends all reading.
local function take(c, len)
    if c.bad or c.at + len > c.last then
        c.bad = true
        return nil
    end
    c.at = c.at + len
    return len > 0 and c.tvb(c.at - len, len) or nil
end

local function number(c, name, len)
    local range = take(c, len)
    if not range then return 0 end
    c.tree:add(field[name], range, range:uint())
    return range:uint()
end

local function address(c, name)
    local range = take(c, 6)
    if not range then return end
    c.tree:add(field[name], range, tostring(range(0, 4):ipv4()) .. ":" ..
        range(4, 2):uint())
end

local function text(c, name, len)
    local range = take(c, len)
    if c.bad then return end
    local item
    if range then c.tree:add(field[name], range, range:string())
    else c.tree:add(field[name], "") end
end

local function bytes(c, name, len)
    local range = take(c, len)
    if range then c.tree:add(field[name], range, range:bytes():tohex(true)) end
end

local function dynint(c, name)
    local value, from = 0, c.at
    for _ = 1, 5 do
        local range = take(c, 1)
        if not range then return 0 end
        local b = range:uint()
        value = value * 128 + b % 128
        if b < 128 then
            c.tree:add(field[name], c.tvb(from, c.at - from), value)
            return value
        end
    end
    c.bad = true
    return 0
end

local function until_byte(c, name, stop)
    local len = 0
    while c.at + len < c.last and c.tvb(c.at + len, 1):uint() ~= stop do
        len = len + 1
    end
    text(c, name, len)
    number(c, "end", 1)
end

local function rest(c, name, how)
    if not c.bad and c.at < c.last then how(c, name, c.last - c.at) end
end

local function value(c, tag)
    local name, len = TAGS[tag] or "value", dynint(c, "length")
    if NUMBERS[name] then dynint(c, name)
    elseif name == "hash" then bytes(c, name, len)
    else text(c, name, len) end
end

local function tags(c)
    for _ = 1, dynint(c, "tags") do value(c, dynint(c, "tag")) end
end

local function file(c)
    bytes(c, "hash", 20)
    dynint(c, "file_id")
    dynint(c, "size")
    tags(c)
end

local function query(c)
    number(c, "one", 1)
    number(c, "realm", 1)
    for _ = 1, number(c, "terms", 1) do
        number(c, "compare", 1)
        value(c, dynint(c, "tag"))
    end
end

local function result(c)
    address(c, "node")
    number(c, "bandwidth", 1)
    if c.at < c.last and c.tvb(c.at, 1):uint() == 2 then
        number(c, "same_user", 1)
    else
        until_byte(c, "user", 1)
        until_byte(c, "network", 0)
    end
    file(c)
end

local body = {}
function body.NODES(c)
    while not c.bad and c.at < c.last do
        address(c, "node")
        number(c, "seen_min", 1)
        number(c, "load", 1)
    end
end
function body.NEIGHBOURS(c)
    while not c.bad and c.at < c.last do
        address(c, "node")
        number(c, "load", 1)
        number(c, "children", 2)
        number(c, "degree", 1)
        number(c, "age", 4)
        number(c, "participation", 2)
        bytes(c, "unused", 9)
        number(c, "hops", 1)
    end
end
function body.NODE_INFO(c)
    address(c, "addr")
    number(c, "bandwidth", 1)
    number(c, "zero", 1)
    rest(c, "user", text)
end
function body.SHARE(c)
    number(c, "zero", 1)
    number(c, "media", 1)
    number(c, "zeros", 2)
    file(c)
end
body.UNSHARE = file
function body.QUERY(c)
    number(c, "one", 2)
    number(c, "max", 2)
    number(c, "search", 2)
    query(c)
end
function body.FORWARD(c)
    number(c, "query", 4)
    number(c, "search", 2)
    query(c)
end
function body.REPLY(c)
    address(c, "supernode")
    number(c, "search", 2)
    for _ = 1, number(c, "results", 2) do result(c) end
end
function body.QUERY_END(c) number(c, "search", 2) end
function body.STATS(c)
    number(c, "users", 4)
    number(c, "files", 4)
    rest(c, "more", bytes)
end
function body.PUSH(c)
    number(c, "push_id", 4)
    address(c, "asker")
    if c.at == c.last then return end
    address(c, "owner")
    address(c, "owner_supernode")
    rest(c, "user", text)
end
function body.NETWORK(c) rest(c, "network", text) end
function body.VERSION(c) number(c, "version", 4) end
function body.EXTERNAL_IP(c)
    local range = take(c, 4)
    if range then
        c.tree:add(field.ip, range, tostring(range:ipv4()) .. ":0")
    end
end
function body.SCORE(c)
    number(c, "score", 4)
    number(c, "eligible", 1)
end

local function finish(c, pinfo, type)
    if c.at < c.last then bytes({ tvb = c.tvb, at = c.at, last = c.last,
                                  tree = c.tree }, "undecoded", c.last - c.at) end
    pinfo.cols.protocol = "FastTrack"
    pinfo.cols.info = type
    pinfo.cols.info:fence()
end

-- One whole message of `len` bytes from `at` on.
local function message(tvb, at, len, pinfo, root)
    local c = { tvb = tvb, at = at, last = at + len }
    c.tree = root:add(fasttrack, tvb(at, len))
    local kind = string.char(number(c, "kind", 1))
    local type = kind == "P" and "PING" or "PONG"
    if kind == "K" then
        type = TYPES[number(c, "type", 1)] or "UNKNOWN"
        local route = number(c, "route", 1)
        number(c, "length", 2)
        if route ~= 0 then
            address(c, "source")
            if route == 0x80 then address(c, "target")
            else number(c, "unknown", 2) end
            number(c, "hops", 1)
        end
        if body[type] then body[type](c) else rest(c, "body", bytes) end
    end
    finish(c, pinfo, type)
end

-- The length of the message at `at`; nil: none; 0: more is needed.
local function length(tvb, at)
    local kind = tvb(at, 1):uint()
    if kind == 0x50 or kind == 0x52 then return 1 end
    if kind ~= 0x4b then return nil end
    if tvb:len() - at < 5 then return 0 end
    return 5 + tvb(at + 3, 2):uint()
end

local function stream(tvb, pinfo, root)
    local at = 0
    while at < tvb:len() do
        local len = length(tvb, at)
        if not len then return at end
        if len == 0 or at + len > tvb:len() then
            pinfo.desegment_offset = at
            pinfo.desegment_len = len == 0 and DESEGMENT_ONE_MORE_SEGMENT
                or at + len - tvb:len()
            return tvb:len()
        end
        message(tvb, at, len, pinfo, root)
        at = at + len
    end
    return at
end

local function datagram(tvb, pinfo, root)
    local type = tvb:len() > 5 and UDP[tvb(0, 1):uint()]
    if not type then return 0 end
    local c = { tvb = tvb, at = 0, last = tvb:len() }
    c.tree = root:add(fasttrack, tvb())
    number(c, "type", 1)
    number(c, "min_enc", 4)
    if type ~= "UDP_FULL" then
        number(c, type == "UDP_PING" and "flags" or "zero", 1)
        if type == "UDP_PONG" then
            number(c, "age", 1)
            number(c, "unknown", 2)
            number(c, "load", 1)
            number(c, "unknown", 1)
        end
        until_byte(c, "network", 0)
    end
    rest(c, "more", bytes)
    finish(c, pinfo, type)
    return tvb:len()
end

function fasttrack.dissector(tvb, pinfo, root)
    if pinfo.port_type == 3 then return datagram(tvb, pinfo, root) end
    return stream(tvb, pinfo, root)
end

for _, port in ipairs(PORTS) do
    DissectorTable.get("udp.port"):add(port, fasttrack)
    DissectorTable.get("tcp.port"):add(port, fasttrack)
end
fasttrack:register_heuristic("tcp", function(tvb, pinfo, root)
    local first = tvb:len() >= 5 and tvb(0, 1):uint() == 0x4b and
        TYPES[tvb(1, 1):uint()] and tvb(2, 1):uint() == 0 and
        tvb:len() >= 5 + tvb(3, 2):uint()
    return first and stream(tvb, pinfo, root) > 0 or false
end)
