-- Kelips' messages in Wireshark, field by field as `kelips trace` names them.
--
--     wireshark -X lua_script:labs/wireshark/kelips.lua groups.pcapng
--     tshark    -X lua_script:labs/wireshark/kelips.lua -r groups.pcapng -Y kelips
--
-- Port 7000 is claimed; on any other UDP port a message is known by its first
-- four bytes, "KLPS".  kelips/README.md has the format byte by byte.  Like
-- kelips/wire.c this is one walk over a message; what does not fit the format
-- is left over as "undecoded".

local kelips = Proto("kelips", "Kelips (p2plab)")

local PORTS = { 7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007 }
local MAGIC = 0x4b4c5053
local TYPES = { "JOIN", "WELCOME", "GOSSIP", "LOOKUP", "FOUND", "NOTHERE",
                "GET_CONTACT", "CONTACTS", "INSERT", "INSERTED", "FETCH",
                "DATA", "PING", "PONG" }
-- Limits of kelips/limits.h, beyond which a message is malformed.
local MAX = { name = 64, value = 512, groups = 1024, entry = 40 }

local field = {}
local function define(kind, names, ...)
    for name in names:gmatch("%S+") do
        field[name] = ProtoField[kind]("kelips." .. name, name, ...)
    end
end
define("uint32", "magic", base.HEX)
define("uint32", "type", base.DEC, TYPES)
define("uint32", [[version groups beat request group assign found name_len
    value_len kind heartbeat age_ms spare]], base.DEC)
define("string", "sender key id origin node home name value")
define("bytes", "undecoded")
define("none", "entries")
kelips.fields = field

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

local function id(c, name)
    local range = take(c, 20)
    if range then
        c.tree:add(field[name], range, "0x" .. range:bytes():tohex(true))
    end
end

local function address(c, name, minor)
    local range = take(c, 6)
    if not range then return end
    local text = tostring(range(0, 4):ipv4()) .. ":" .. range(4, 2):uint()
    if text == "0.0.0.0:0" then text = "none" end
    c.tree:add(field[name], range, text)
    say(c, name, text, minor)
end

local function data(c, name, max, len_bytes)
    local len = number(c, name .. "_len", len_bytes, true)
    must(c, len <= max)
    if len == 0 and not c.bad then c.tree:add(field[name], "") end
    local range = len > 0 and take(c, len)
    if not range then return end
    c.tree:add(field[name], range)
    say(c, name, range:string())
end

local function entries(c)
    must(c, (c.tvb:len() - c.at) % MAX.entry == 0)
    local outer = c.tree
    while not c.bad and c.at < c.tvb:len() do
        c.tree = outer:add(field.entries, c.tvb(c.at, MAX.entry))
        local kind = number(c, "kind", 1, true)
        must(c, kind <= 1)
        number(c, "group", 2, true)
        address(c, kind == 1 and "home" or "node")
        number(c, "heartbeat", 4, true)
        number(c, "age_ms", 4, true)
        id(c, kind == 1 and "key" or "id")
        must(c, number(c, "spare", 2, true) == 0)
        must(c, number(c, "spare", 1, true) == 0)
        c.tree = outer
    end
end

local function key(c) id(c, "key") end
local function name(c) data(c, "name", MAX.name, 1) end
local function value(c) data(c, "value", MAX.value, 2) end
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

-- The header of every message: 32 bytes.
local function message(c)
    must(c, number(c, "magic", 4, true) == MAGIC)
    must(c, number(c, "version", 1, true) == 1)
    local type = TYPES[number(c, "type", 1, true)]
    must(c, type)
    c.groups = number(c, "groups", 2, true)
    must(c, c.groups >= 1 and c.groups <= MAX.groups)
    number(c, "beat", 4, true)
    id(c, "sender")
    if type ~= "GOSSIP" then number(c, "request", 4, true) end
    if not c.bad and body[type] then body[type](c) end
    return type
end

function kelips.dissector(tvb, pinfo, root)
    if tvb:len() < 4 or tvb(0, 4):uint() ~= MAGIC then return 0 end
    local c = { tvb = tvb, at = 0, info = {} }
    c.tree = root:add(kelips, tvb())
    local type = message(c)
    if c.at < tvb:len() then
        c.tree:add(field.undecoded, tvb(c.at))
    end
    pinfo.cols.protocol = "Kelips"
    pinfo.cols.info = (type or "undecoded") .. " " .. table.concat(c.info, " ")
    return tvb:len()
end

for _, port in ipairs(PORTS) do
    DissectorTable.get("udp.port"):add(port, kelips)
end
kelips:register_heuristic("udp", function(tvb, pinfo, root)
    return kelips.dissector(tvb, pinfo, root) > 0
end)
