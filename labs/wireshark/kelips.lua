-- Kelips' messages in Wireshark, field by field as `kelips trace` names them.
--
--     wireshark -X lua_script:labs/wireshark/kelips.lua groups.pcapng
--     tshark    -X lua_script:labs/wireshark/kelips.lua -r groups.pcapng -Y kelips
--
-- Port 7000 is claimed; on any other UDP port a message is known by its first
-- four bytes, "KLPS".  kelips/README.md has the format byte by byte.  Like
-- kelips/wire.c this is one walk over a message; what does not fit the format
-- is left over as "undecoded".

local d = dofile(__DIR__ .. "/datagram.lua")
local kelips, define = d.protocol("kelips", "Kelips")
local number, must, address = d.number, d.must, d.address

local PORTS = { 7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007 }
local MAGIC = 0x4b4c5053
local TYPES = { "JOIN", "WELCOME", "GOSSIP", "LOOKUP", "FOUND", "NOTHERE",
                "GET_CONTACT", "CONTACTS", "INSERT", "INSERTED", "FETCH",
                "DATA", "PING", "PONG" }
-- Limits of kelips/limits.h, beyond which a message is malformed.
local MAX = { name = 64, value = 512, groups = 1024, entry = 40 }

define("uint32", "type", base.DEC, TYPES)
define("uint32", [[version groups beat request group assign found name_len
    value_len kind heartbeat age_ms spare]], base.DEC)
define("string", "sender key id origin node home name value")
define("none", "entries")

local function id(c, name)
    local range = d.take(c, 20)
    if range then
        c.tree:add(c.field[name], range, "0x" .. range:bytes():tohex(true))
    end
end

local function entry(c)
    local kind = number(c, "kind", 1, true)
    must(c, kind <= 1)
    number(c, "group", 2, true)
    address(c, kind == 1 and "home" or "node")
    number(c, "heartbeat", 4, true)
    number(c, "age_ms", 4, true)
    id(c, kind == 1 and "key" or "id")
    must(c, number(c, "spare", 2, true) == 0)
    must(c, number(c, "spare", 1, true) == 0)
end

local function entries(c)
    must(c, (c.tvb:len() - c.at) % MAX.entry == 0)
    while not c.bad and c.at < c.tvb:len() do d.group(c, "entries", entry) end
end

local function key(c) id(c, "key") end
local function name(c) d.text(c, "name", MAX.name, 1) end
local function value(c) d.text(c, "value", MAX.value, 2) end
local function key_name(c) key(c) name(c) end
local function key_entries(c) key(c) entries(c) end

local body = {
    WELCOME = entries, GOSSIP = entries,
    LOOKUP = key_name, FETCH = key_name,
    FOUND = key_entries, NOTHERE = key_entries, INSERTED = key_entries,
}

function body.GET_CONTACT(c)
    must(c, number(c, "group", 2) < c.groups)
end

function body.CONTACTS(c)
    body.GET_CONTACT(c)
    entries(c)
end

function body.INSERT(c)
    must(c, number(c, "assign", 1, true) <= 1)
    address(c, "origin", true)
    name(c)
    value(c)
    entries(c)
end

function body.DATA(c)
    key(c)
    must(c, number(c, "found", 1) <= 1)
    value(c)
end

-- The header goes on to its 32nd byte.
local function message(c, type)
    c.groups = number(c, "groups", 2, true)
    must(c, c.groups >= 1 and c.groups <= MAX.groups)
    number(c, "beat", 4, true)
    id(c, "sender")
    if type ~= "GOSSIP" then number(c, "request", 4, true) end
    if not c.bad and body[type] then body[type](c) end
end

d.register(kelips, MAGIC, TYPES, PORTS, message)
