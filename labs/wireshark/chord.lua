-- Chord's messages in Wireshark, field by field as `chord trace` names them.
--
--     wireshark -X lua_script:labs/wireshark/chord.lua ring.pcapng
--     tshark    -X lua_script:labs/wireshark/chord.lua -r ring.pcapng -Y chord
--
-- The ports of the worksheets are claimed; on any other UDP port a message is
-- known by its first four bytes, "CHRD".  chord/README.md has the format byte
-- by byte.  To install: copy this file to Wireshark's folder of personal Lua
-- plugins (Help, About, Folders).  One file is all it takes, and so what
-- reads numbers and addresses is the same here, in pastry.lua and kelips.lua.
--
-- Like chord/wire.c this is one walk over a message: each function below
-- names the fields of a part of it in order.  What does not fit the format
-- is left over as "undecoded".

local chord = Proto("chord", "Chord (p2plab)")

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

local field = {}
local function define(kind, names, ...)
    for name in names:gmatch("%S+") do
        field[name] = ProtoField[kind]("chord." .. name, name, ...)
    end
end
define("uint32", "magic", base.HEX)
define("uint32", "type", base.DEC, TYPES)
define("uint32", [[version bits to_vnode from_vnode request hops flags status
    role origin_vnode owner_vnode next_vnode predecessor_vnode vnode from
    path_count avoid_count list_count run_count item_count name_len deleted
    value_len copies checksum back same]], base.DEC)
-- Identifiers have up to 160 bits; nodes are an address and a port.
define("string", [[sender key previous avoid after to id origin_id owner_id
    next_id predecessor_id]])
define("string", "origin owner next predecessor path node name value")
define("bytes", "undecoded")
define("none", "successors fingers items")
chord.fields = field

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

-- As few bytes as `bits` need: decimal up to 32 bits, hexadecimal above.
local function id(c, name, minor)
    local range = take(c, math.ceil(c.bits / 8))
    if not range then return end
    local first, highest = range(0, 1):uint(), 2 ^ ((c.bits - 1) % 8 + 1)
    must(c, first < highest)
    local hex = string.format("%02x", first % highest) ..
        range:bytes():tohex(true):sub(3)
    local text = "0x" .. hex:sub(-math.ceil(c.bits / 4))
    if c.bits <= 32 then text = tostring(tonumber(hex, 16)) end
    c.tree:add(field[name], range, text)
    say(c, name, text, minor)
end

local function address(c, name)
    local range = take(c, 6)
    if not range then return end
    local port = range(4, 2):uint()
    local text = tostring(range(0, 4):ipv4()) .. ":" .. port
    if text == "0.0.0.0:0" then text = "none" end
    c.tree:add(field[name], range, text)
    say(c, name, text)
end

local function data(c, name, len)
    if len == 0 and not c.bad then c.tree:add(field[name], "") end
    local range = len > 0 and take(c, len)
    if not range then return end
    c.tree:add(field[name], range)
    say(c, name, range:string())
end

-- A ring member: where it is, its id, which of that node's virtual nodes.
local function peer(c, name, id_name, vnode_name)
    address(c, name)
    id(c, id_name, true)
    number(c, vnode_name, 1, true)
end

-- `count_name`, a byte, says how often `element` follows.
local function list(c, count_name, max, element)
    local count = number(c, count_name, 1, true)
    must(c, count <= max)
    for _ = 1, count do
        if c.bad then return end
        element()
    end
end

-- The same where each element has several fields, in a branch of its own.
local function groups(c, name, count_name, max, element)
    local outer = c.tree
    list(c, count_name, max, function()
        c.tree = outer:add(field[name], c.tvb(c.at))
        local start = c.at
        element()
        c.tree:set_len(c.at - start)
        c.tree = outer
    end)
end

local function path(c)
    list(c, "path_count", MAX.path, function() address(c, "path") end)
end

local function successors(c)
    groups(c, "successors", "list_count", MAX.successors, function()
        peer(c, "node", "id", "vnode")
    end)
end

local function item(c)
    id(c, "key")
    local name_len = number(c, "name_len", 1, true)
    must(c, name_len <= MAX.name)
    data(c, "name", name_len)
    number(c, "version", 4)
    must(c, number(c, "deleted", 1, true) <= 1)
    local value_len = number(c, "value_len", 2, true)
    must(c, value_len <= MAX.value)
    data(c, "value", value_len)
end

local body = {}

function body.FIND_SUCC(c)
    id(c, "key")
    number(c, "hops", 2)
    must(c, number(c, "flags", 1, true) <= 15)
    peer(c, "origin", "origin_id", "origin_vnode")
    id(c, "previous", true)
    path(c)
    list(c, "avoid_count", MAX.avoid, function() id(c, "avoid") end)
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
    groups(c, "items", "item_count", MAX.items, function() item(c) end)
end

function body.TRANSFER_ACK(c)
    must(c, number(c, "same", 1) <= 1)
end

-- The header of every message: 14 bytes and the sender's id.
local function message(c)
    must(c, number(c, "magic", 4, true) == MAGIC)
    must(c, number(c, "version", 1, true) == 1)
    local name = TYPES[number(c, "type", 1, true)]
    must(c, name)
    c.bits = number(c, "bits", 1, true)
    must(c, c.bits >= 3 and c.bits <= MAX.bits)
    number(c, "to_vnode", 1, true)
    number(c, "from_vnode", 1, true)
    number(c, "request", 4, true)
    if c.bad then return name end
    id(c, "sender", true)
    if body[name] then body[name](c) end
    return name
end

local function is_chord(tvb)
    return tvb:len() >= 4 and tvb(0, 4):uint() == MAGIC
end

function chord.dissector(tvb, pinfo, root)
    if not is_chord(tvb) then return 0 end
    local c = { tvb = tvb, at = 0, info = {} }
    c.tree = root:add(chord, tvb())
    local name = message(c)
    if c.at < tvb:len() then
        c.tree:add(field.undecoded, tvb(c.at))
    end
    pinfo.cols.protocol = "Chord"
    pinfo.cols.info = (name or "undecoded") .. " " .. table.concat(c.info, " ")
    return tvb:len()
end

for _, port in ipairs(PORTS) do
    DissectorTable.get("udp.port"):add(port, chord)
end
chord:register_heuristic("udp", function(tvb, pinfo, root)
    return chord.dissector(tvb, pinfo, root) > 0
end)
