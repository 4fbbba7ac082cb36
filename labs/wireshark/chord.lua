-- Chord's messages in Wireshark, field by field as `chord trace` names them.
--
--     wireshark -X lua_script:labs/wireshark/chord.lua ring.pcapng
--     tshark    -X lua_script:labs/wireshark/chord.lua -r ring.pcapng -Y chord
--
-- The ports of the worksheets are claimed; on any other UDP port a message is
-- known by its first four bytes, "CHRD".  chord/README.md has the format byte
-- by byte.  To install: copy this file and datagram.lua, which reads numbers
-- and addresses for pastry.lua and kelips.lua as well, to Wireshark's folder
-- of personal Lua plugins (Help, About, Folders).
--
-- Like chord/wire.c this is one walk over a message: each function below
-- names the fields of a part of it in order.  What does not fit the format
-- is left over as "undecoded".

local d = dofile(__DIR__ .. "/datagram.lua")
local chord, define = d.protocol("chord", "Chord")
local number, must, address, list = d.number, d.must, d.address, d.list

-- The lecture's ring on loopback; simulated nodes are on 7000.  Wireshark
-- takes some of these ports for other protocols, which may look like ours.
local PORTS = { 7074, 7009, 7029, 7370, 7735, 7148, 7179, 7000 }
local MAGIC = 0x43485244
local TYPES = { "FIND_SUCC", "FOUND", "NEXT", "GET_STATE", "STATE", "NOTIFY",
                "GET_FINGERS", "FINGERS", "PING", "PONG", "PUT", "GET", "DEL",
                "VALUE", "TRANSFER", "TRANSFER_ACK", "LEAVE", "LEAVE_ACK" }
-- Limits of chord/limits.h, beyond which a message is malformed.
local MAX = { path = 128, avoid = 16, successors = 32, fingers = 48,
              items = 32, name = 64, value = 1024, bits = 160 }

define("uint32", "type", base.DEC, TYPES)
define("uint32", [[version bits to_vnode from_vnode request hops flags status
    role origin_vnode owner_vnode next_vnode predecessor_vnode vnode from
    path_count avoid_count list_count run_count item_count name_len deleted
    value_len copies checksum back same]], base.DEC)
-- Identifiers have up to 160 bits; nodes are an address and a port.
define("string", [[sender key previous avoid after to id origin_id owner_id
    next_id predecessor_id]])
define("string", "origin owner next predecessor path node name value")
define("none", "successors fingers items")

-- As few bytes as `bits` need: decimal up to 32 bits, hexadecimal above.
local function id(c, name, minor)
    local range = d.take(c, math.ceil(c.bits / 8))
    if not range then return end
    local first, highest = range(0, 1):uint(), 2 ^ ((c.bits - 1) % 8 + 1)
    must(c, first < highest)
    local hex = string.format("%02x", first % highest) ..
        range:bytes():tohex(true):sub(3)
    local text = "0x" .. hex:sub(-math.ceil(c.bits / 4))
    if c.bits <= 32 then text = tostring(tonumber(hex, 16)) end
    c.tree:add(c.field[name], range, text)
    d.say(c, name, text, minor)
end

-- A ring member: where it is, its id, which of that node's virtual nodes.
local function peer(c, name, id_name, vnode_name)
    address(c, name)
    id(c, id_name, true)
    number(c, vnode_name, 1, true)
end

-- Elements of several fields each.
local function groups(c, name, count_name, max, element)
    list(c, count_name, max, function() d.group(c, name, element) end, true)
end

local function path(c)
    list(c, "path_count", MAX.path, function() address(c, "path") end, true)
end

local function successors(c)
    groups(c, "successors", "list_count", MAX.successors, function()
        peer(c, "node", "id", "vnode")
    end)
end

local function item(c)
    id(c, "key")
    d.text(c, "name", MAX.name, 1)
    number(c, "version", 4)
    must(c, number(c, "deleted", 1, true) <= 1)
    d.text(c, "value", MAX.value, 2)
end

local body = {}

function body.FIND_SUCC(c)
    id(c, "key")
    number(c, "hops", 2)
    must(c, number(c, "flags", 1, true) <= 15)
    peer(c, "origin", "origin_id", "origin_vnode")
    id(c, "previous", true)
    path(c)
    list(c, "avoid_count", MAX.avoid, function() id(c, "avoid") end, true)
end

function body.FOUND(c)
    id(c, "key")
    must(c, number(c, "status", 1, true) <= 2)
    peer(c, "owner", "owner_id", "owner_vnode")
    number(c, "hops", 2)
    path(c)
    successors(c)
end

function body.NEXT(c)
    id(c, "key")
    peer(c, "next", "next_id", "next_vnode")
end

function body.STATE(c)
    peer(c, "predecessor", "predecessor_id", "predecessor_vnode")
    successors(c)
end
body.LEAVE = body.STATE

function body.NOTIFY(c)
    must(c, number(c, "role", 1, true) <= 1)
end

function body.FINGERS(c)
    groups(c, "fingers", "run_count", MAX.fingers, function()
        must(c, number(c, "from", 1) < c.bits)
        peer(c, "node", "id", "vnode")
    end)
end

body.PUT, body.GET, body.DEL = item, item, item

function body.VALUE(c)
    must(c, number(c, "status", 1) <= 3)
    number(c, "copies", 1)
    item(c)
end

function body.TRANSFER(c)
    id(c, "after")
    id(c, "to")
    number(c, "checksum", 4, true)
    number(c, "back", 1, true)
    groups(c, "items", "item_count", MAX.items, item)
end

function body.TRANSFER_ACK(c)
    must(c, number(c, "same", 1) <= 1)
end

-- The header goes on to its 14th byte; the sender's id is behind it.
local function message(c, type)
    c.bits = number(c, "bits", 1, true)
    must(c, c.bits >= 3 and c.bits <= MAX.bits)
    number(c, "to_vnode", 1, true)
    number(c, "from_vnode", 1, true)
    number(c, "request", 4, true)
    if c.bad then return end
    id(c, "sender", true)
    if body[type] then body[type](c) end
end

d.register(chord, MAGIC, TYPES, PORTS, message)
