-- Pastry's messages in Wireshark, field by field as `pastry trace` names them.
--
--     wireshark -X lua_script:labs/wireshark/pastry.lua ids.pcapng
--     tshark    -X lua_script:labs/wireshark/pastry.lua -r ids.pcapng -Y pastry
--
-- Port 7000 is claimed; on any other UDP port a message is known by its first
-- four bytes, "PSTR".  pastry/README.md has the format byte by byte.  Like
-- pastry/wire.c this is one walk over a message; what does not fit the format
-- is left over as "undecoded".

local d = dofile(__DIR__ .. "/datagram.lua")
local pastry, define = d.protocol("pastry", "Pastry")
local number, must, address, list = d.number, d.must, d.address, d.list

local PORTS = { 7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007 }
local MAGIC = 0x50535452
local TYPES = { "ROUTE", "ACK", "REACHED", "GET", "STATE", "PING", "PONG",
                "ANNOUNCE", "LEAVE", "STORE", "STORED" }
-- Limits of pastry/limits.h, beyond which a message is malformed.
local MAX = { value = 512, hops = 32, peers = 60 }

local PURPOSES = { [0] = "lookup", "get", "put", "join" }
local PARTS = { [0] = "leaves", "row", "near", "join", "last" }

define("uint32", "type", base.DEC, TYPES)
define("uint32", [[version digit_bits digits active request
    origin_request hops value_len found keep row count age_ms]], base.DEC)
define("string", "sender key id node origin origin_id path value purpose part")
define("none", "peers")

-- The digits of an id: its last b x digits bits, b at a time.
local function id(c, name, minor)
    local range = d.take(c, 16)
    if not range then return end
    local bits, text = c.b * c.digits, ""
    for at = 128 - bits, 127, c.b do
        text = text .. ("%x"):format(range:bitfield(at, c.b))
    end
    c.tree:add(c.field[name], range, text)
    d.say(c, name, text, minor)
    for at = 0, 127 - bits do must(c, range:bitfield(at, 1) == 0) end
end

local function path(c)
    list(c, "hops", MAX.hops, function() address(c, "path", true) end)
end

local function value(c)
    number(c, "version", 4, true)
    d.text(c, "value", MAX.value, 2)
end

-- A byte that stands for a word.
local function word(c, name, words)
    local range = d.take(c, 1)
    local text = range and words[range:uint()]
    must(c, text)
    if not text then return end
    c.tree:add(c.field[name], range, text)
    d.say(c, name, text)
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

local function peer(c)
    id(c, "id", true)
    address(c, "node")
end

function body.STATE(c)
    body.GET(c)
    list(c, "count", MAX.peers, function() d.group(c, "peers", peer) end, true)
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

-- The header goes on to its 29th byte.
local function message(c, type)
    c.b = number(c, "digit_bits", 1, true)
    c.digits = number(c, "digits", 1, true)
    must(c, c.b >= 1 and c.b <= 4 and c.digits >= 1 and c.b * c.digits <= 128)
    must(c, number(c, "active", 1, true) <= 1)
    if c.bad then return end
    id(c, "sender", true)
    number(c, "request", 4, true)
    if not c.bad and body[type] then body[type](c) end
end

d.register(pastry, MAGIC, TYPES, PORTS, message)
