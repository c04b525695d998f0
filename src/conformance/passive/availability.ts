import { readU32be } from '../../codec/bytes.js';
import { Flags, TCP, TcpFlags } from '../../codec/index.js';
import { Flow } from '../../dissector/tracker/flows.js';
import { Handshake } from '../../dissector/tracker/handshakes.js';
import { FlowNotes } from './flow-notes.js';
import { type Place, type Predicate, placeOf, type Sight } from './predicate.js';
import { carriesData, isCm } from './wire.js';

const SECOND = 1_000_000;
/** Queries above the limit that pass: the paper says "larger than". */
const TOLERANCE = 1;
/** Unanswered queries that loss does not explain. */
const UNANSWERED = 4;
/** Segments and datagrams remembered of a flow, to be found again as copies. */
const REMEMBERED = 16;
/** Ordinary segments in a row that tell of a node that has ended while its host goes on (docs/decisions.md 60). */
const DEPARTED = 3;
/** Flows that are watched for copies. */
const MAX_FLOWS = 4096;

/** What was seen of one direction of a TCP connection. */
class WatchedFlow {
  /** The first ordinary segment with data among those with a control message. */
  plain: Place | undefined;
  /** When the last of them came, how many there were, and the octets of the shortest. */
  at = 0;
  count = 0;
  shortest = Number.POSITIVE_INFINITY;
  /** Ordinary segments since the last one with a control message. */
  ordinary = 0;

  /** @param last when the last segment with data and a control message came. */
  constructor(public last: number) {}
}

/** Packets that a copy may be of, and copies whose original has not been seen. */
interface Originals {
  /** What tells one packet from another: TCP the sequence number, UDP the beginning of the user data. */
  readonly marks: string[];
  open: { readonly mark: string; readonly place: Place }[];
  matched: number;
}

/** Where the TCP header is in a segment, also in a datagram that may be a wrapped one; -1 in any other. */
function segmentAt({ trailer, dissector, seen }: Sight): number {
  if (trailer.protocol === TCP) return trailer.l4Offset;
  if (dissector.wrappedHeader >= 0) return dissector.wrappedHeader;
  // The first packet of a session may be wrapped, when nothing tells yet that it is one of TCP.
  const isLikely = seen.hasCm && trailer.cm.flags <= Flags.ipChange && trailer.userDataLength >= 20;
  return isLikely && trailer.bytes[trailer.payloadOffset + 12]! >> 4 >= 5 ? trailer.payloadOffset : -1;
}

function markOf(sight: Sight): string {
  const { trailer } = sight;
  const { bytes } = trailer;
  const segment = segmentAt(sight);
  if (segment >= 0) return `tcp ${readU32be(bytes, segment + 4)}`;
  const data = bytes.subarray(trailer.payloadOffset, trailer.payloadOffset + Math.min(8, trailer.userDataLength));
  return Buffer.from(data).toString('hex');
}

/** Follows the copies with one flags value and says which have no original on their flow. */
function copies(
  id: string,
  requirement: string,
  purpose: string,
  flags: number,
  isOriginal: (sight: Sight) => boolean,
  isCopy: (sight: Sight) => boolean,
  finding: { readonly code: string; readonly text: string },
): Predicate {
  return {
    id,
    area: 'AV',
    purpose,
    requirement,
    watch(judge) {
      // By flow, and by sender and receiver: an original may go over another path than its copy.
      const all = new Map<string, Originals>();
      const at = (key: string) => {
        let known = all.get(key);
        if (known === undefined) {
          known = { marks: [], open: [], matched: 0 };
          if (all.size < MAX_FLOWS) all.set(key, known);
        }
        return known;
      };
      return {
        see(sight) {
          const { seen, trailer } = sight;
          if (!seen.isTracked || seen.flow < 0) return;
          const flow = at(`f${seen.flow}`);
          const mark = markOf(sight);
          const kind = mark.startsWith('tcp') ? 'tcp' : 'udp';
          const pair = seen.node === 0 ? flow : at(`${kind} ${seen.node} ${seen.peer}`);
          if (isCm(sight) && trailer.cm.flags === flags) {
            if (!isCopy(sight) || !judge.judges(seen.node)) return;
            if (flow.marks.some((one) => isSame(one, mark)) || pair.marks.some((one) => isSame(one, mark))) {
              pair.matched++;
              judge.pass();
            } else if (pair.open.length < REMEMBERED) pair.open.push({ mark, place: placeOf(sight) });
            return;
          }
          if (!isOriginal(sight)) return;
          for (const one of new Set([flow, pair])) {
            one.marks.push(mark);
            if (one.marks.length > REMEMBERED) one.marks.shift();
            const open = one.open.filter((copy) => !isSame(mark, copy.mark));
            if (open.length === one.open.length) continue;
            one.open = open;
            one.matched++;
            judge.pass();
          }
        },
        end() {
          for (const { open, matched, marks } of all.values()) {
            if (open.length > 0 && matched === 0 && marks.length > 1) judge.fail(finding, open[0]!.place);
          }
        },
      };
    },
  };
}

