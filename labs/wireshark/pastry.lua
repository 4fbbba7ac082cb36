-- Pastry's messages in Wireshark, field by field as `pastry trace` names them.
--
--     wireshark -X lua_script:labs/wireshark/pastry.lua ids.pcapng
--     tshark    -X lua_script:labs/wireshark/pastry.lua -r ids.pcapng -Y pastry
--
-- Port 7000 is claimed; on any other UDP port a message is known by its first
-- four bytes, "PSTR".  pastry/README.md has the format byte by byte.  Like
-- pastry/wire.c this is one walk over a message; what does not fit the format
-- is left over as "undecoded".

local pastry = Proto("pastry", "Pastry (p2plab)")

local PORTS = { 7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007 }
local MAGIC = 0x50535452
local TYPES = { "ROUTE", "ACK", "REACHED", "GET", "STATE", "PING", "PONG",
                "ANNOUNCE", "LEAVE", "STORE", "STORED" }
-- Limits of pastry/limits.h, beyond which a message is malformed.
local MAX = { value = 512, hops = 32, peers = 60 }

local PURPOSES = { [0] = "lookup", "get", "put", "join" }
local PARTS = { [0] = "leaves", "row", "near", "join", "last" }

local field = {}
local function define(kind, names, ...)
    for name in names:gmatch("%S+") do
        field[name] = ProtoField[kind]("pastry." .. name, name, ...)
    end
end
define("uint32", "magic", base.HEX)
define("uint32", "type", base.DEC, TYPES)
define("uint32", [[version digit_bits digits active request
    origin_request hops value_len found keep row count age_ms]], base.DEC)
define("string", "sender key id node origin origin_id path value purpose part")
define("bytes", "undecoded")
define("none", "peers")
pastry.fields = field

-- A cursor over the message: `at` is the next byte, `bad` is set by what
-- breaks the format, and from then on nothing more is read.
local function take(c, len)
    if c.bad or c.at + len > c.tvb:len() then
        c.bad = true
        return nil
    end
    c.at = c.at + len
    return c.tvb(c.at - len, len)
end

-- What is not minor goes to the Info column.
local function say(c, name, value, minor)
    if not minor then
        c.info[#c.info + 1] = name .. " " .. value
    end
end

local function number(c, name, len, minor)
    local range = take(c, len)
    if not range then return 0 end
    c.tree:add(field[name], range)
    say(c, name, range:uint(), minor)
    return range:uint()
end

local function must(c, ok)
    c.bad = c.bad or not ok
end

-- The digits of an id: its last b x digits bits, b at a time.
local function id(c, name, minor)
    local range = take(c, 16)
    if not range then return end
    local bits, text = c.b * c.digits, ""
    for at = 128 - bits, 127, c.b do
        text = text .. ("%x"):format(range:bitfield(at, c.b))
    end
    c.tree:add(field[name], range, text)
    say(c, name, text, minor)
    for at = 0, 127 - bits do must(c, range:bitfield(at, 1) == 0) end
end

local function address(c, name, minor)
    local range = take(c, 6)
    if not range then return end
    local text = tostring(range(0, 4):ipv4()) .. ":" .. range(4, 2):uint()
    if text == "0.0.0.0:0" then text = "none" end
    c.tree:add(field[name], range, text)
    say(c, name, text, minor)
end

local function path(c)
    local hops = number(c, "hops", 1)
    must(c, hops <= MAX.hops)
    for _ = 1, hops do address(c, "path", true) end
end

local function value(c)
    number(c, "version", 4, true)
    local len = number(c, "value_len", 2, true)
    must(c, len <= MAX.value)
    if len == 0 and not c.bad then c.tree:add(field.value, "") end
    local range = len > 0 and take(c, len)
    if not range then return end
    c.tree:add(field.value, range)
    say(c, "value", range:string())
end

-- A byte that stands for a word.
local function word(c, name, words)
    local range = take(c, 1)
    local text = range and words[range:uint()]
    must(c, text)
    if not text then return end
    c.tree:add(field[name], range, text)
    say(c, name, text)
    return text
end

local body = {}

function body.ROUTE(c)
    word(c, "purpose", PURPOSES)
    id(c, "key")
    id(c, "origin_id", true)
    address(c, "origin")
    number(c, "origin_request", 4, true)
    path(c)
    value(c)
end

function body.REACHED(c)
    id(c, "key")
    must(c, number(c, "found", 1) <= 1)
    path(c)
    value(c)
end

function body.GET(c)
    local part = word(c, "part", PARTS)
    must(c, number(c, "row", 1, part == "leaves" or part == "near") < 128)
end

function body.STATE(c)
    body.GET(c)
    local count, outer = number(c, "count", 1, true), c.tree
    must(c, count <= MAX.peers)
    for _ = 1, count do
        if c.bad or c.at + 22 > c.tvb:len() then break end
        c.tree = outer:add(field.peers, c.tvb(c.at, 22))
        id(c, "id", true)
        address(c, "node")
        c.tree = outer
    end
end

function body.ANNOUNCE(c) number(c, "age_ms", 4) end

function body.STORE(c)
    id(c, "key")
    value(c)
end

function body.STORED(c)
    id(c, "key")
    must(c, number(c, "keep", 1) <= 1)
end

-- The header of every message: 29 bytes.
local function message(c)
    must(c, number(c, "magic", 4, true) == MAGIC)
    must(c, number(c, "version", 1, true) == 1)
    local type = TYPES[number(c, "type", 1, true)]
    must(c, type)
    c.b = number(c, "digit_bits", 1, true)
    c.digits = number(c, "digits", 1, true)
    must(c, c.b >= 1 and c.b <= 4 and c.digits >= 1 and c.b * c.digits <= 128)
    must(c, number(c, "active", 1, true) <= 1)
    id(c, "sender", true)
    number(c, "request", 4, true)
    if not c.bad and body[type] then body[type](c) end
    return type
end

function pastry.dissector(tvb, pinfo, root)
    if tvb:len() < 4 or tvb(0, 4):uint() ~= MAGIC then return 0 end
    local c = { tvb = tvb, at = 0, info = {} }
    c.tree = root:add(pastry, tvb())
    local type = message(c)
    if c.at < tvb:len() then
        c.tree:add(field.undecoded, tvb(c.at))
    end
    pinfo.cols.protocol = "Pastry"
    pinfo.cols.info = (type or "undecoded") .. " " .. table.concat(c.info, " ")
    return tvb:len()
end

for _, port in ipairs(PORTS) do
    DissectorTable.get("udp.port"):add(port, pastry)
end
pastry:register_heuristic("udp", function(tvb, pinfo, root)
    return pastry.dissector(tvb, pinfo, root) > 0
end)
