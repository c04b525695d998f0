# Made by `npm run generate` from src/codec/layout.ts: change that, not this file.
meta:
  id: mpip
  title: IPv4 datagram with an MPIP control message
  license: MIT
  ks-version: 0.9
  endian: be
doc: An IPv4 datagram, from its header on; octets behind its total length are padding. `compact` and `full` are what stands where a control message of that layout would; it is one when its `is_valid` is true. A datagram whose headers do not fit has neither, and reading one that is cut short ends in an error.
seq:
  - id: version
    type: b4
  - id: header_words
    type: b4
  - id: tos
    type: u1
  - id: total_length
    type: u2
  - id: identification
    type: u2
  - id: reserved
    type: b1
  - id: dont_fragment
    type: b1
  - id: more_fragments
    type: b1
  - id: fragment_offset
    type: b13
  - id: ttl
    type: u1
  - id: protocol
    type: u1
  - id: header_checksum
    type: u2
  - id: source
    type: ipv4
  - id: destination
    type: ipv4
instances:
  header_length:
    value: header_words * 4
  is_whole:
    value: version == 4 and header_length >= 20 and total_length >= header_length and total_length <= _io.size and not more_fragments and fragment_offset == 0
  tcp_header_words:
    pos: header_length + 12
    type: b4
    if: is_whole and protocol == 6 and total_length - header_length >= 20
  l4_header_length:
    doc: Length of the TCP or UDP header; 0 when there is none.
    value: "not is_whole ? 0 : protocol == 17 ? 8 : protocol == 6 and total_length - header_length >= 20 and tcp_header_words >= 5 ? tcp_header_words * 4 : 0"
  user_data_offset:
    value: header_length + l4_header_length
  can_carry:
    value: l4_header_length > 0 and user_data_offset <= total_length
  compact:
    doc: "the deployed layout: two octets of node id, two address slots, read forwards from a length octet"
    pos: total_length - 25
    size: 25
    type: compact
    if: can_carry and total_length - 26 >= user_data_offset
  full_address_count:
    pos: total_length - 5
    type: u1
    if: can_carry and total_length - 25 >= user_data_offset
  full:
    doc: "table 1 taken literally: a whole MAC, up to 16 addresses, 16-bit ids, read backwards from the end"
    pos: total_length - (25 + 4 * full_address_count)
    size: 25 + 4 * full_address_count
    type: full
    if: can_carry and total_length - 25 >= user_data_offset and full_address_count <= 16 and total_length - (25 + 4 * full_address_count) >= user_data_offset
types:
  compact:
    doc: "the deployed layout: two octets of node id, two address slots, read forwards from a length octet"
    seq:
      - id: length
        doc: "constant 25: the size of the CM and the mark that one may be here"
        type: u1
      - id: node_id
        doc: "who sends: a MAC address of the node, or its last two octets"
        size: 2
      - id: session_id
        doc: the connection; 0 = none
        type: u1
      - id: path_id
        doc: the sender's own id of the path used; 0 = the session's own tuple, no path yet
        type: u1
      - id: feedback_path_id
        doc: the receiver's own id of the path being fed back; 0 = no feedback
        type: u1
      - id: timestamp
        doc: clock ticks of the sender at transmission, modulo 2^32; the profile's tick
        type: u4le
      - id: path_delay
        doc: receive clock minus packet timestamp of the path fed back, modulo 2^32, signed
        type: s4le
      - id: local_addresses
        doc: two of the sender's addresses; 0.0.0.0 = empty slot
        type: ipv4
        repeat: expr
        repeat-expr: 2
      - id: flags
        doc: "what the receiver does: 0 normal, 1 ip-change, 2 heartbeat, 3 enable, 4 enabled, 5 handshake"
        type: u1
        enum: flag
      - id: checksum
        doc: plain sum of the unsigned octets of the CM before it
        type: u2le
    instances:
      sum:
        pos: 0
        type: octet_sum(23)
      is_valid:
        value: (length == 25) and (flags.to_i <= 5) and (sum.total == checksum)
  full:
    doc: "table 1 taken literally: a whole MAC, up to 16 addresses, 16-bit ids, read backwards from the end"
    seq:
      - id: node_id
        doc: "who sends: a MAC address of the node, or its last two octets"
        size: 6
      - id: session_id
        doc: the connection; 0 = none
        type: u2be
      - id: path_id
        doc: the sender's own id of the path used; 0 = the session's own tuple, no path yet
        type: u2be
      - id: feedback_path_id
        doc: the receiver's own id of the path being fed back; 0 = no feedback
        type: u2be
      - id: timestamp
        doc: clock ticks of the sender at transmission, modulo 2^32; the profile's tick
        type: u4be
      - id: path_delay
        doc: receive clock minus packet timestamp of the path fed back, modulo 2^32, signed
        type: s4be
      - id: local_addresses
        doc: all of the sender's addresses
        type: ipv4
        repeat: expr
        repeat-expr: (_io.size - 25) / 4
      - id: address_count
        doc: number of addresses in the list, 0 to 16
        type: u1
      - id: version
        doc: "constant 0xa2: the mark of this layout"
        type: u1
      - id: flags
        doc: "what the receiver does: 0 normal, 1 ip-change, 2 heartbeat, 3 enable, 4 enabled, 5 handshake"
        type: u1
        enum: flag
      - id: checksum
        doc: plain sum of the unsigned octets of the CM before it
        type: u2be
    instances:
      sum:
        pos: 0
        type: octet_sum(_io.size - 2)
      is_valid:
        value: (address_count <= 16) and (address_count * 4 + 25 == _io.size) and (version == 162) and (flags.to_i <= 5) and (node_id[0] & 1 == 0) and ((node_id[0] | node_id[1] | node_id[2] | node_id[3] | node_id[4] | node_id[5]) != 0) and (sum.total == checksum)
  ipv4:
    seq:
      - id: octets
        size: 4
  octet_sum:
    params:
      - id: count
        type: s4
    seq:
      - id: steps
        type: "step(_index == 0 ? 0 : steps[_index - 1].total)"
        repeat: expr
        repeat-expr: count
    instances:
      total:
        value: "count == 0 ? 0 : steps[count - 1].total"
    types:
      step:
        params:
          - id: before
            type: s4
        seq:
          - id: octet
            type: u1
        instances:
          total:
            value: before + octet
enums:
  flag:
    "0": normal
    "1": ip_change
    "2": heartbeat
    "3": enable
    "4": enabled
    "5": handshake
