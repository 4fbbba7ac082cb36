-- Napster's messages in Wireshark, field by field as `napster trace` names
-- them.
--
--     wireshark -X lua_script:labs/wireshark/napster.lua songs.pcapng
--     tshark -X lua_script:labs/wireshark/napster.lua -r songs.pcapng
--
-- Ports 8888 (servers), 8875 (metaservers), 6699 (clients) and 7000
-- (simulated nodes) are claimed; use Decode As for others: the protocol has no
-- magic by which it could be known.  What a stream carries is told by its
-- first bytes: the second byte of a message to or from a server is the high
-- one of a length up to 2048, while between clients all is text.

local napster = Proto("napster", "Napster (p2plab)")

local PORTS = { 8888, 8875, 6699, 7000 }
local PAYLOAD_MAX, HEADER = 2048, 4

-- Type, name and fields of each message; one with a star goes on to the end.
local TYPES = {
    [0] = "ERROR *text",
    [2] = "LOGIN nick password port client speed",
    [3] = "LOGIN_OK email",
    [4] = "VERSION version",
    [5] = "UPGRADE version host",
    [6] = "REGISTER nick password port client speed email",
    [7] = "NICK_CHECK nick",
    [8] = "NICK_FREE",
    [9] = "NICK_TAKEN",
    [10] = "NICK_BAD",
    [11] = "PASS_CHECK nick password",
    [12] = "PASS_OK",
    [14] = "SURVEY *text",
    [100] = "SHARE file md5 size kbps hz secs",
    [102] = "UNSHARE *file",
    [200] = "SEARCH *search",
    [201] = "HIT file md5 size kbps hz secs nick ip speed",
    [202] = "SEARCH_END",
    [203] = "DOWNLOAD nick file",
    [204] = "DOWNLOAD_OK nick ip port file md5 speed",
    [205] = "PRIVATE nick *text",
    [206] = "NOT_HERE nick file",
    [207] = "HOTLIST_ADD nick",
    [208] = "HOTLIST nick",
    [209] = "SIGNED_ON nick speed",
    [210] = "SIGNED_OFF nick",
    [211] = "BROWSE nick max",
    [212] = "BROWSE_HIT nick file md5 size kbps hz secs",
    [213] = "BROWSE_END nick ip",
    [214] = "STATS users files gigabytes",
    [215] = "RESUME md5 size",
    [216] = "RESUME_HIT nick ip port file md5 size speed",
    [217] = "RESUME_END",
    [218] = "DOWNLOADING",
    [219] = "DOWNLOADED",
    [220] = "UPLOADING",
    [221] = "UPLOADED",
    [300] = "PORT port",
    [301] = "HOTLIST_OK nick",
    [302] = "HOTLIST_BAD nick",
    [303] = "HOTLIST_REMOVE nick",
    [316] = "DISCONNECT code",
    [320] = "IGNORE_LIST count",
    [321] = "IGNORED nick",
    [322] = "IGNORE nick",
    [323] = "IGNORE_REMOVE nick",
    [324] = "IGNORED_NOT nick",
    [325] = "IGNORED_YET nick",
    [326] = "IGNORE_CLEAR count",
    [400] = "JOIN channel",
    [401] = "PART channel",
    [402] = "SAY channel *text",
    [403] = "SAID channel nick *text",
    [404] = "NOTICE *text",
    [405] = "JOINED channel",
    [406] = "CHANNEL_JOIN channel nick shared speed",
    [407] = "CHANNEL_PART channel nick shared speed",
    [408] = "MEMBER channel nick shared speed",
    [409] = "MEMBERS_END channel",
    [410] = "TOPIC channel *topic",
    [500] = "PUSH nick file",
    [501] = "PUSH_TO nick ip port file md5 speed",
    [600] = "SPEED nick",
    [601] = "SPEED_IS nick speed",
    [603] = "WHOIS nick",
    [604] = "WHOIS_IS nick level secs channels status shared down up speed",
    [605] = "WHOWAS nick level lastseen",
    [607] = "UPLOAD_ASK nick file speed",
    [608] = "UPLOAD_OK nick file",
    [609] = "UPLOAD_NO nick file",
    [617] = "CHANNELS",
    [618] = "CHANNEL channel users *topic",
    [619] = "QUEUE_LIMIT nick file limit",
    [620] = "QUEUED nick file size limit",
    [621] = "MOTD *text",
    [626] = "PORT_ERROR nick",
    [640] = "BROWSE_DIRECT nick ip port",
    [641] = "BROWSE_ACCEPT nick ip port",
    [642] = "BROWSE_ERROR nick text",
    [700] = "SET_SPEED speed",
    [701] = "SET_PASSWORD password",
    [702] = "SET_EMAIL email",
    [703] = "SET_PORT port",
    [748] = "GHOST",
    [750] = "SERVER_PING",
    [751] = "PING nick",
    [752] = "PONG nick",
    [824] = "EMOTE channel *text",
    [870] = "SHARE_DIR dir base md5 size kbps",
    [10300] = "SHARE_TYPED file size hash media",
}
-- Between clients; the size, the offset and the data have no frame at all.
local REQUESTS = { GET = "word nick file offset",
                   SEND = "word nick file size",
                   GETLIST = "word", SENDLIST = "word nick" }

