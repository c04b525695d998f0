--[[
  Multipath IP (MPIP) for Wireshark and tshark 3.6 and later: a post-dissector for the control message (CM) at the tail of
  TCP and UDP packets. One file, no dependency. docs/wireshark.md says how to use it, docs/filters.md lists its fields.

  @NOTICE@
]]

local byte, sub, format, floor = string.byte, string.sub, string.format, math.floor

-- Two copies of this plugin, such as an installed one and another given with -X, cannot be loaded at once.
if Dissector.get("mpip") then
  io.stderr:write("mpip.lua has been loaded already from another place; this copy is left out.\n")
  return
end

local mpip = Proto("mpip", "Multipath IP")

--------------------------------------------------------------------------------------------------------------------
-- What a CM is

-- @generated layouts@

local ALL_LAYOUTS = 3
local TCP, UDP = 6, 17

--------------------------------------------------------------------------------------------------------------------
-- Fields, findings, preferences

-- @generated fields@

-- @generated findings@

mpip.prefs.layouts = Pref.enum("Layouts", ALL_LAYOUTS, "Which layouts of the control message to look for",
  { { 1, "compact only", 1 }, { 2, "full only", 2 }, { 3, "compact and full", 3 } }, false)
mpip.prefs.ports = Pref.string("Ports", "",
  "Look only at packets from or to these ports, such as 7000,5001-5010; empty = at all packets")
mpip.prefs.wrapper = Pref.bool("Decode TCP inside UDP", true,
  "Hand TCP segments that travel in the UDP wrapper to the TCP dissector")
mpip.prefs.checksums = Pref.bool("Verify IP, UDP and TCP checksums", false,
  "Of packets with a control message. Packets captured where they were sent may not have theirs yet")
mpip.prefs.info = Pref.bool("Add to the Info column", true, "Flag, session and path of the control message")

-- Copies of the preferences: looking one up costs more than the rest of a packet without a CM.
local accept, ports, decodes_wrapper, verifies, adds_info = ALL_LAYOUTS, nil, true, false, true

-- Ports as a set, nil = all of them.
local function port_set(text)
  if not text:find("%d") then return nil end
  local set = {}
  for first, dash, last in text:gmatch("(%d+)%s*(%-?)%s*(%d*)") do
    first = tonumber(first)
    last = dash == "-" and tonumber(last) or first
    for port = first, math.min(last, 65535) do set[port] = true end
  end
  return set
end

local function read_preferences()
  accept = mpip.prefs.layouts
  if accept ~= 1 and accept ~= 2 then accept = ALL_LAYOUTS end
  ports = port_set(mpip.prefs.ports or "")
  decodes_wrapper = mpip.prefs.wrapper
  verifies = mpip.prefs.checksums
  adds_info = mpip.prefs.info
end

mpip.prefs_changed = read_preferences

--------------------------------------------------------------------------------------------------------------------
-- What is remembered of a capture

local MAX_REMEMBERED = 262144
local MAX_PAIRS = 16
-- Path id 0 of a session is no finding for so long after the peer's first CM of the session, in seconds.
local PATH_ZERO_GRACE = 1
-- A delay that jumps by more restarts the path's minimum, in ticks.
local CLOCK_STEP = 60000000

-- What frames are, by their numbers.
local IS_COMPACT, IS_FULL, IS_OTHER = 1, 2, 3

-- Frames are analysed in their order, once; later visits (two passes, the window) take what was found then:
-- kinds; others: the whole record of a frame without a CM that has a finding; of frames with a CM what their octets do
-- not tell.
local last_frame, kinds, others, findings_of, wrapped_of, response_of, feedback_tuple_of, delay_of
-- endpoints: by address and port, the layout that it uses and the node that sent last. flows: by addresses and ports.
local endpoints, endpoint_count, flows, flow_count, paths, path_count
-- Node ids seen, and pairs of ports of sessions seen as TCP by node .. session.
local nodes, tcp_sessions, has_tcp_sessions
-- Texts of CMs, made once for each node, flag, session and path: what the tree's line and the Info column say.
local labels, info_texts
-- The link type of the frames, as far as their octets tell.
local link

local function start_capture()
  last_frame, kinds, others, findings_of = 0, {}, {}, {}
  wrapped_of, response_of, feedback_tuple_of, delay_of = {}, {}, {}, {}
  endpoints, endpoint_count, flows, flow_count, paths, path_count = {}, 0, {}, 0, {}, 0
  nodes, tcp_sessions, has_tcp_sessions = {}, {}, false
  link, labels, info_texts = nil, {}, {}
  read_preferences()
end

start_capture()
mpip.init = start_capture

--------------------------------------------------------------------------------------------------------------------
-- Where the IPv4 datagram is in a frame. All positions are counted from 0; `b` holds the octets of the whole frame.

