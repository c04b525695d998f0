import { Flags, formatIpv4, TCP, UDP } from '../../codec/index.js';
import { Flow } from '../../dissector/tracker/flows.js';
import { Path } from '../../dissector/tracker/paths.js';
import { Direction, DirectionTime, Session } from '../../dissector/tracker/sessions.js';
import type { Tracker } from '../../dissector/tracker/tracker.js';
import { type Place, type Predicate, placeOf, type Sight } from './predicate.js';
import { carriesData, isCm } from './wire.js';

const SECOND = 1_000_000;
/** Ids and pairs that are watched. */
const MAX_KEPT = 16_384;
/** A freed id may come back after this. */
const ID_REUSE = 120 * SECOND;

/** Follows the smallest id of a kind that each pair of nodes uses, where the capture shows how they met. */
function firstId(
  id: string,
  area: 'PA' | 'SS',
  requirement: string,
  word: string,
  idOf: (sight: Sight) => number,
  keyOf: (node: number, peer: number) => string,
): Predicate {
  return {
    id,
    area,
    purpose: `${word[0]!.toUpperCase()}${word.slice(1)} ids are counted from 1.`,
    requirement,
    watch(judge) {
      const pairs = new Map<string, { least: number; place: Place | undefined }>();
      return {
        see(sight) {
          const { seen, trailer } = sight;
          if (!isCm(sight)) return;
          const { flags } = trailer.cm;
          const key = keyOf(seen.node, seen.peer);
          if (flags === Flags.enabled || flags === Flags.enable) {
            // The handshake is in the capture, and so is what comes after it.
            for (const one of [key, keyOf(seen.peer, seen.node)]) {
              if (seen.peer !== 0 && !pairs.has(one) && pairs.size < MAX_KEPT)
                pairs.set(one, { least: Number.POSITIVE_INFINITY, place: undefined });
            }
            return;
          }
          const used = idOf(sight);
          const pair = pairs.get(key);
          if (used === 0 || seen.session < 0 || pair === undefined || !judge.judges(seen.node)) return;
          if (used < pair.least) {
            pair.least = used;
            pair.place = placeOf(sight);
          }
        },
        end() {
          for (const { least, place } of pairs.values()) {
            if (least === 1) judge.pass();
            else if (place !== undefined) {
              const text = `The smallest ${word} id after the handshake is ${least}: either ids are counted from ${least}, or 1 was used out of sight of the capture.`;
              judge.inconc({ code: 'first-id-is-not-1', text, expected: 1, seen: least }, place);
            }
          }
        },
      };
    },
  };
}

