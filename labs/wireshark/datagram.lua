-- What chord.lua, pastry.lua and kelips.lua have in common: a walk over a
-- datagram that names its fields in order, as common/codec.h does in C.
-- By itself it adds nothing to Wireshark; keep it beside the others.

local M = {}

-- A protocol, and a function that defines fields of it: the kind of
-- ProtoField, names, and what ProtoField takes besides.
function M.protocol(name, title)
    local proto, field = Proto(name, title .. " (p2plab)"), {}
    local function define(kind, names, ...)
        for each in names:gmatch("%S+") do
            field[each] = ProtoField[kind](name .. "." .. each, each, ...)
        end
    end
    define("uint32", "magic", base.HEX)
    define("bytes", "undecoded")
    return { proto = proto, title = title, field = field }, define
end

-- A cursor over the message: `at` is the next byte, `bad` is set by what
-- breaks the format, and from then on nothing more is read.
function M.take(c, len)
    if c.bad or c.at + len > c.tvb:len() then
        c.bad = true
        return nil
    end
    c.at = c.at + len
    return c.tvb(c.at - len, len)
end

-- What is not minor goes to the Info column.
function M.say(c, name, value, minor)
    if not minor then
        c.info[#c.info + 1] = name .. " " .. value
    end
end

function M.must(c, ok)
    c.bad = c.bad or not ok
end

function M.number(c, name, len, minor)
    local range = M.take(c, len)
    if not range then return 0 end
    c.tree:add(c.field[name], range)
    M.say(c, name, range:uint(), minor)
    return range:uint()
end

function M.address(c, name, minor)
    local range = M.take(c, 6)
    if not range then return end
    local text = tostring(range(0, 4):ipv4()) .. ":" .. range(4, 2):uint()
    if text == "0.0.0.0:0" then text = "none" end
    c.tree:add(c.field[name], range, text)
    M.say(c, name, text, minor)
end

-- Text of at most `max` bytes behind its length, NAME_len.
function M.text(c, name, max, len_bytes)
    local len = M.number(c, name .. "_len", len_bytes, true)
    M.must(c, len <= max)
    if len == 0 and not c.bad then c.tree:add(c.field[name], "") end
    local range = len > 0 and M.take(c, len)
    if not range then return end
    c.tree:add(c.field[name], range)
    M.say(c, name, range:string())
end

-- `count_name`, a byte, says how often `element` follows.
function M.list(c, count_name, max, element, minor)
    local count = M.number(c, count_name, 1, minor)
    M.must(c, count <= max)
    for _ = 1, count do
        if c.bad then return end
        element(c)
    end
end

-- An element of several fields, in a branch of its own.
function M.group(c, name, element)
    local outer, start = c.tree, c.at
    if c.bad or start == c.tvb:len() then
        c.bad = true
        return
    end
    c.tree = outer:add(c.field[name], c.tvb(start))
    element(c)
    c.tree:set_len(c.at - start)
    c.tree = outer
end

-- By magic number, for all scripts: who claimed a port last is given what
-- belongs to the others, too.
_G.p2plab_datagrams = _G.p2plab_datagrams or {}
local all = _G.p2plab_datagrams

-- Claim these ports of UDP, and on any other what begins with the magic
-- number.  `message` reads what follows magic, version 1 and type, of which it
-- is told the name; what it leaves is "undecoded".
function M.register(p, magic, types, ports, message)
    all[magic] = function(tvb, pinfo, root)
        local c = { tvb = tvb, at = 0, info = {}, field = p.field }
        c.tree = root:add(p.proto, tvb())
        M.number(c, "magic", 4, true)
        M.must(c, M.number(c, "version", 1, true) == 1)
        local type = types[M.number(c, "type", 1, true)]
        M.must(c, type)
        if not c.bad then message(c, type) end
        if c.at < tvb:len() then
            c.tree:add(p.field.undecoded, tvb(c.at))
        end
        pinfo.cols.protocol = p.title
        pinfo.cols.info = (type or "undecoded") .. " " ..
            table.concat(c.info, " ")
        return tvb:len()
    end
    function p.proto.dissector(tvb, pinfo, root)
        local dissect = tvb:len() >= 4 and all[tvb(0, 4):uint()]
        return dissect and dissect(tvb, pinfo, root) or 0
    end
    p.proto.fields = p.field
    for _, port in ipairs(ports) do
        DissectorTable.get("udp.port"):add(port, p.proto)
    end
    p.proto:register_heuristic("udp", function(tvb, pinfo, root)
        return p.proto.dissector(tvb, pinfo, root) > 0
    end)
end

return M