local function after_type(b, type_at, at)
  local high, low = byte(b, type_at + 1, type_at + 2)
  -- VLAN tags
  while (high == 0x81 and low == 0) or (high == 0x88 and low == 0xa8) or (high == 0x91 and low == 0) do
    high, low = byte(b, at + 3, at + 4)
    at = at + 4
  end
  if high == 8 and low == 0 then return at end
end

-- Lua is not told the link type, and asking for the field frame.encap_type would make tshark build a tree for every
-- frame. The octets tell it too; a frame that could be of two types is as the frames before it.
local ETHERNET = 1
local LINKS = {
  function(b) return after_type(b, 12, 14) end, -- Ethernet
  function(b) return after_type(b, 14, 16) end, -- Linux cooked, version 1
  function(b) return after_type(b, 0, 20) end, -- Linux cooked, version 2
  function(b) -- BSD null (byte order of the machine) and loopback
    local a1, a2, a3, a4 = byte(b, 1, 4)
    if a2 == 0 and a3 == 0 and a4 and a1 + a4 == 2 then return 4 end
  end,
  function() return 0 end, -- raw IP
}

-- Whether an IPv4 header stands at `at` whose lengths can be: 2 when the datagram fits the frame, 1 when it does not.
local function ipv4_fit(b, at, length, pinfo)
  local first, _, high, low = byte(b, at + 1, at + 4)
  if not low or first < 0x45 or first > 0x4f or at + 20 > length then return 0 end
  local total = high * 256 + low
  if total < (first - 0x40) * 4 then return 0 end
  if at + total <= length or at + total <= pinfo.len then return 2 end
  return 1
end

-- Tries every link type. When more than one fits equally well, it is the one whose addresses Wireshark has found.
local function find_link(b, length, pinfo)
  local best, found, at, address = 0, nil, nil, nil
  for index = 1, #LINKS do
    local here = LINKS[index](b)
    local fit = here and ipv4_fit(b, here, length, pinfo) or 0
    if fit > 0 and fit == best then
      address = address or tostring(pinfo.net_src)
      if format("%d.%d.%d.%d", byte(b, here + 13, here + 16)) == address then found, at = index, here end
    elseif fit > best then best, found, at = fit, index, here
    end
  end
  if best == 2 then link = found end
  return at
end

--------------------------------------------------------------------------------------------------------------------
-- Sums

local function word_sum(b, from, to)
  local sum, at = 0, from
  while at + 16 <= to do
    local a1, a2, a3, a4, a5, a6, a7, a8, c1, c2, c3, c4, c5, c6, c7, c8 = byte(b, at + 1, at + 16)
    sum = sum + (a1 + a3 + a5 + a7 + c1 + c3 + c5 + c7) * 256 + a2 + a4 + a6 + a8 + c2 + c4 + c6 + c8
    at = at + 16
  end
  while at + 2 <= to do
    local high, low = byte(b, at + 1, at + 2)
    sum = sum + high * 256 + low
    at = at + 2
  end
  if at < to then sum = sum + byte(b, at + 1) * 256 end
  return sum
end

local function folded(sum)
  while sum > 65535 do sum = sum % 65536 + floor(sum / 65536) end
  return 65535 - sum
end

local function u16(b, at)
  local high, low = byte(b, at + 1, at + 2)
  return high * 256 + low
end

local function is_ip_checksum_bad(b, at, l4)
  return folded(word_sum(b, at, l4) - u16(b, at + 10)) ~= u16(b, at + 10)
end

-- As a receiving stack sees it: a UDP checksum covers what the UDP length says, one of 0 was not computed.
local function is_l4_checksum_bad(b, at, protocol, l4, finish)
  local field_at = l4 + (protocol == TCP and 16 or 6)
  local field = u16(b, field_at)
  if protocol == UDP then
    if field == 0 then return false end
    local length = u16(b, l4 + 4)
    if length < 8 or l4 + length > finish then return true end
    finish = l4 + length
  end
  local sum = folded(word_sum(b, l4, finish) - field + word_sum(b, at + 12, at + 20) + protocol + finish - l4)
  if protocol == UDP and sum == 0 then sum = 65535 end
  return sum ~= field
end

--------------------------------------------------------------------------------------------------------------------
-- CMs: each function takes the datagram's octets, where the user data starts and where the datagram ends

-- Where a compact CM starts, when the mark is there and its filler fits.
local function compact_start(b, from, finish)
  local start = finish - COMPACT_SIZE
  if start - COMPACT_FILLER >= from and byte(b, start + COMPACT_MARK_AT + 1) == COMPACT_MARK then return start end
end