/** Requirements about path ids and the tuples they stand for. */
export const PATHS: readonly Predicate[] = [
  firstId(
    'PA-passive-first-id',
    'PA',
    'MPIP-PA-01',
    'path',
    (sight) => sight.trailer.cm.pathId,
    (node, peer) => `${node} ${peer}`,
  ),
  firstId(
    'SS-passive-first-id',
    'SS',
    'MPIP-SS-02',
    'session',
    (sight) => sight.trailer.cm.sessionId,
    (node, peer) => (node < peer ? `${node} ${peer}` : `${peer} ${node}`),
  ),
  {
    id: 'PA-passive-id-names-the-path',
    area: 'PA',
    purpose: 'A path id stands for one pair of addresses and ports.',
    requirement: 'MPIP-PA-02',
    watch(judge) {
      // By capture, sender, peer and id (session's own for id 0): the tuple, and the one before it.
      const ids = new Map<string, { tuple: string; before: string; changed: number }>();
      return {
        see(sight) {
          const { seen, trailer, time, source } = sight;
          if (!carriesData(sight) || !judge.judges(seen.node)) return;
          const { pathId } = trailer.cm;
          const key = `${source} ${seen.node} ${seen.peer} ${pathId === 0 ? `s${seen.session}` : pathId}`;
          const tuple = tupleText(sight);
          const known = ids.get(key);
          if (known === undefined) {
            if (ids.size < MAX_KEPT) ids.set(key, { tuple, before: '', changed: 0 });
            return;
          }
          if (known.tuple === tuple) {
            judge.pass();
            return;
          }
          // A NAT may give a path another tuple once; it does not give the old one back.
          if (known.before === tuple && time - known.changed < ID_REUSE) {
            const text = `Path id ${pathId} stands for ${known.tuple} and for ${tuple} in turns.`;
            judge.fail(
              { code: 'id-of-two-paths', text, expected: known.tuple, seen: tuple, octet: 12, octets: 8 },
              placeOf(sight),
            );
          }
          known.before = known.tuple;
          known.tuple = tuple;
          known.changed = time;
        },
      };
    },
  },
  {
    id: 'PA-passive-paths-after-session-is-shared',
    area: 'PA',
    purpose: 'Other paths than the own tuple are used only once the other end has used the session, too.',
    requirement: 'MPIP-PA-09',
    watch(judge) {
      const sessions = new Map<number, { sawStart: boolean; place: Place | undefined; own: number }>();
      return {
        see(sight) {
          const { seen, tracker } = sight;
          if (!carriesData(sight)) return;
          let known = sessions.get(seen.session);
          const { sessions: table } = tracker;
          if (known === undefined) {
            if (sessions.size >= MAX_KEPT) return;
            // Queries and confirmations go over the own tuple: a session that begins there begins before our eyes.
            const handshake = tracker.flows.columns.int(seen.flow, Flow.handshake) !== 0;
            const back = tracker.flows.reverse(seen.flow);
            const isAsked = handshake || (back >= 0 && tracker.flows.columns.int(back, Flow.handshake) !== 0);
            known = { sawStart: isAsked, place: undefined, own: seen.flow };
            sessions.set(seen.session, known);
          }
          if (!known.sawStart) return;
          const isShared = table.opposite(seen.direction) >= 0;
          if (isShared) {
            // The other end's first packet came on the own tuple, so that nothing of it can have passed unseen.
            if (known.place !== undefined && tracker.flows.reverse(known.own) === seen.flow) {
              const text =
                'A path other than the own tuple is used although the other end has not used the session yet.';
              judge.fail({ code: 'path-before-session-is-shared', text }, known.place);
            }
            known.place = undefined;
            if (judge.judges(seen.node)) judge.pass();
            known.sawStart = false;
          } else if (seen.flow !== known.own && judge.judges(seen.node)) known.place ??= placeOf(sight);
        },
      };
    },
  },
  {
    id: 'PA-passive-other-paths-are-tried',
    area: 'PA',
    purpose: 'Where both ends announce several addresses, a session uses more than one way.',
    requirement: 'MPIP-PA-03',
    watch(judge) {
      const first = new Map<number, Place>();
      return {
        see(sight) {
          const { seen } = sight;
          if (!carriesData(sight) || first.has(seen.direction) || first.size >= MAX_KEPT || !judge.judges(seen.node))
            return;
          first.set(seen.direction, placeOf(sight));
        },
        end(tracker) {
          for (const [direction, place] of first) {
            const ways = waysOf(tracker, direction);
            if (ways > 1) judge.pass();
            else if (couldUseMore(tracker, direction)) {
              const text =
                'Both ends announce several addresses, and all packets of the session went one way: other paths were never tried, or are not reachable, or not wanted.';
              judge.inconc({ code: 'one-path-only', text }, place);
            }
          }
        },
      };
    },
  },
  {
    id: 'TX-passive-interface-of-the-source',
    area: 'TX',
    purpose: 'A packet leaves by the interface of its source address.',
    requirement: 'MPIP-TX-02',
    watch(judge) {
      // By node and source address: the hardware addresses that it was sent from, with counts.
      const addresses = new Map<string, Map<string, number>>();
      return {
        see(sight) {
          const { seen, trailer, packet } = sight;
          if (!seen.isTracked || packet.linkType !== 1 || seen.node === 0 || seen.isEcho || !judge.judges(seen.node))
            return;
          // Only next to the sender: behind a router the hardware address is the router's.
          const hops = trailer.bytes[trailer.offset + 8]!;
          if (hops !== 64 && hops !== 128 && hops !== 255) return;
          const mac = Buffer.from(packet.buffer.subarray(packet.offset + 6, packet.offset + 12)).toString('hex');
          const key = `${seen.node} ${trailer.source}`;
          let macs = addresses.get(key);
          if (macs === undefined) {
            if (addresses.size >= MAX_KEPT) return;
            macs = new Map();
            addresses.set(key, macs);
          }
          const count = (macs.get(mac) ?? 0) + 1;
          if (count > 1 || macs.size < 8) macs.set(mac, count);
          const usual = usualMac(macs);
          if (usual === mac) {
            judge.pass();
            return;
          }
          for (const [other, theirs] of addresses) {
            if (other === key || !other.startsWith(`${seen.node} `) || usualMac(theirs) !== mac) continue;
            const own = formatIpv4(trailer.source);
            const text = `The packet has the source ${own} and left by the interface of ${formatIpv4(Number(other.split(' ')[1]))}.`;
            judge.fail({ code: 'wrong-interface', text, expected: usual, seen: mac }, placeOf(sight));
          }
        },
      };
    },
  },
  {
    id: 'UW-passive-own-tuple-unwrapped',
    area: 'UW',
    purpose: 'TCP on the own tuple of its session is not wrapped.',
    requirement: 'MPIP-UW-02',
    capability: 'udp-wrapper',
    watch: (judge) => ({
      see(sight) {
        const { seen, trailer, tracker } = sight;
        if (!carriesData(sight) || !judge.judges(seen.node)) return;
        if (tracker.sessions.columns.int(seen.session, Session.protocol) !== TCP) return;
        if (trailer.protocol !== UDP) return;
        const own = tracker.ownTuple(seen.direction);
        const isOwn =
          own.source === trailer.source &&
          own.destination === trailer.destination &&
          own.sourcePort === trailer.sourcePort &&
          own.destinationPort === trailer.destinationPort;
        const isSure = tracker.sessions.directions.int(seen.direction, Direction.isOwnFlowSure) !== 0;
        // Behind a NAT several addresses become one, and another path may look like the own tuple.
        const { announced } = tracker.nodes.get(seen.node);
        const isTranslated = announced.length > 0 && !announced.some(({ address }) => address === trailer.source);
        if (!isOwn) judge.pass();
        else if (isSure && !isTranslated)
          judge.fail(
            {
              code: 'own-tuple-wrapped',
              text: 'A segment on the own tuple of its session was sent in a UDP datagram.',
            },
            placeOf(sight),
          );
      },
    }),
  },
];

