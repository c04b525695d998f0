/**
 * Every testable statement of the MPIP paper, a line each:
 * id | section of the paper | level | seen on the wire from outside (Y yes, P partly, N no, lab: measured by experiment) |
 * source (paper, or judgement where the paper leaves it open) | the requirement.
 */
export const REQUIREMENT_TABLE = `
MPIP-GEN-01 | 3 | SHOULD | P | paper | Applications and layers above/below IP need no change
MPIP-GEN-02 | 3 | MUST | P | paper | A remote endpoint is identified by IP address plus port
MPIP-GEN-03 | 3.2 | MUST | Y | paper | Originals reach a peer without MPIP unmodified and exactly once; its TCP byte stream and the IUT's own data are unharmed (extra UDP datagrams are the query copies, at most the threshold)
MPIP-GEN-04 | 3.2 | MUST | Y | paper | User packets are not held back for the handshake; they leave at once, plain
MPIP-GEN-05 | 4 | SHOULD | P | paper | Works with default configuration
MPIP-CM-01 | 3.1 | MUST | Y | paper | Every packet sent as MPIP carries one CM after the user data
MPIP-CM-02 | 3.1 | MUST | Y | paper | CM contains node id, session id, path id, feedback path id, timestamp, delay, address list, flags, checksum
MPIP-CM-03 | 3.1 | MUST | Y | paper | Control data is piggybacked, no separate feedback packets except those defined
MPIP-CM-04 | 3.1 | MUST | Y | paper | If the CM would exceed the MTU, user data per packet is reduced so the packet still fits
MPIP-CM-05 | 3.1 | MUST | Y | judgement | Reduced user data is not lost; UDP cannot be shortened transparently: the application is told a smaller MTU, or the datagram goes without CM
MPIP-CM-06 | 3.1 | MUST | Y | paper | Address list holds the sender's current local addresses; compact: at most two at a time, all of n within ceil(n/2) packets
MPIP-CM-07 | 3.1 | MUST | Y | paper | Flags determine receiver action
MPIP-CM-08 | 3.1 | MUST | P | paper | Receiver removes CM before passing data up
MPIP-NID-01 | 3.1 | MUST | P | paper | Node id derives from a MAC of the node
MPIP-NID-02 | 3.1 | MUST | Y | paper | Node id is constant from start to shutdown, across address change
MPIP-NID-03 | 3.3 | MUST | Y | paper | All packets of a node carry the same node id on every path and session
MPIP-CK-01 | 3.1 | MUST | Y | paper | Checksum is the sum of all other CM content, read bytewise as in wire-format.md
MPIP-CK-02 | 3.1 | MUST | Y | paper | Receiver recomputes it to decide whether a CM is present
MPIP-CK-03 | 3.1 | MUST | Y | paper | On mismatch the packet is treated as ordinary (delivered unstripped, no state)
MPIP-CK-04 | 3.1, 3.2 | SHOULD | Y | judgement | A CM with which no unknown node can begin (query or confirmation with a session or path, other flags without a session) is chance: the packet is ordinary
MPIP-AV-01 | 3.2 | MUST | Y | paper | Until the handshake completes, or a query from the peer has been received, traffic of the connection is ordinary
MPIP-AV-02 | 3.2 | MUST | Y | paper | Sending to a destination not known enabled also emits a copy with CM and query flag
MPIP-AV-03 | 3.2 | MUST | Y | paper | The original packet is still sent unmodified
MPIP-AV-04 | 3.2 | MUST | Y | paper | The query copy reproduces the packet (same addresses, ports, TCP sequence); payload may be shortened; the TCP/UDP checksum of a query copy is not prescribed
MPIP-AV-05 | 3.2 | MUST | P | paper | Receiving a query marks the sender addr:port enabled
MPIP-AV-06 | 3.2 | MUST | Y | paper | A query is answered by a confirm flag packet
MPIP-AV-07 | 3.2 | MUST | Y | paper | For non-TCP the confirm is sent right away as own packet
MPIP-AV-08 | 3.2 | MUST | Y | paper | For TCP the confirm is a copy of the next segment sent to that address and port
MPIP-AV-09 | 3.2 | MUST NOT | Y | paper | IUT invents a TCP segment for the confirm (no segment while idle)
MPIP-AV-10 | 3.2 | MUST | Y | paper | TCP confirm copy has the same sequence number as the segment it copies
MPIP-AV-11 | 3.2 | MUST | Y | paper | Receiving a confirm marks the responder enabled
MPIP-AV-12 | 3.2 | MUST | P | paper | Query and confirm packets are never delivered to upper layers
MPIP-AV-13 | 3.2 | MUST | Y | paper | Repeated queries and confirms are tolerated
MPIP-AV-14 | 3.2 | MUST | Y | paper | Queries to a silent destination stop at the threshold 5 (5 or 6 pass; the reference sends 5), and are not fewer while there is traffic
MPIP-AV-15 | 3.2 | MUST | Y | paper | After giving up, traffic continues as ordinary
MPIP-AV-16 | 3.2 | MUST | Y | paper | A node that never sends to a peer sends no query
MPIP-AV-17 | 3.2 | SHOULD | Y | paper | Each address of a multi-homed node is handshaked separately
MPIP-AV-18 | 3.2 | MUST | Y | paper | Availability is kept per addr AND port; Table 2 has no protocol: UDP and TCP at one port share a row
MPIP-AV-19 | 3.2 | MUST | Y | paper | A node that received a query or confirm from addr:port sends no query there
MPIP-AV-20 | 3.2 | MUST | Y | judgement | A query or confirm from an addr:port already given up sets it enabled
MPIP-AV-21 | 3.2 | MUST | Y | paper | The segment copied for a TCP confirm is itself sent too: two segments with one sequence number
MPIP-AV-22 | 3.2 | MUST | Y | judgement | A query copy never alters the byte stream of a TCP peer without MPIP
MPIP-PA-01 | 3.3 | MUST | P | paper | Path ids are locally unique integers from 1, assigned only when a path is added
MPIP-PA-02 | 3.3 | MUST | Y | paper | Path id in CM names the path actually used (tuple stays constant per id); 0 = the session's own tuple, no path yet
MPIP-PA-03 | 3.3 | MUST | Y | paper | When a peer addr:port becomes enabled, paths from every local address to it are added; after the session exists at both ends (PA-09), in fake-TCP mode after HS-06
MPIP-PA-04 | 3.3 | MAY | P | paper | Number of paths may be capped, keeping the fastest
MPIP-PA-05 | 3.3 | MUST | Y | paper | Only paths of the packet's session are used
MPIP-PA-06 | 3.3 | MUST | Y | paper | Path tables hold addresses as seen locally (NAT tolerant)
MPIP-PA-07 | 3.3 | MUST | N | paper | Removing a path removes the matching node/address mapping
MPIP-PA-08 | 3.1, 3.3 | MUST | Y | paper | The peer's address list is used to build paths; M local x N peer addresses give M*N paths
MPIP-PA-09 | 3.7.1 | MUST | Y | paper | Other paths are used only once both ends hold the session row
MPIP-PA-10 | 3.3, 3.2 | MUST NOT | Y | judgement | User data goes to an address that the peer only announced, before it answered a query or handshake of this node
MPIP-FB-01 | 3.4 | MUST | P | paper | Timestamp is sender's clock at transmission
MPIP-FB-02 | 3.4 | MUST | Y | paper | Receiver computes one-way delay as its receive time minus timestamp, per node and path id
MPIP-FB-03 | 3.4 | MUST | Y | paper | Each later sample replaces the stored delay for that path
MPIP-FB-04 | 3.4 | MUST | Y | paper | Reply carries feedback path id and delay of the entry with the oldest feedback time
MPIP-FB-05 | 3.4 | MUST | Y | paper | Feedback time is updated when used, so all paths with a sample newer than their last feedback are fed back in turn; with none such the feedback path id is 0
MPIP-FB-06 | 3.4 | MUST | Y | paper | Negative delays are legal and not clamped
MPIP-FB-07 | 3.4 | MUST | P | paper | Feedback for own path updates its real-time delay by a moving average
MPIP-FB-08 | 3.4 | MUST | P | paper | Clock offset between nodes does not alter path choice, including offsets near +-2^31 ticks (modulo arithmetic)
MPIP-FB-09 | 3.4, 4.1 | MUST | P | paper | Clock drift common to all paths does not alter path choice
MPIP-EX-01 | 3.4 | MUST | Y | paper | A path on which packets were sent and no feedback came for the threshold time is removed and no longer used; without packets sent it does not age; the session's last path is not removed
MPIP-EX-02 | 3.4 | SHOULD | Y | paper | Remaining paths keep carrying traffic without loss
MPIP-EX-03 | 3.8.2 | MUST | Y | paper | A path that never received feedback expires as well
MPIP-AD-01 | 3.4 | MUST | Y | paper | After local address change the next MPIP packets carry the IP-change flag
MPIP-AD-02 | 3.4 | MUST | Y | judgement | Receiver of that flag forgets the connection's entries and keeps only the path of that packet (Table 7 keeps its row and tuple; the same change repeated in later flagged packets does not reset again)
MPIP-AD-03 | 3.4 | MUST | Y | paper | Sender resets likewise to one path (Table 7 keeps its row and tuple)
MPIP-AD-04 | 3.4 | MUST | Y | paper | Other paths are re-added by the normal process
MPIP-AD-05 | 3.4 | MUST | Y | paper | Upper layers see no interruption
MPIP-AD-06 | 3.4 | MUST | P | paper | The flagged packet's user data is delivered
MPIP-AD-07 | 3.4 | MUST | Y | paper | An added local address yields new paths and appears in the list
MPIP-AD-08 | 3.4 | MUST | Y | paper | A removed address is neither used as source nor listed
MPIP-AD-09 | 3.4 | MUST | Y | judgement | The IP-change flag is obeyed only for a known session, from the session's own address or one that did a handshake as that node
MPIP-AD-10 | 3.4 | MUST | Y | judgement | The flag ends once a path made after the change was fed back, and after a few packets (constant ip-change-packets) in any case
MPIP-HB-01 | 3.5 | MUST | Y | paper | With one-way incoming traffic the receiver sends heartbeats before the path would become obsolete
MPIP-HB-02 | 3.5 | MUST | Y | paper | Heartbeat is a copy of the received packet sent back to its sender: direction reversed, addresses and ports of the chosen path; heartbeat flag; CM with feedback
MPIP-HB-03 | 3.5 | MUST | P | paper | Heartbeats are dropped after processing, not delivered
MPIP-HB-04 | 3.5 | SHOULD | Y | paper | No heartbeat while piggybacked feedback is fresh
MPIP-HB-05 | 3.5 | MUST | P | paper | Heartbeat path chosen by the normal selection
MPIP-HB-06 | 3.7.1 | MUST | Y | paper | Heartbeats do not refresh the session timer
MPIP-HB-07 | 3.5 | MUST | Y | paper | A heartbeat is sent only in reaction to a received packet
MPIP-HB-08 | 3.5 | MUST | Y | paper | One-way traffic becomes multipath through heartbeats
MPIP-SE-01 | 3.6.1 | MUST | Y | paper | Default selection is random with probability proportional to weight
MPIP-SE-02 | 3.6.1 | MUST | Y | paper | Initial weights are equal (1000/N)
MPIP-SE-03 | 3.6.1 | MUST | P | paper | Path with queuing delay above average loses S per period T; others gain S; equal Q on all paths raises all
MPIP-SE-04 | 3.6.1 | MUST | P | paper | Weight stays within 1..1000
MPIP-SE-05 | 3.6.1 | SHOULD | P | paper | S and T configurable, defaults 10 and 100 ms
MPIP-SE-06 | 3.6.1 | MUST | P | paper | Q = D - Dmin; Dmin is the minimum over time of D, the smoothed real-time network delay
MPIP-SE-07 | 3.6.1 | MUST | P | paper | Congested path is kept alive and recovers when delay falls
MPIP-SE-08 | 3.6 | MUST | Y | paper | The path is chosen per packet, not per flow
MPIP-SE-09 | 3.6.1 | MUST | N | paper | Qmax = largest Q seen on the path
MPIP-SE-10 | 3.6.1 | MUST | P | paper | N and Qavg cover one connection's paths only
MPIP-SE-11 | 4.2.1 | MAY | P | paper | Weights can be fixed by option
MPIP-RT-01 | 3.6.2 | MUST | Y | paper | User rules match destination address, port, protocol and length range, with wildcards; the end size is exclusive ("smaller than"); the boundary itself is not tested
MPIP-RT-02 | 3.6.2 | MUST | Y | paper | Responsiveness priority sends matching packets on the path with the lowest D (not Q)
MPIP-RT-03 | 3.6.2 | MUST | Y | paper | Throughput priority or no match uses weighted selection
MPIP-RT-04 | 3.6.2 | SHOULD | P | paper | Rules are changeable at run time
MPIP-RT-05 | 3.6.2, 4.3 | MUST | Y | paper | A rule * * * 0..200 sends small packets of any kind, pure ACKs included, on the lowest-delay path; others by weight
MPIP-RT-06 | 4.3 | MUST | P | paper | Customised routing can be switched on and off
MPIP-SS-01 | 3.7.1 | MUST | P | paper | A session row is created at first send after a completed handshake
MPIP-SS-02 | 3.7.1 | MUST | Y | paper | Session ids are integers from 1, new only for new sessions
MPIP-SS-03 | 3.7.1 | MUST | Y | paper | Both directions of one session carry the same id
MPIP-SS-04 | 3.7.1 | MUST | Y | paper | Receiver adopts the id received
MPIP-SS-05 | 3.7.1 | MUST | Y | paper | Equal ids from different nodes do not collide
MPIP-SS-06 | 3.7.1 | MUST | Y | paper | Session removed after 120 s without non-heartbeat traffic
MPIP-SS-07 | 3.7.1 | MUST | Y | paper | Activity in either direction refreshes the timer
MPIP-SS-08 | 3.7.1 | MUST | Y | paper | Session tuple is immutable even if its address vanishes
MPIP-SS-09 | 3.7.1 | MUST | P | paper | The two ends' tuples of one session may differ (NAT)
MPIP-SS-10 | 3.7.1 | MUST | Y | paper | Protocol is part of a session
MPIP-TX-01 | 3.7.2 | MUST | Y | paper | Source/destination address and ports on the wire are those of the chosen path
MPIP-TX-02 | 3.7.2 | MUST | Y | paper | Packet leaves by the interface matching the new source
MPIP-TX-03 | 3.7.2 | MUST | Y | paper | Eligible paths are those with the right node id and session id
MPIP-TX-04 | 3.7.2 | MUST | Y | paper | Rewriting changes only addresses, ports, CM and derived lengths and checksums
MPIP-RX-01 | 3.7.2 | MUST | P | paper | Inbound packet is mapped by node id + session id and restored to the session's tuple
MPIP-RX-02 | 3.7.2 | MUST | Y | paper | Path-measurement fields are processed for every inbound MPIP packet whose path id or feedback path id is not 0
MPIP-RX-03 | 3.7.2 | SHOULD | P | judgement | Unknown node/session must not be delivered to a wrong socket
MPIP-RX-04 | 3.7.2 | MUST | P | paper | The packet handed up has the session's tuple and unchanged header fields and payload
MPIP-HS-01 | 3.8.1 | MUST | Y | paper | Fake TCP handshake packets carry the handshake flag and are dropped after processing
MPIP-HS-02 | 3.8.1 | MUST | Y | paper | Only the connection initiator sends SYNs, after learning the peer's address list
MPIP-HS-03 | 3.8.1 | MUST | Y | paper | At least one SYN (retransmission allowed) per possible path, none on the original
MPIP-HS-04 | 3.8.1 | MUST | Y | paper | Server answers SYN with SYN-ACK on the same path
MPIP-HS-05 | 3.8.1 | MUST | Y | paper | Client completes with ACK on that path
MPIP-HS-06 | 3.8.1 | MUST | Y | paper | Path carries data only after the three packets
MPIP-HS-07 | 3.8.1 | MUST | Y | paper | Unreachable server address: that path is simply unused
MPIP-HS-08 | 3.8.1 | MUST NOT | Y | paper | Fake connection reaches the TCP layer (no RST, no accept)
MPIP-HS-09 | 3.8.1 | MUST | Y | paper | On a fake path data is TCP with the path's tuple, sequence numbers and data unchanged
MPIP-HS-10 | 3.8.1 | SHOULD | Y | paper | SYN, SYN-ACK, ACK share one 4-tuple and acknowledge as TCP does
MPIP-HS-11 | 3.8.1, 4.2.2 | SHOULD | P | paper | Paths come up through a NAT that tracks TCP connections
MPIP-UW-01 | 3.8.2 | MUST | Y | paper | In wrapper mode TCP on non-original paths is sent as UDP containing TCP header + data
MPIP-UW-02 | 3.8.2 | MUST | Y | paper | On the original path TCP is sent unwrapped
MPIP-UW-03 | 3.8.2 | MUST | Y | paper | Receiver recognises a wrapper by the session's protocol = TCP
MPIP-UW-04 | 3.8.2 | MUST | P | paper | After unwrapping, ports and addresses come from the session
MPIP-UW-05 | 3.8.2 | MUST | P | paper | UDP for a UDP session is not unwrapped
MPIP-UW-06 | 3.8.2 | MUST | Y | paper | Wrapping is decided per packet by the chosen path, in both directions
MPIP-UW-07 | 3.8.2 | MUST | Y | paper | A wrapped path needs no fake handshake
MPIP-UW-08 | 3.8.2 | MUST NOT | Y | judgement | A wrapped segment whose UDP checksum shows damage reaches the TCP layer
MPIP-OO-01 | 3.8.3 | MUST | P | paper | In-sequence segment is delivered at once
MPIP-OO-02 | 3.8.3 | MUST | Y | paper | Segment beyond S is held; no duplicate ACK appears while holding
MPIP-OO-03 | 3.8.3 | MUST | Y | paper | When the gap is filled all consecutive held segments are delivered in order
MPIP-OO-04 | 3.8.3 | MUST | Y | paper | Buffer holds at most 10 per session; when full everything is delivered
MPIP-OO-05 | 3.8.3 | MUST | Y | paper | S advances by payload length and wraps modulo 2^32
MPIP-OO-06 | 3.8.3 | MUST | P | paper | Held segments are ordered by sequence number
MPIP-OO-07 | 3.8.3 | MUST NOT | Y | paper | UDP is reordered/held
MPIP-OO-08 | 3.8.3 | MUST | Y | paper | Buffer and S are per session
MPIP-OO-09 | 4.2.1 | MUST | Y | paper | Reordering can be switched off (dupACKs then at once); on by default
MPIP-OO-10 | 3.8.3 | MUST | Y | judgement | A segment below S (retransmission, duplicate) is delivered, not held
MPIP-MT-01 | 3.8.4 | SHOULD | Y | paper | MPTCP subflows are independent MPIP sessions
MPIP-MT-02 | 3.8.4 | SHOULD | Y | paper | Each MPTCP subflow has its own M*N paths (4 x 4 = 16)
MPIP-TM-01 | 3.8, 4.2.2 | MUST | Y | paper | Fake TCP and UDP wrapper are both selectable
MPIP-TM-02 | 4.2.2 | SHOULD | Y | paper | Default is fake TCP
MPIP-WF-01 | 3.1 | MUST | Y | judgement | IP total length and IP header checksum cover the trailer and are right
MPIP-WF-02 | 3.1 | MUST | Y | judgement | UDP length covers the trailer
MPIP-WF-03 | 3.1 | SHOULD | Y | judgement | TCP/UDP checksum is valid over the packet as sent (query copies excepted)
MPIP-WF-04 | 3.1 | MUST NOT | Y | judgement | A CM packet is fragmented or a CM is put on a fragment
MPIP-WF-05 | 3.1 | MUST | Y | paper | The CM is at the end of the datagram, after all user data
MPIP-EV-01 | 4.2.2 | SHOULD | lab | paper | TCP over 2 x 100 Mb/s clearly exceeds one NIC
MPIP-EV-02 | 4.2.2 | SHOULD | lab | paper | Fake TCP and wrapper reach about the same throughput
MPIP-EV-03 | 4.2.1 | SHOULD | lab | paper | Reordering raises throughput when path delays differ
MPIP-EV-04 | 4.3 | SHOULD | lab | paper | UDP throughput nearly doubles
MPIP-EV-05 | 4.2.2 | SHOULD | lab | paper | Shared bottleneck behind a NAT: reaches capacity
MPIP-EV-06 | 4.3 | SHOULD | lab | paper | Small-packet rule lowers audio delay, bulk unharmed
MPIP-EV-07 | 4.3 | SHOULD | lab | paper | ACK routing raises TCP throughput
MPIP-EV-08 | 4.2.2 | SHOULD | lab | paper | MPIP under MPTCP works; highest in the NIC-limit, pairwise and wireless rows
`;
