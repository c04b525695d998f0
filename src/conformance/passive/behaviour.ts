import { Flags, TCP, TcpFlags } from '../../codec/index.js';
import { Flow } from '../../dissector/tracker/flows.js';
import { Handshake } from '../../dissector/tracker/handshakes.js';
import { Direction, DirectionTime } from '../../dissector/tracker/sessions.js';
import type { Tracker } from '../../dissector/tracker/tracker.js';
import { type Place, type Predicate, placeOf, type Sight } from './predicate.js';
import { carriesData, isCm } from './wire.js';

const SECOND = 1_000_000;
/** Rows that are watched. */
const MAX_KEPT = 16_384;
/** A clock may run faster or slower than the capture's by this part. */
const RATE_TOLERANCE = 0.05;
/** Microseconds over which a rate is judged. */
const RATE_SPAN = 2 * SECOND;
/** How long a packet may wait behind its timestamp, the first of a capture or the last (docs/decisions.md 63). */
const LATE = SECOND / 2;

function isHandshake(sight: Sight): boolean {
  return isCm(sight) && sight.trailer.cm.flags === Flags.handshake;
}

/** True when a flow has the addresses and ports of the session's own tuple, as far as the capture shows it. */
function isOnOwnTuple({ trailer, seen, tracker }: Sight): boolean | undefined {
  const session = tracker.sessions.find(seen.node, seen.peer, trailer.cm.sessionId);
  const direction = session < 0 ? -1 : tracker.sessions.direction(session, seen.node);
  if (direction < 0 || tracker.sessions.directions.int(direction, Direction.isOwnFlowSure) === 0) return undefined;
  const own = tracker.ownTuple(direction);
  return (
    own.source === trailer.source &&
    own.destination === trailer.destination &&
    own.sourcePort === trailer.sourcePort &&
    own.destinationPort === trailer.destinationPort
  );
}

/** Whether the handshake of a flow is complete, for the end that sends on it; undefined when none of it was seen. */
function isHandshakeDone(tracker: Tracker, flow: number): boolean | undefined {
  const flows = tracker.flows.columns;
  const back = tracker.flows.reverse(flow);
  const mine = flows.int(flow, Flow.handshake) - 1;
  const theirs = back >= 0 ? flows.int(back, Flow.handshake) - 1 : -1;
  const count = (at: number, kind: number) => (at < 0 ? 0 : tracker.handshakes.columns.int(at, kind));
  if (count(mine, Handshake.syns) > 0) return count(theirs, Handshake.synAcks) > 0 && count(mine, Handshake.acks) > 0;
  if (count(theirs, Handshake.syns) === 0) return undefined;
  return count(mine, Handshake.synAcks) > 0 && count(theirs, Handshake.acks) > 0;
}

/** What followed an address change of a node. */
interface Change {
  /** Which of its changes. */
  readonly run: number;
  /** Sources of before that are still listed and were not used since. */
  readonly listed: Set<number>;
  packets: number;
  readonly since: number;
  readonly place: Place;
}