-- Where a full CM starts, when the mark is there, the number of addresses can be and it fits.
local function full_start(b, from, finish)
  if finish - FULL_SIZE < from or byte(b, finish - FULL_MARK_BACK + 1) ~= FULL_MARK then return nil end
  local count = byte(b, finish - FULL_COUNT_BACK + 1)
  local start = finish - FULL_SIZE - 4 * count
  if count <= FULL_MAX_ADDRESSES and start >= from then return start end
end

-- Both return false, or true and the flags, session id, path id, feedback path id and path delay.
local function is_compact(b, start)
  local flags, sum, needed, session, path_id, feedback, delay = read_compact(b, start)
  if flags > MAX_FLAGS or sum ~= needed then return false end
  return true, flags, session, path_id, feedback, delay
end

local function is_full(b, start, finish)
  local flags, sum, needed, session, path_id, feedback, delay = read_full(b, start, finish)
  if flags > MAX_FLAGS or sum ~= needed then return false end
  local first = byte(b, start + FULL_NODE_AT + 1)
  if first % 2 == 1 then return false end
  if sub(b, start + FULL_NODE_AT + 1, start + FULL_NODE_AT + 6) == "\0\0\0\0\0\0" then return false end
  return true, flags, session, path_id, feedback, delay
end

-- The layout, the start of the CM, whether both layouts hold, and what the CM says, as above. `layout_set` is 1, 2 or 3;
-- `preferred` is the layout taken when both hold.
local function recognise(b, from, finish, layout_set, preferred)
  local compact = layout_set ~= 2 and compact_start(b, from, finish)
  local full = layout_set ~= 1 and full_start(b, from, finish)
  local is_full_too, flags, session, path_id, feedback, delay = false, nil, nil, nil, nil, nil
  if full then is_full_too, flags, session, path_id, feedback, delay = is_full(b, full, finish) end
  if compact then
    local holds, flags1, session1, path_id1, feedback1, delay1 = is_compact(b, compact)
    if holds and not (is_full_too and preferred == IS_FULL) then
      return IS_COMPACT, compact, is_full_too, flags1, session1, path_id1, feedback1, delay1
    end
    if is_full_too then return IS_FULL, full, holds, flags, session, path_id, feedback, delay end
  elseif is_full_too then return IS_FULL, full, false, flags, session, path_id, feedback, delay
  end
end

local function node_of(b, layout, start)
  if layout == IS_COMPACT then return sub(b, start + COMPACT_NODE_AT + 1, start + COMPACT_NODE_AT + 2) end
  return sub(b, start + FULL_NODE_AT + 1, start + FULL_NODE_AT + 6)
end

-- Why a block with the right mark is nearly a CM, in words.
local function judged(b, layout, start, flags, sum, needed)
  if sum == needed then
    if flags > MAX_FLAGS then return format("flags are %d, above %d", flags, MAX_FLAGS) end
  elseif flags <= MAX_FLAGS and nodes[node_of(b, layout, start)] then
    return format("checksum is %d, the octets before it add up to %d", sum, needed)
  end
end

local function near_cm(b, from, finish, layout_set)
  local start = layout_set ~= 2 and compact_start(b, from, finish)
  local reason = start and judged(b, IS_COMPACT, start, read_compact(b, start))
  if reason then return reason, start - COMPACT_FILLER end
  start = layout_set ~= 1 and full_start(b, from, finish)
  reason = start and judged(b, IS_FULL, start, read_full(b, start, finish))
  if reason then return reason, start end
end

--------------------------------------------------------------------------------------------------------------------
-- The UDP wrapper: a session that has been seen as TCP tells a wrapped segment from an ordinary datagram