function usualMac(macs: ReadonlyMap<string, number>): string {
  let usual = '';
  let most = 0;
  for (const [mac, count] of macs) {
    if (count > most) {
      most = count;
      usual = mac;
    }
  }
  return usual;
}

function tupleText({ trailer }: Sight): string {
  return `${formatIpv4(trailer.source)}:${trailer.sourcePort} > ${formatIpv4(trailer.destination)}:${trailer.destinationPort}`;
}

/** How many pairs of addresses a direction has used. */
function waysOf(tracker: Tracker, direction: number): number {
  const ways = new Set<string>();
  const { columns } = tracker.paths;
  let path = tracker.sessions.directions.int(direction, Direction.paths) - 1;
  for (; path >= 0; path = columns.int(path, Path.nextOfDirection) - 1) {
    const flow = columns.int(path, Path.flow);
    ways.add(`${tracker.flows.source(flow)} ${tracker.flows.destination(flow)}`);
  }
  return ways.size;
}

/** Long enough, both ends using it, and both with several addresses. */
function couldUseMore(tracker: Tracker, direction: number): boolean {
  const { sessions, nodes } = tracker;
  const { directions } = sessions;
  const opposite = sessions.opposite(direction);
  if (opposite < 0) return false;
  const duration = directions.double(direction, DirectionTime.last) - directions.double(direction, DirectionTime.first);
  const isLong = directions.int(direction, Direction.packets) >= 50 && duration >= 10_000;
  const announced = (index: number) => nodes.get(directions.int(index, Direction.node)).announced.length;
  return isLong && announced(direction) > 1 && announced(opposite) > 1;
}
