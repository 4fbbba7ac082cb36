-- What Wireshark 4.0 lacks of BitTorrent: trackers over UDP, field by field as
-- `bittorrent trace` names them, and the bencoded answers of those over HTTP.
-- Peers and the DHT it decodes by itself.
--
--     wireshark -X lua_script:labs/wireshark/bittorrent.lua swarm.pcapng
--     tshark    -X lua_script:labs/wireshark/bittorrent.lua -r swarm.pcapng \
--               -Y bttracker
--
-- A conversation is known by its first datagram, a CONNECT with its magic.
-- Like bittorrent/trackwire.c this is one walk over a message; what does not
-- fit the format [bep15] is left over as "undecoded".

local tracker = Proto("bttracker", "BitTorrent tracker (p2plab)")

local MAGIC = "0000041727101980"
local ASKED = { [0] = "CONNECT", "ANNOUNCE", "SCRAPE" }
local ANSWERED = { [0] = "CONNECTED", "ANNOUNCED", "SCRAPED", "TRACKER_ERROR" }

local field = {}
local function define(kind, names, ...)
    for name in names:gmatch("%S+") do
        field[name] = ProtoField[kind]("bttracker." .. name, name, ...)
    end
end
define("uint32", "magic", base.HEX)
define("uint64", "connection downloaded left uploaded", base.DEC)
define("uint32", [[action transaction event ip key num_want interval leechers
    seeders completed]], base.DEC)
define("uint16", "port", base.DEC)
define("string", "type text peers")
define("bytes", "info_hash peer_id swarms options undecoded")
tracker.fields = field

-- A cursor over the message: `at` is the next byte, `bad` is set by what is
-- too short, and from then on nothing more is read.
local function take(c, len)
    if c.bad or c.at + len > c.tvb:len() then
        c.bad = true
        return nil
    end
    c.at = c.at + len
    return c.tvb(c.at - len, len)
end

local function left(c)
    return c.tvb:len() - c.at
end

local function each(c, len, names)
    for name in names:gmatch("%S+") do
        local range = take(c, len)
        if range then c.tree:add(field[name], range) end
    end
end

local function rest(c, name)
    if left(c) > 0 then each(c, left(c), name) end
end

local function peers(c)
    while not c.bad and left(c) >= 6 do
        local range = take(c, 6)
        c.tree:add(field.peers, range, tostring(range(0, 4):ipv4()) .. ":" ..
                   range(4, 2):uint())
    end
end

local body = {}

function body.CONNECTED(c) each(c, 8, "connection") end

function body.ANNOUNCE(c)
    each(c, 20, "info_hash peer_id")
    each(c, 8, "downloaded left uploaded")
    each(c, 4, "event ip key num_want")
    each(c, 2, "port")
    rest(c, "options")
end

function body.ANNOUNCED(c)
    each(c, 4, "interval leechers seeders")
    peers(c)
end

function body.SCRAPE(c)
    while not c.bad and left(c) >= 20 do each(c, 20, "swarms") end
end

function body.SCRAPED(c)
    while not c.bad and left(c) >= 12 do
        each(c, 4, "seeders completed leechers")
    end
end

function body.TRACKER_ERROR(c) rest(c, "text") end

-- An answer begins with its action, a question with 8 bytes before that.
local function message(c)
    local answer = c.tvb:len() >= 8 and c.tvb(0, 4):uint() <= 3
    if not answer and c.tvb:len() < 16 then return nil end
    if not answer and tostring(c.tvb(0, 8):bytes()) == MAGIC then
        each(c, 4, "magic magic")
    elseif not answer then
        each(c, 8, "connection")
    end
    local type = (answer and ANSWERED or ASKED)[c.tvb(c.at, 4):uint()]
    if not type then return nil end
    each(c, 4, "action transaction")
    if body[type] then body[type](c) end
    return type
end

function tracker.dissector(tvb, pinfo, root)
    local c = { tvb = tvb, at = 0, tree = root:add(tracker, tvb()) }
    local type = message(c)
    if type then c.tree:add(field.type, type):set_generated() end
    if left(c) > 0 then c.tree:add(field.undecoded, tvb(c.at)) end
    pinfo.cols.protocol = "BT-Tracker"
    pinfo.cols.info = type or "undecoded"
    return tvb:len()
end

tracker:register_heuristic("udp", function(tvb, pinfo, root)
    if tvb:len() ~= 16 or tostring(tvb(0, 8):bytes()) ~= MAGIC then
        return false
    end
    pinfo.conversation = tracker
    tracker.dissector(tvb, pinfo, root)
    return true
end)

-- Text that begins as a bencoded dictionary does is shown as one, other text
-- as before.
local text = Proto("bttext", "HTTP text, or a tracker's answer")
local bencode = Dissector.get("bencode")
local lines = Dissector.get("data-text-lines")

function text.dissector(tvb, pinfo, root)
    local dictionary = tvb:len() > 2 and tvb:raw(0, 2):match("^d%d")
    return (dictionary and bencode or lines):call(tvb, pinfo, root)
end
DissectorTable.get("media_type"):add("text/plain", text)