local function note_tcp_session(key, pair)
  local known = tcp_sessions[key]
  if not known then
    known = {}
    tcp_sessions[key] = known
    has_tcp_sessions = true
  end
  for index = 1, #known do
    if known[index] == pair then return end
  end
  if #known == MAX_PAIRS then table.remove(known, 1) end
  known[#known + 1] = pair
end

-- Length of the TCP header at `at`, when it is a wrapped one.
local function wrapped_header(b, at, finish, key)
  local room = finish - at
  if room < 20 then return nil end
  local length = floor(byte(b, at + 13) / 16) * 4
  if length < 20 or length > room then return nil end
  local known = tcp_sessions[key]
  if not known then return nil end
  local source, destination = sub(b, at + 1, at + 2), sub(b, at + 3, at + 4)
  for index = 1, #known do
    local pair = known[index]
    if sub(pair, 1, 2) == source or sub(pair, 3, 4) == destination then return length end
  end
end

-- Length of the TCP header at `at`, behind one of the path's own (docs/wire-format.md, Extension), when there is one.
local function numbered_header(b, l4, at, finish)
  if sub(b, l4 + 21, l4 + 24) ~= "\253\004MP" then return nil end
  local room = finish - at
  if room < 20 then return nil end
  local length = floor(byte(b, at + 13) / 16) * 4
  if length >= 20 and length <= room then return length end
end

--------------------------------------------------------------------------------------------------------------------
-- Conversations: what a packet means beside those before it. The same rules as src/dissector/conversation-analysis.ts.

-- Address and port, 6 octets. What is beyond the limit is not kept.
local function endpoint_of(key)
  local endpoint = endpoints[key]
  if endpoint then return endpoint end
  endpoint = {}
  if endpoint_count < MAX_REMEMBERED then
    endpoint_count = endpoint_count + 1
    endpoints[key] = endpoint
  end
  return endpoint
end

-- The addresses and ports of a datagram as 12 octets: both addresses, both ports.
local function flow_key(b, at, l4)
  if l4 == at + 20 then return sub(b, at + 13, at + 24) end
  return sub(b, at + 13, at + 20) .. sub(b, l4 + 1, l4 + 4)
end

local function source_key(key) return sub(key, 1, 4) .. sub(key, 9, 10) end
local function destination_key(key) return sub(key, 5, 8) .. sub(key, 11, 12) end

local function tuple_text(key)
  local a1, a2, a3, a4, c1, c2, c3, c4, p1, p2, q1, q2 = byte(key, 1, 12)
  return format("%d.%d.%d.%d:%d > %d.%d.%d.%d:%d", a1, a2, a3, a4, p1 * 256 + p2, c1, c2, c3, c4, q1 * 256 + q2)
end

local function new_flow(key)
  local flow = {
    source = endpoint_of(source_key(key)),
    destination = endpoint_of(destination_key(key)),
    session = 0,
    text = tuple_text(key),
  }
  if flow_count >= MAX_REMEMBERED then return flow end
  flow_count = flow_count + 1
  local reverse = flows[sub(key, 5, 8) .. sub(key, 1, 4) .. sub(key, 11, 12) .. sub(key, 9, 10)]
  if reverse then
    flow.reverse = reverse
    reverse.reverse = flow
  end
  flows[key] = flow
  return flow
end

-- What is known of path `id` of node `from` to node `to`: the tuple of its packets, the smallest delay fed back.
local function path_of(from, to, id)
  local key = from .. ">" .. to .. ">" .. id
  local path = paths[key]
  if path or path_count >= MAX_REMEMBERED then return path end
  path_count = path_count + 1
  path = {}
  paths[key] = path
  return path
end

-- The same, found in the flow when its ends are still these nodes.
local function own_path(flow, me, peer, id)
  local path = flow.own[id]
  if not path then
    path = path_of(me, peer, id)
    flow.own[id] = path
  end
  return path
end

local function path_fed_back(flow, me, peer, id)
  local path = flow.fed_back[id]
  if not path then
    path = path_of(peer, me, id)
    flow.fed_back[id] = path
  end
  return path
end

local function above_smallest(path, delay)
  local smallest = path.smallest
  if smallest then
    local above = (delay - smallest) % 4294967296
    if above <= CLOCK_STEP then return above end
  end
  path.smallest = delay
  return 0
end

-- The frame that this one answers, among those of the other direction.
local function answered(reverse, flags, session, is_syn, is_ack)
  if flags == ENABLED then return reverse.query end
  if flags == HEARTBEAT then return reverse.session == session and reverse.data or nil end
  if flags == HANDSHAKE and is_ack then
    if is_syn then return reverse.syn end
    return reverse.syn_ack
  end
end

-- Relates a packet to those before it. tcp_flags: nil for UDP. Returns true for a path id 0 that persists.
local function relate(flow, frame, pinfo, node, tcp_flags, flags, session, path_id, feedback, delay)
  local is_path_zero = false
  local reverse = flow.reverse
  local is_syn, is_ack
  if flags == HANDSHAKE and tcp_flags then is_syn, is_ack = tcp_flags % 4 >= 2, tcp_flags % 32 >= 16 end
  if reverse then
    if flags >= HEARTBEAT then response_of[frame] = answered(reverse, flags, session, is_syn, is_ack)
    elseif path_id == 0 and session ~= 0 then
      is_path_zero = reverse.session == session and pinfo.abs_ts - reverse.since >= PATH_ZERO_GRACE
    end
  end
  if flags < HEARTBEAT then flow.data = frame
  elseif flags == ENABLE then flow.query = frame
  elseif is_syn then
    if is_ack then flow.syn_ack = frame else flow.syn = frame end
  end
  if session ~= 0 and session ~= flow.session then flow.session, flow.since = session, pinfo.abs_ts end

  flow.source.node = node
  if flags > HEARTBEAT then return is_path_zero end
  local peer = flow.destination.node
  if not peer then return is_path_zero end
  if flow.me ~= node or flow.peer ~= peer then
    flow.me, flow.peer, flow.own, flow.fed_back = node, peer, {}, {}
  end
  if path_id ~= 0 then
    local path = own_path(flow, node, peer, path_id)
    if path then path.tuple = flow.text end
  end
  if feedback ~= 0 then
    local path = path_fed_back(flow, node, peer, feedback)
    if path then
      feedback_tuple_of[frame] = path.tuple
      delay_of[frame] = above_smallest(path, delay)
    end
  end
  return is_path_zero
end

--------------------------------------------------------------------------------------------------------------------
-- The CM of the frame at hand, for the tree and for statistics: one table for all frames

local cm = { frame = 0 }

local function fill_cm(frame, protocol, from, finish, layout, start, node, header, tuple, flags, session, path_id, feedback)
  local trailer = layout == IS_COMPACT and start - COMPACT_FILLER or start
  cm.frame, cm.layout, cm.start, cm.finish, cm.trailer = frame, layout, start, finish, trailer
  cm.node, cm.flags, cm.session, cm.path, cm.feedback = node, flags, session, path_id, feedback
  cm.wrapped = header and from
  cm.data = trailer - from - (header or 0)
  cm.tuple = tuple
  cm.carrier = protocol == TCP and "TCP" or header and "UDP wrapper" or "UDP"
end

-- Reads the CM of a frame that was analysed before; what octets do not tell was found then.
local function read_cm(b, at, l4, frame, layout, from, finish, protocol)
  local start, flags, session, path_id, feedback, _
  if layout == IS_COMPACT then
    start = finish - COMPACT_SIZE
    flags, _, _, session, path_id, feedback = read_compact(b, start)
  else
    start = full_start(b, from, finish)
    flags, _, _, session, path_id, feedback = read_full(b, start, finish)
  end
  fill_cm(frame, protocol, from, finish, layout, start, node_of(b, layout, start), wrapped_of[frame],
    tuple_text(flow_key(b, at, l4)), flags, session, path_id, feedback)
end

--------------------------------------------------------------------------------------------------------------------
-- One packet, when it is seen first

local function header_findings(b, at, protocol, l4, finish)
  local found
  local function add(id)
    found = found or {}
    found[#found + 1] = id
  end
  if verifies and is_ip_checksum_bad(b, at, l4) then add("ip-checksum") end
  if finish then
    if protocol == UDP and u16(b, l4 + 4) ~= finish - l4 then add("udp-length") end
    if verifies and is_l4_checksum_bad(b, at, protocol, l4, finish) then
      add(protocol == UDP and "udp-checksum" or "tcp-checksum")
    end
  end
  return found
end

local function with_finding(found, id)
  found = found or {}
  found[#found + 1] = id
  return found
end

-- Notes a frame that has no CM and one more finding than those of its headers.
local function note_other(frame, found, id, trailer, finish, reason)
  kinds[frame] = IS_OTHER
  others[frame] = { findings = with_finding(found, id), trailer = trailer, finish = finish, near = reason }
end

-- `from`: where the user data starts, `finish`: where the datagram ends.
local function analyse(b, at, protocol, l4, from, finish, pinfo, frame)
  local key = flow_key(b, at, l4)
  local flow = flows[key]
  local source = flow and flow.source or endpoints[source_key(key)]
  local known = source and source.layout
  local layout, start, is_ambiguous, flags, session, path_id, feedback, delay = recognise(b, from, finish, accept, known)
  if layout and known and known ~= layout and not is_ambiguous then layout = nil end
  if not layout then
    local reason, near_start = near_cm(b, from, finish, accept == ALL_LAYOUTS and known or accept)
    if reason then
      note_other(frame, header_findings(b, at, protocol, l4, finish), "near-cm", near_start, finish, reason)
    end
    return
  end

  flow = flow or new_flow(key)
  if not is_ambiguous then flow.source.layout = layout end
  local node = node_of(b, layout, start)
  local tcp_flags, header
  if protocol == TCP then
    tcp_flags = byte(b, l4 + 14)
    if from - l4 == 24 then
      header = numbered_header(b, l4, from, layout == IS_COMPACT and start - COMPACT_FILLER or start)
    end
    if session ~= 0 then note_tcp_session(node .. session, sub(b, l4 + 1, l4 + 4)) end
  elseif has_tcp_sessions then
    header = wrapped_header(b, from, layout == IS_COMPACT and start - COMPACT_FILLER or start, node .. session)
  end
  if header then wrapped_of[frame] = header end
  fill_cm(frame, protocol, from, finish, layout, start, node, header, flow.text, flags, session, path_id, feedback)
  if flow.source.node ~= node then nodes[node] = true end

  kinds[frame] = layout
  local found
  if verifies or protocol == UDP then found = header_findings(b, at, protocol, l4, finish) end
  if is_ambiguous then found = with_finding(found, "ambiguous-layout") end
  if relate(flow, frame, pinfo, node, tcp_flags, flags, session, path_id, feedback, delay) then
    found = with_finding(found, "path-zero")
  end
  if found then findings_of[frame] = found end
end

-- A fragment never carries a CM, although tshark puts fragments together; the end of one may look like it.
local function analyse_fragment(b, at, l4, finish, frame)
  local layout, start = recognise(b, l4, finish, accept)
  if not layout then return end
  local trailer = layout == IS_COMPACT and start - COMPACT_FILLER or start
  note_other(frame, header_findings(b, at, nil, l4, nil), "cm-in-fragment", trailer, finish)
end

local function analyse_cut_short(b, at, l4, length, frame)
  local source = endpoints[source_key(flow_key(b, at, l4))]
  if not source or not source.layout then return end
  note_other(frame, header_findings(b, at, nil, l4, nil), "cut-short", l4, length)
end

--------------------------------------------------------------------------------------------------------------------
-- What is shown

local tcp_dissector = Dissector.get("tcp")
local self_dissector

local function node_text(node)
  return (node:gsub(".", function(octet) return format("%02x:", byte(octet)) end):sub(1, -2))
end

local function cm_label()
  local node, flags, session, path_id = cm.node, cm.flags, cm.session, cm.path
  local of_node = labels[node]
  if not of_node then
    of_node = {}
    labels[node] = of_node
  end
  local key = (session * 65536 + path_id) * 8 + flags
  local text = of_node[key]
  if not text then
    text = format("Multipath IP, %s, node %s", FLAG_NAMES[flags], node_text(node))
    if session ~= 0 then text = format("%s, session %d, path %d", text, session, path_id) end
    of_node[key] = text
  end
  return text
end

local function info_text()
  local flags, session, path_id = cm.flags, cm.session, cm.path
  local key = (session * 65536 + path_id) * 8 + flags
  local text = info_texts[key]
  if not text then
    if session == 0 then text = format(" [MPIP %s]", FLAG_NAMES[flags])
    else text = format(" [MPIP %s, session %d, path %d]", FLAG_NAMES[flags], session, path_id)
    end
    info_texts[key] = text
  end
  return text
end

-- Methods, taken from the first packet's objects: to look one up takes as long as to call it.
local raw, captured, range, referenced, add, add_le, set_generated

local function take_methods(tvb, tree)
  raw, captured, range = tvb.raw, tvb.len, tvb.range
  referenced, add, add_le, set_generated = tree.referenced, tree.add, tree.add_le, tree.set_generated
end

local function add_addresses(item, tvb, b, entry, position, finish, is_visible)
  for _ = 1, entry.count or byte(b, finish - FULL_COUNT_BACK + 1) do
    local octets = range(tvb, position, 4)
    if sub(b, position + 1, position + 4) ~= "\0\0\0\0" then add(item, f.local_addr, octets)
    elseif is_visible then add(item, octets, "Local Address: empty slot")
    end
    position = position + 4
  end
end

-- Generated fields, behind the one that they belong to.
local GENERATED = {
  [f.path_id] = { field = f.path_tuple, value = function() if cm.session ~= 0 then return cm.tuple end end },
  [f.feedback_path_id] = { field = f.feedback_tuple, value = function() return feedback_tuple_of[cm.frame] end },
  [f.path_delay] = { field = f.delay, value = function() return delay_of[cm.frame] end },
}

-- All fields in their order: those of the octets, and those that are generated.
local function with_generated(name, fields, filler)
  local list = { { field = f.layout, value = function() return name end }, filler }
  for _, entry in ipairs(fields) do
    list[#list + 1] = entry
    list[#list + 1] = GENERATED[entry.field]
  end
  list[#list + 1] = { field = f.checksum_status, value = function() return "good" end }
  list[#list + 1] = { field = f.wrapper, value = function() if cm.wrapped then return true end end }
  list[#list + 1] = { field = f.data_length, value = function() return cm.data end }
  list[#list + 1] = { field = f.response_to, value = function() return response_of[cm.frame] end }
  return list
end

local SHOWN = {
  [IS_COMPACT] = with_generated("compact", COMPACT_FIELDS, { field = f.filler, at = -COMPACT_FILLER, size = 1 }),
  [IS_FULL] = with_generated("full", FULL_FIELDS),
}

-- Adds the fields of the CM that somebody looks at: all of them where the tree is shown, otherwise those that a filter,
-- a column or -e names. Adding one takes longer than asking.
local function add_cm(item, tvb, tree, b, is_visible)
  local start, finish, list = cm.start, cm.finish, SHOWN[cm.layout]
  for index = 1, #list do
    local entry = list[index]
    local field, value_of = entry.field, entry.value
    if not is_visible and not referenced(tree, field) then -- nobody looks
    elseif value_of then
      local value = value_of()
      if value ~= nil then set_generated(add(item, field, value)) end
    else
      local position = entry.at and start + entry.at or finish - entry.back
      if entry.is_list then add_addresses(item, tvb, b, entry, position, finish, is_visible)
      elseif entry.is_little then add_le(item, field, range(tvb, position, entry.size))
      else add(item, field, range(tvb, position, entry.size))
      end
    end
  end
end

local function add_findings(item, octets, findings)
  for index = 1, #findings do
    local finding = experts[findings[index]]
    local child = item:add(f.expert, octets, findings[index])
    child:set_generated()
    child:add_proto_expert_info(finding.info, finding.text)
  end
end

-- The TCP dissector may raise, as on any malformed segment; Wireshark has then marked the packet.
local function call_tcp(tvb, pinfo, tree)
  tcp_dissector:call(tvb, pinfo, tree)
end

local function show_cm(b, tvb, pinfo, tree)
  if adds_info then pinfo.cols.info:append(info_text()) end
  local findings = findings_of[cm.frame]
  -- Without a tree only findings are worth the time.
  if findings or referenced(tree, self_dissector) then
    local octets = range(tvb, cm.trailer, cm.finish - cm.trailer)
    local is_visible = tree.visible
    local item = is_visible and add(tree, mpip, octets, cm_label()) or add(tree, mpip, octets)
    add_cm(item, tvb, tree, b, is_visible)
    if findings then add_findings(item, octets, findings) end
  end
  if cm.wrapped and decodes_wrapper then
    pcall(call_tcp, tvb(cm.wrapped, cm.trailer - cm.wrapped):tvb(), pinfo, tree)
  end
end

local function show_other(frame, tvb, tree)
  local other = others[frame]
  local octets = tvb(other.trailer, other.finish - other.trailer)
  local item = tree:add(mpip, octets)
  if other.near then
    item:append_text(", nearly a control message: " .. other.near)
    item:add(f.checksum_status, "bad"):set_generated()
    item:add(f.near_cm, octets, other.near):set_generated()
  end
  add_findings(item, octets, other.findings)
end

--------------------------------------------------------------------------------------------------------------------
-- Every packet comes by here: what has no CM must leave soon

-- A frame that may have something to say. fragment: whether it is one; finish: nil when it is cut short.
local function dissect(b, at, protocol, l4, finish, is_fragment, length, tvb, pinfo, tree)
  local from = l4
  if not is_fragment and finish then
    if protocol == UDP then from = l4 + 8
    else
      if finish - l4 < 20 then return end
      local header = floor(byte(b, l4 + 13) / 16) * 4
      if header < 20 then return end
      from = l4 + header
    end
    if from > finish then return end
  end
  if ports and not is_fragment and not ports[u16(b, l4)] and not ports[u16(b, l4 + 2)] then return end
  local frame = pinfo.number
  if frame > last_frame then
    last_frame = frame
    if not finish then analyse_cut_short(b, at, l4, length, frame)
    elseif is_fragment then analyse_fragment(b, at, l4, finish, frame)
    else analyse(b, at, protocol, l4, from, finish, pinfo, frame)
    end
  end
  local kind = kinds[frame]
  if kind == IS_OTHER then show_other(frame, tvb, tree)
  elseif kind then
    if cm.frame ~= frame then read_cm(b, at, l4, frame, kind, from, finish, protocol) end
    show_cm(b, tvb, pinfo, tree)
  end
end

-- Octets from the mark of one layout to that of the other.
local MARKS_LENGTH = COMPACT_SIZE - COMPACT_MARK_AT - FULL_MARK_BACK + 1

function mpip.dissector(tvb, pinfo, tree)
  if not raw then take_methods(tvb, tree) end
  local length = captured(tvb)
  local at, type_high, type_low, first, high, low, fragment_high, fragment_low, protocol, _
  if link == ETHERNET and length >= 34 then
    -- Of most packets some octets are enough: to take all of them takes longer than everything else.
    type_high, type_low, first, _, high, low, _, _, fragment_high, fragment_low, _, protocol = byte(raw(tvb, 12, 12), 1, 12)
    if type_high == 8 and type_low == 0 and first >= 0x45 and first <= 0x4f and high * 256 + low <= length - 14 then
      at = 14
    end
  end
  local b
  if not at then
    b = raw(tvb)
    at = link and link ~= ETHERNET and LINKS[link](b)
    if not at or ipv4_fit(b, at, length, pinfo) < 2 then at = find_link(b, length, pinfo) end
    if not at then return end
    first, _, high, low, _, _, fragment_high, fragment_low, _, protocol = byte(b, at + 1, at + 10)
  end
  if protocol ~= UDP and protocol ~= TCP then return end
  local l4 = at + (first - 0x40) * 4
  local finish = at + high * 256 + low
  local is_fragment = fragment_high % 64 ~= 0 or fragment_low ~= 0
  if finish > length then
    if is_fragment or next(endpoints) == nil or length < l4 + 4 or pinfo.len <= length then return end
    return dissect(b, at, protocol, l4, nil, false, length, tvb, pinfo, tree)
  end
  -- The marks, before anything else is looked at; both may stand in the headers of a short datagram.
  local marks_at = finish - COMPACT_SIZE + COMPACT_MARK_AT
  local marks = marks_at >= 0 and raw(tvb, marks_at, MARKS_LENGTH) or ""
  if byte(marks, 1) ~= COMPACT_MARK and byte(marks, MARKS_LENGTH) ~= FULL_MARK then return end
  return dissect(b or raw(tvb), at, protocol, l4, finish, is_fragment, length, tvb, pinfo, tree)
end

--------------------------------------------------------------------------------------------------------------------
-- Statistics: tshark -z mpip,tree, and the menu Tools > MPIP

-- A counter with counters below it, in the order of their names.
local function new_branch() return { count = 0, octets = 0, below = {} } end

local function count_in(branch, octets, name, ...)
  branch.count = branch.count + 1
  branch.octets = branch.octets + octets
  if name == nil then return end
  local below = branch.below[name]
  if not below then
    below = new_branch()
    branch.below[name] = below
  end
  return count_in(below, octets, ...)
end

local function branch_lines(lines, name, branch, whole, depth)
  lines[#lines + 1] = format("%-42s %10d %9.2f%% %14d", ("  "):rep(depth) .. name, branch.count, 100 * branch.count / whole, branch.octets)
  local names = {}
  for key in pairs(branch.below) do names[#names + 1] = key end
  table.sort(names)
  for index = 1, #names do branch_lines(lines, names[index], branch.below[names[index]], whole, depth + 1) end
end

-- Numbers are padded, so that they sort as numbers.
local function numbered(word, number) return format("%s %3d", word, number) end

-- A listener that counts every packet, and a function that gives what it counted as text.
local function new_statistics()
  local frames, cms, findings
  local function reset() frames, cms, findings = 0, new_branch(), new_branch() end
  reset()
  local tap = Listener.new("frame")
  function tap.packet(pinfo)
    frames = frames + 1
    local frame = pinfo.number
    local found = findings_of[frame] or others[frame] and others[frame].findings
    for index = 1, found and #found or 0 do count_in(findings, 0, found[index]) end
    if cm.frame ~= frame then return end
    local node, octets = "Node " .. node_text(cm.node), cm.data
    count_in(cms, octets, "By flag", FLAG_NAMES[cm.flags])
    count_in(cms, octets, "By carrier", cm.carrier)
    count_in(cms, octets, "By layout", cm.layout == IS_COMPACT and "compact" or "full")
    if cm.session == 0 then count_in(cms, octets, "By node, session and path", node, "No session")
    else count_in(cms, octets, "By node, session and path", node, numbered("Session", cm.session), numbered("Path", cm.path))
    end
  end
  tap.reset = reset
  local function text()
    -- Each packet was counted in four branches.
    local total = { count = cms.count / 4, octets = cms.octets / 4, below = cms.below }
    local rule = ("="):rep(79)
    local lines = { rule, "MPIP: control messages and findings", format("%-42s %10s %10s %14s", "Topic / Item", "Count", "Percent", "User data"), ("-"):rep(79) }
    if frames > 0 then
      branch_lines(lines, "Packets with a control message", total, frames, 0)
      branch_lines(lines, "Findings", findings, frames, 0)
    end
    lines[#lines + 1] = rule
    return table.concat(lines, "\n") .. "\n"
  end
  return tap, text
end

if register_stat_cmd_arg then
  register_stat_cmd_arg("mpip,tree", function()
    local tap, text = new_statistics()
    function tap.draw() io.write(text()) end
  end)
end

if gui_enabled() then
  register_menu("MPIP/Statistics", function()
    local window = TextWindow.new("MPIP statistics")
    local tap, text = new_statistics()
    function tap.draw() window:set(text()) end
    window:set_atclose(function() tap:remove() end)
    retap_packets()
  end, MENU_TOOLS_UNSORTED)
end

-- What Wireshark hands to Lua for a packet (ranges, items) is garbage after it. Collected soon it is still in the
-- processor's cache: -T fields takes 5 to 10 % less time. Versions of Lua to come may not know these settings.
pcall(collectgarbage, "setpause", 100)
pcall(collectgarbage, "setstepmul", 400)

register_postdissector(mpip)
self_dissector = Dissector.get("mpip")