local field, names = { length = ProtoField.uint16("napster.length", "length"),
                       type = ProtoField.uint16("napster.type", "type") }, {}
local function define(list)
    for name in list:gmatch("[%l%d]+") do
        if not field[name] then
            field[name] = ProtoField.string("napster." .. name, name)
        end
    end
end
for type, line in pairs(TYPES) do
    names[type] = line:match("%S+")
    TYPES[type] = line:match("%S+%s*(.*)")
    define(TYPES[type])
end
field.type = ProtoField.uint16("napster.type", "type", base.DEC, names)
define("word nick file offset size one bytes text more")
napster.fields = field

-- The text of bytes `from` up to `to`, counted from 0.
local function cut(tvb, from, to)
    return to > from and tvb:raw(from, to - from) or ""
end

local function add(c, name, from, to, value)
    c.tree:add(field[name], c.tvb(from, to - from), value)
    c.info = c.info .. " " .. name .. " " .. value
end

-- The fields of a text, each with the blanks and quotes around it.
local function fields(c, list, at, last)
    for star, name in list:gmatch("(%*?)([%l%d]+)") do
        if at == last then return end
        local rest = cut(c.tvb, at, last)
        if star == "*" then
            add(c, name, at, last, at > c.begin and rest:sub(2) or rest)
            return
        end
        local blank = #rest:match("^[ \t\r\n]*")
        local quoted = rest:match('^"([^"]*)"', blank + 1)
        local value = quoted or rest:match('^[^" \t\r\n][^ \t\r\n]*', blank + 1)
        if not value then break end
        local to = at + blank + #value + (quoted and 2 or 0)
        add(c, name, at, to, value)
        at = to
    end
    if at < last then add(c, "more", at, last, cut(c.tvb, at, last)) end
end

-- One message to or from a server: its length, or what is missing of it.
local function message(tvb, pinfo, root, at)
    local left = tvb:len() - at
    if left < HEADER then return 0, DESEGMENT_ONE_MORE_SEGMENT end
    local len, type = tvb(at, 2):le_uint(), tvb(at + 2, 2):le_uint()
    if left < HEADER + len then return 0, HEADER + len - left end
    local begin, last = at + HEADER, at + HEADER + len
    local c = { tvb = tvb, info = "", begin = begin,
                tree = root:add(napster, tvb(at, HEADER + len)) }
    c.tree:add_le(field.length, tvb(at, 2))
    c.tree:add_le(field.type, tvb(at + 2, 2))
    fields(c, TYPES[type] or "", begin, last)
    pinfo.cols.info:append((names[type] or "OTHER") .. c.info .. "  ")
    return HEADER + len
end

-- What clients say to each other, a segment at a time.
local function between_clients(tvb, pinfo, root)
    local all = tvb:raw()
    local c = { tvb = tvb, info = "", begin = 0 }
    local word = all:match("^GETLIST$") or all:match('^(SENDLIST) [^"]') or
        all:match("^GET") or all:match("^SEND")
    local kind = word or all == "1" and "ONE" or
        all:match("^%d+$") and "NUMBER" or
        all:match("^[%g ]*\n?$") and "TEXT" or "DATA"
    c.tree = root:add(napster, tvb())
    c.tree:append_text(", " .. kind)
    if word then
        add(c, "word", 0, #word, word)
        c.begin = #word
        fields(c, REQUESTS[word]:match(" (.*)") or "", #word, #all)
    elseif kind == "TEXT" then
        add(c, "text", 0, #all, (all:gsub("\n", "")))
    elseif kind == "ONE" then
        add(c, "one", 0, #all, all)
    else
        c.tree:add(field.bytes, tvb(),
                   kind == "NUMBER" and all or tvb:bytes():tohex(true))
    end
    pinfo.cols.info = kind .. c.info
end

-- Streams that have begun with text.
local stream_number, clients = Field.new("tcp.stream"), {}
function napster.init() clients = {} end

function napster.dissector(tvb, pinfo, root)
    local at = 0
    pinfo.cols.protocol = "Napster"
    local stream = stream_number().value
    if clients[stream] or tvb(0, 1):string():match("%d") and tvb:len() == 1 or
        tvb:len() > 1 and tvb(0, 2):le_uint() > PAYLOAD_MAX then
        clients[stream] = true
        between_clients(tvb, pinfo, root)
        return tvb:len()
    end
    pinfo.cols.info = ""
    while at < tvb:len() do
        local used, missing = message(tvb, pinfo, root, at)
        if used == 0 then
            pinfo.desegment_len, pinfo.desegment_offset = missing, at
            return tvb:len()
        end
        at = at + used
    end
    return at
end

for _, port in ipairs(PORTS) do
    DissectorTable.get("tcp.port"):add(port, napster)
end