/** Requirements about clocks, heartbeats, address changes and the fake handshake. */
export const BEHAVIOUR: readonly Predicate[] = [
  {
    id: 'FB-passive-clock',
    area: 'FB',
    purpose: "Timestamps follow the sender's clock in the unit of its profile.",
    requirement: 'MPIP-FB-01',
    watch(judge) {
      const last = new Map<number, Place>();
      return {
        see(sight) {
          const { seen } = sight;
          if (isCm(sight) && judge.judges(seen.node) && !last.has(seen.node) && last.size < MAX_KEPT)
            last.set(seen.node, placeOf(sight));
        },
        end(tracker) {
          for (const [index, place] of last) {
            const { clock } = tracker.nodes.get(index);
            const { rate } = clock;
            if (rate === undefined || clock.measured < RATE_SPAN) continue;
            const tolerance = Math.max(RATE_TOLERANCE, LATE / clock.measured);
            if ([1, 10].some((tick) => Math.abs(rate * tick - 1) < tolerance)) judge.pass();
            else if (clock.steps === 0 || Math.abs(rate) < RATE_TOLERANCE) {
              const text = 'Timestamps do not advance with time: neither by 1 µs nor by 10 µs a tick.';
              const seen = `${(rate * SECOND).toFixed(0)} ticks a second`;
              judge.fail({ code: 'clock-rate', text, expected: '1000000 or 100000 ticks a second', seen }, place);
            }
          }
        },
      };
    },
  },
  {
    id: 'HB-passive-feedback',
    area: 'HB',
    purpose: 'A heartbeat feeds back a path that was measured since.',
    requirement: 'MPIP-HB-02',
    watch(judge) {
      // By sender and receiver: when the first packet with a path id came that was not fed back, and bad heartbeats.
      const pairs = new Map<string, { sampleAt: number; bad: number }>();
      const of = (from: number, to: number) => {
        const key = `${from} ${to}`;
        let known = pairs.get(key);
        if (known === undefined) {
          known = { sampleAt: -1, bad: 0 };
          if (pairs.size < MAX_KEPT) pairs.set(key, known);
        }
        return known;
      };
      return {
        see(sight) {
          const { seen, trailer, time } = sight;
          if (!isCm(sight) || seen.peer === 0) return;
          const { cm } = trailer;
          const theirs = of(seen.node, seen.peer);
          if (cm.pathId !== 0 && theirs.sampleAt < 0) theirs.sampleAt = time;
          const mine = of(seen.peer, seen.node);
          if (cm.flags === Flags.heartbeat && judge.judges(seen.node)) {
            if (cm.feedbackPathId !== 0) judge.pass();
            else if (mine.sampleAt >= 0 && time - mine.sampleAt > SECOND / 10 && ++mine.bad >= 3) {
              const text = 'Heartbeats carry no feedback although packets with a path id came since the last feedback.';
              judge.fail({ code: 'heartbeat-without-feedback', text }, placeOf(sight));
            }
          }
          if (cm.feedbackPathId !== 0) mine.sampleAt = -1;
        },
      };
    },
  },
  {
    id: 'HB-passive-not-beside-feedback',
    area: 'HB',
    purpose: 'No heartbeat feeds back a path whose feedback is fresh.',
    requirement: 'MPIP-HB-04',
    watch(judge) {
      const fed = new Map<string, { time: number; bad: number }>();
      // Paths that their node has heard of. By another one a heartbeat asks for its proof (docs/decisions.md 59).
      const proven = new Set<string>();
      return {
        see(sight) {
          const { seen, trailer, time } = sight;
          const { cm } = trailer;
          if (!isCm(sight) || cm.feedbackPathId === 0) return;
          if (proven.size < MAX_KEPT) proven.add(`${seen.peer} ${cm.feedbackPathId}`);
          if (!judge.judges(seen.node)) return;
          const key = `${seen.node} ${seen.peer} ${cm.feedbackPathId}`;
          const known = fed.get(key);
          if (known === undefined) {
            if (fed.size < MAX_KEPT) fed.set(key, { time, bad: 0 });
            return;
          }
          const isTrial = cm.pathId !== 0 && !proven.has(`${seen.node} ${cm.pathId}`);
          if (cm.flags === Flags.heartbeat && !isTrial) {
            const age = time - known.time;
            if (age >= judge.constants['heartbeat-age'] / 2) judge.pass();
            else if (++known.bad >= 3) {
              const text = `Heartbeats feed a path back again and again that was fed back ${Math.round(age / 1000)} ms before.`;
              judge.fail({ code: 'needless-heartbeat', text }, placeOf(sight));
            }
          }
          known.time = time;
        },
      };
    },
  },
  {
    id: 'HB-passive-only-in-reaction',
    area: 'HB',
    purpose: 'A heartbeat is sent only in reaction to a received packet.',
    requirement: 'MPIP-HB-07',
    watch(judge) {
      const heard = new Map<string, { time: number; bad: number }>();
      return {
        see(sight) {
          const { seen, trailer, time } = sight;
          if (!isCm(sight) || seen.peer === 0) return;
          const there = `${seen.node} ${seen.peer}`;
          if (heard.size < MAX_KEPT || heard.has(there)) heard.set(there, { time, bad: heard.get(there)?.bad ?? 0 });
          if (trailer.cm.flags !== Flags.heartbeat || !judge.judges(seen.node)) return;
          const from = heard.get(`${seen.peer} ${seen.node}`);
          if (from === undefined) return;
          if (time - from.time < 3 * SECOND) judge.pass();
          else if (++from.bad >= 3) {
            const text = `Heartbeats go on although nothing was received for ${((time - from.time) / SECOND).toFixed(1)} s.`;
            judge.fail({ code: 'heartbeat-unasked', text }, placeOf(sight));
          }
        },
      };
    },
  },
  {
    id: 'AD-passive-sender-keeps-a-path',
    area: 'AD',
    purpose: 'After an address change the sender keeps one of its paths, which the flagged packets take.',
    requirement: 'MPIP-AD-03',
    capability: 'address-change',
    watch: (judge) => ({
      see(sight) {
        const { seen, trailer, tracker } = sight;
        if (!carriesData(sight) || trailer.cm.flags !== Flags.ipChange || !judge.judges(seen.node)) return;
        if (trailer.cm.pathId !== 0) judge.pass();
        else if (tracker.sessions.directions.double(seen.direction, DirectionTime.firstPath) > 0) {
          const text =
            'A packet with flags ip-change has path id 0 although its sender had paths: it has forgotten them all.';
          judge.fail({ code: 'no-path-kept', text, expected: 'the path id that is kept', seen: 0 }, placeOf(sight));
        }
      },
    }),
  },
  {
    id: 'AD-passive-removed-address',
    area: 'AD',
    purpose: 'A removed address is neither used nor announced.',
    requirement: 'MPIP-AD-08',
    capability: 'address-change',
    watch(judge) {
      // By node, after a change: the sources before it that are still listed, packets since, and where it was.
      const nodes = new Map<number, Change>();
      return {
        see(sight) {
          const { seen, trailer, tracker, time } = sight;
          if (!isCm(sight) || !judge.judges(seen.node)) return;
          const node = tracker.nodes.get(seen.node);
          const { source } = trailer;
          const isNew = nodes.get(seen.node)?.run !== node.changes;
          if (trailer.cm.flags === Flags.ipChange && isNew && nodes.size < MAX_KEPT) {
            const isUsed = (address: number) => node.seen.some((one) => one.address === address);
            const listed = new Set(trailer.cm.localAddresses.filter(isUsed));
            nodes.set(seen.node, { run: node.changes, listed, packets: 0, since: time, place: placeOf(sight) });
          }
          const known = nodes.get(seen.node);
          if (known === undefined) return;
          known.listed.delete(source);
          known.packets++;
          if (known.packets < 20 || time - known.since < 2 * SECOND) return;
          if (known.listed.size === 0) judge.pass();
          else if (trailer.cm.localAddresses.some((address) => known.listed.has(address))) {
            const text =
              'After an address change an address is announced on that the node used before and uses no more: it may have been removed.';
            judge.inconc({ code: 'listed-but-unused', text }, known.place);
          }
          if (trailer.cm.flags !== Flags.ipChange) nodes.delete(seen.node);
        },
      };
    },
  },
  {
    id: 'HS-passive-bare-segments',
    area: 'HS',
    purpose: 'Packets of the fake handshake are SYN, SYN-ACK and ACK without user data.',
    requirement: 'MPIP-HS-01',
    capability: 'fake-tcp',
    watch: (judge) => ({
      see(sight) {
        const { seen, trailer } = sight;
        if (!isHandshake(sight) || !judge.judges(seen.node)) return;
        const kind = trailer.protocol === TCP ? trailer.tcpFlags & 0x3f : 0;
        const isStep = kind === TcpFlags.syn || kind === TcpFlags.ack || kind === (TcpFlags.syn | TcpFlags.ack);
        if (isStep && seen.dataLength === 0) judge.pass();
        else
          judge.fail(
            { code: 'no-handshake-packet', text: 'A packet with flags handshake is no bare SYN, SYN-ACK or ACK.' },
            placeOf(sight),
          );
      },
    }),
  },
  {
    id: 'HS-passive-initiator-only',
    area: 'HS',
    purpose: 'Only the initiator of a connection sends SYNs of the fake handshake.',
    requirement: 'MPIP-HS-02',
    capability: 'fake-tcp',
    watch(judge) {
      const initiators = new Map<string, number>();
      return {
        see(sight) {
          const { seen, trailer } = sight;
          if (!isHandshake(sight) || trailer.protocol !== TCP || (trailer.tcpFlags & 0x12) !== TcpFlags.syn) return;
          const [low, high] = seen.node < seen.peer ? [seen.node, seen.peer] : [seen.peer, seen.node];
          const key = `${low} ${high} ${trailer.cm.sessionId}`;
          const first = initiators.get(key);
          if (first === undefined && initiators.size < MAX_KEPT) initiators.set(key, seen.node);
          if (!judge.judges(seen.node)) return;
          if (first === undefined || first === seen.node) judge.pass();
          else
            judge.fail(
              { code: 'syn-from-both-ends', text: 'Both ends of a session send SYNs of the fake handshake.' },
              placeOf(sight),
            );
        },
      };
    },
  },
  {
    id: 'HS-passive-not-on-own-tuple',
    area: 'HS',
    purpose: 'No SYN of the fake handshake goes over the own tuple of its session.',
    requirement: 'MPIP-HS-03',
    capability: 'fake-tcp',
    watch: (judge) => ({
      see(sight) {
        const { seen, trailer } = sight;
        if (!isHandshake(sight) || (trailer.tcpFlags & 0x12) !== TcpFlags.syn || !judge.judges(seen.node)) return;
        const isOwn = isOnOwnTuple(sight);
        if (isOwn === false) judge.pass();
        else if (isOwn === true)
          judge.fail(
            { code: 'syn-on-own-tuple', text: 'A SYN of the fake handshake goes over the own tuple of its session.' },
            placeOf(sight),
          );
      },
    }),
  },
  {
    id: 'HS-passive-data-after-handshake',
    area: 'HS',
    purpose: 'A path of fake TCP carries data only after its handshake.',
    requirement: 'MPIP-HS-06',
    capability: 'fake-tcp',
    watch(judge) {
      // Data before the handshake's end, where the capture may have missed the other direction.
      const early = new Map<number, Place>();
      const finding = {
        code: 'data-before-handshake',
        text: 'A path carries data before its fake handshake is complete.',
      };
      return {
        see(sight) {
          const { seen, trailer, tracker } = sight;
          if (!carriesData(sight) || trailer.protocol !== TCP || trailer.cm.pathId === 0 || !judge.judges(seen.node))
            return;
          const isDone = isHandshakeDone(tracker, seen.flow);
          if (isDone === true) judge.pass();
          else if (isDone === false && !early.has(seen.flow) && early.size < MAX_KEPT)
            early.set(seen.flow, placeOf(sight));
        },
        end(tracker) {
          for (const [flow, place] of early) {
            const { flows } = tracker;
            const back = flows.reverse(flow);
            const isSeen = back >= 0 && (flows.hasPlain(back) || flows.hasCm(back));
            if (isSeen) judge.fail(finding, place);
          }
        },
      };
    },
  },
  {
    id: 'HS-passive-acknowledges',
    area: 'HS',
    purpose: 'SYN-ACK and ACK of the fake handshake acknowledge as TCP does.',
    requirement: 'MPIP-HS-10',
    capability: 'fake-tcp',
    watch: (judge) => ({
      see(sight) {
        const { seen, trailer, tracker } = sight;
        if (!isHandshake(sight) || trailer.protocol !== TCP || (trailer.tcpFlags & TcpFlags.ack) === 0) return;
        if (!judge.judges(seen.node)) return;
        const at = tracker.flows.columns.int(seen.flow, Flow.handshake) - 1;
        const back = tracker.flows.reverse(seen.flow);
        const answered = back < 0 ? -1 : tracker.flows.columns.int(back, Flow.handshake) - 1;
        if (at < 0 || answered < 0) return;
        const expected = (tracker.handshakes.columns.int(answered, Handshake.sequence) + 1) >>> 0;
        if (trailer.acknowledgement === expected) judge.pass();
        else {
          const octet = trailer.l4Offset - trailer.offset + 8;
          const text = 'The packet acknowledges another number than the next one of the other end.';
          const finding = {
            code: 'wrong-acknowledgement',
            text,
            expected,
            seen: trailer.acknowledgement,
            octet,
            octets: 4,
          };
          judge.fail(finding, placeOf(sight));
        }
      },
    }),
  },
];