/** A segment of a connection, plain, with a CM, or in a UDP datagram. */
function isSegment(sight: Sight): boolean {
  const { trailer, seen } = sight;
  return segmentAt(sight) >= 0 && (!seen.hasCm || trailer.cm.flags <= Flags.ipChange);
}

/** A copy may have less user data than its original: the beginnings are compared. */
function isSame(original: string, copy: string): boolean {
  if (original === copy) return true;
  return !copy.startsWith('tcp') && copy.length > 0 && original.length > copy.length && original.startsWith(copy);
}

/** Requirements about queries and confirmations. */
export const AVAILABILITY: readonly Predicate[] = [
  {
    id: 'AV-passive-ordinary-before-handshake',
    area: 'AV',
    purpose: 'No data carries a control message before its destination has shown that it speaks MPIP.',
    requirement: 'MPIP-AV-01',
    watch(judge) {
      return {
        see(sight) {
          const { seen, tracker } = sight;
          if (!carriesData(sight) || !judge.judges(seen.node)) return;
          const { flows } = tracker;
          const handshake = flows.columns.int(seen.flow, Flow.handshake) - 1;
          const asked = handshake >= 0 && tracker.handshakes.columns.int(handshake, Handshake.queries) > 0;
          if (!asked) return;
          const back = flows.reverse(seen.flow);
          const hasSpoken = back >= 0 && flows.hasCm(back);
          const isEcho = back >= 0 && flows.isEcho(back);
          if (hasSpoken && !isEcho) judge.pass();
          else if (isEcho) {
            const text =
              'Data carries a control message, and all that its destination ever sent is what it got: the sender takes its own query, returned by an ordinary server, for that of a peer.';
            judge.fail({ code: 'own-query-believed', text }, placeOf(sight));
          } else if (back >= 0 && flows.hasPlain(back) && tracker.nodes.atAddress(sight.trailer.destination) === 0) {
            const text =
              'Data carries a control message although its destination was asked and has answered with ordinary packets only.';
            judge.fail({ code: 'cm-before-handshake', text }, placeOf(sight));
          }
        },
      };
    },
  },
  copies(
    'AV-passive-query-copies-a-packet',
    'MPIP-AV-04',
    'A query is a copy of a packet of its connection, which is sent too.',
    Flags.enable,
    ({ seen }) => !seen.hasCm,
    () => true,
    {
      code: 'query-without-original',
      text: 'No query of this flow is a copy of a packet on it: sequence numbers or user data differ.',
    },
  ),
  copies(
    'AV-passive-confirm-copies-a-segment',
    'MPIP-AV-10',
    'A confirmation over TCP is a copy of a segment: its sequence number is that of one.',
    Flags.enabled,
    isSegment,
    (sight) => sight.trailer.protocol === TCP,
    {
      code: 'confirm-without-segment',
      text: 'This confirmation is no copy of a segment: no other segment of the connection has its sequence number.',
    },
  ),
  {
    id: 'AV-passive-confirms-queries',
    area: 'AV',
    purpose: 'A query by a datagram is answered by a confirmation.',
    requirement: 'MPIP-AV-06',
    watch(judge) {
      const nodes = new Map<number, { queries: number; confirmations: number; place: Place | undefined }>();
      const of = (node: number) => {
        let known = nodes.get(node);
        if (known === undefined) {
          known = { queries: 0, confirmations: 0, place: undefined };
          nodes.set(node, known);
        }
        return known;
      };
      return {
        see(sight) {
          const { seen, trailer } = sight;
          if (!isCm(sight) || trailer.protocol === TCP) return;
          const { flags } = trailer.cm;
          if (flags === Flags.enabled && judge.judges(seen.node)) {
            of(seen.node).confirmations++;
            judge.pass();
          } else if (flags === Flags.enable && seen.peer !== 0 && judge.judges(seen.peer)) {
            const asked = of(seen.peer);
            asked.queries++;
            asked.place ??= placeOf(sight);
          }
        },
        end() {
          for (const { queries, confirmations, place } of nodes.values()) {
            if (queries < UNANSWERED || confirmations > 0) continue;
            const text = `The node sends control messages, and answered none of ${queries} queries.`;
            judge.fail({ code: 'no-confirm', text, expected: 'a confirmation', seen: 'none' }, place!);
          }
        },
      };
    },
  },
  {
    id: 'AV-passive-query-limit',
    area: 'AV',
    purpose: 'Queries to an address and port that never answers end at the threshold.',
    requirement: 'MPIP-AV-14',
    watch(judge) {
      // By destination; whoever sends a CM is no silent one.
      const silent = new Map<string, Map<string, { count: number; marks: Set<number> }>>();
      return {
        see(sight) {
          const { seen, trailer } = sight;
          if (!isCm(sight)) return;
          silent.delete(`${trailer.source}:${trailer.sourcePort}`);
          if (trailer.cm.flags !== Flags.enable || !judge.judges(seen.node)) return;
          const destination = `${trailer.destination}:${trailer.destinationPort}`;
          let askers = silent.get(destination);
          if (askers === undefined) {
            if (silent.size >= MAX_FLOWS) return;
            askers = new Map();
            silent.set(destination, askers);
          }
          const asker = `${sight.source} ${seen.node}`;
          const known = askers.get(asker) ?? { count: 0, marks: new Set() };
          askers.set(asker, known);
          // The same packet captured twice is one query.
          const { timestamp } = trailer.cm;
          if (known.marks.has(timestamp)) return;
          if (known.marks.size < 64) known.marks.add(timestamp);
          known.count++;
          const limit = judge.constants['query-limit'];
          if (known.count === limit + TOLERANCE + 1) {
            const text = `This is query number ${known.count} to an address and port that has sent no control message.`;
            judge.fail(
              { code: 'too-many-queries', text, expected: `${limit} queries`, seen: `${known.count} or more` },
              placeOf(sight),
            );
          } else if (known.count <= limit) judge.pass();
        },
      };
    },
  },
  {
    id: 'AV-passive-no-query-once-enabled',
    area: 'AV',
    purpose: 'An address and port that is known to speak MPIP is not asked.',
    requirement: 'MPIP-AV-19',
    watch(judge) {
      const flows = new FlowNotes<{ lastData: number; session: number; query: Place | undefined; asked: number }>(
        MAX_FLOWS,
      );
      return {
        see(sight) {
          const { seen, trailer, time } = sight;
          if (!isCm(sight) || !judge.judges(seen.node)) return;
          const known = flows.get(sight);
          if (carriesData(sight)) {
            if (known === undefined) {
              flows.set(sight, { lastData: time, session: seen.session, query: undefined, asked: 0 });
              return;
            }
            judge.pass();
            if (known.query !== undefined && known.session === seen.session && time - known.asked < SECOND) {
              const text =
                'The node asks whether its peer speaks MPIP between two packets of data that carry control messages to it.';
              judge.fail({ code: 'query-to-enabled', text }, known.query);
            }
            known.query = undefined;
            known.lastData = time;
            known.session = seen.session;
          } else if (known !== undefined && trailer.cm.flags === Flags.enable && time - known.lastData < SECOND) {
            known.query = placeOf(sight);
            known.asked = time;
          }
        },
      };
    },
  },
  {
    id: 'CM-passive-on-every-segment',
    area: 'CM',
    purpose: 'Every segment of a TCP connection with a session carries a control message.',
    requirement: 'MPIP-CM-01',
    watch(judge) {
      const flows = new FlowNotes<WatchedFlow>(MAX_FLOWS);
      return {
        see(sight) {
          const { seen, trailer, time, tracker } = sight;
          if (!seen.isTracked || seen.flow < 0 || trailer.protocol !== TCP) return;
          const known = flows.get(sight);
          if (carriesData(sight)) {
            if (known === undefined) {
              flows.set(sight, new WatchedFlow(time));
              return;
            }
            known.last = time;
            known.ordinary = 0;
            if (!judge.judges(seen.node)) return;
            judge.pass();
            // A few ordinary segments are those that were on their way when the session began. Without room for a control message
            // segments go as they are, until TCP has learned of a smaller MTU.
            const hadRoom = trailer.cm.trailerStart - trailer.offset >= known.shortest;
            if (known.plain !== undefined && time - known.at < SECOND && known.count > REMEMBERED && hadRoom) {
              const text = `${known.count} segments with data left without a control message while others of the connection carry one.`;
              judge.fail({ code: 'segment-without-cm', text }, known.plain);
              known.plain = undefined;
            }
            return;
          }
          if (seen.hasCm || known === undefined || (trailer.tcpFlags & TcpFlags.rst) !== 0) return;
          known.ordinary++;
          if (seen.dataLength === 0 || time - known.last > SECOND) return;
          // Where the other end sends ordinary segments only, its node has ended: a control message would spoil its data.
          if ((flows.at(tracker.flows.reverse(seen.flow))?.ordinary ?? 0) >= DEPARTED) return;
          known.plain ??= placeOf(sight);
          known.at = time;
          known.count++;
          known.shortest = Math.min(known.shortest, trailer.end - trailer.offset);
        },
      };
    },
  },
];
