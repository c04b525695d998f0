import { Flags, TCP } from '../../codec/index.js';
import { SessionTime } from '../../dissector/tracker/sessions.js';
import { FlowNotes } from './flow-notes.js';
import { type Predicate, placeOf } from './predicate.js';
import { carriesData, isCm } from './wire.js';

const SECOND = 1_000_000;
/** Rows that are watched. */
const MAX_KEPT = 16_384;
/** Ids of one flow within a few seconds that no collision explains (docs/decisions.md 4 and 5). */
const TOO_MANY_IDS = 4;
const IDS_WINDOW = 10 * SECOND;
/** Packets and time after which both ends have heard each other. */
const SETTLED = { packets: 5, micros: 2 * SECOND };

/** Requirements about sessions and node ids. */
export const SESSIONS: readonly Predicate[] = [
  {
    id: 'SS-passive-new-id-for-new-session-only',
    area: 'SS',
    purpose: 'A connection keeps the id of its session.',
    requirement: 'MPIP-SS-02',
    watch(judge) {
      const flows = new FlowNotes<{ ids: number[]; since: number; stamp: number }>(MAX_KEPT);
      return {
        see(sight) {
          const { seen, trailer, time } = sight;
          if (!carriesData(sight) || !judge.judges(seen.node)) return;
          const { sessionId, timestamp } = trailer.cm;
          const known = flows.get(sight);
          if (known === undefined) {
            flows.set(sight, { ids: [sessionId], since: time, stamp: timestamp });
            return;
          }
          const later = (timestamp - known.stamp) | 0;
          if (later > 0) known.stamp = timestamp;
          if (known.ids.at(-1) === sessionId) {
            judge.pass();
            if (time - known.since > IDS_WINDOW) {
              known.ids = [sessionId];
              known.since = time;
            }
            return;
          }
          // What was overtaken still has the id of before.
          if (later <= 0) return;
          known.ids.push(sessionId);
          if (known.ids.length < TOO_MANY_IDS) return;
          const text = 'The connection changes the id of its session again and again.';
          judge.fail(
            { code: 'id-changes', text, expected: `session id ${known.ids[0]}`, seen: known.ids.join(', ') },
            placeOf(sight),
          );
          known.ids = [sessionId];
        },
      };
    },
  },
  {
    id: 'SS-passive-one-session-per-id',
    area: 'SS',
    purpose: 'Two connections of two nodes have two session ids.',
    requirement: 'MPIP-SS-02',
    watch(judge) {
      // By nodes and id: the ports of the connection that the id stood for last, and of the one before.
      const ids = new Map<string, { ports: string; before: string; changed: number }>();
      return {
        see(sight) {
          const { seen, trailer, time, dissector } = sight;
          if (!carriesData(sight) || !judge.judges(seen.node) || trailer.cm.pathId !== 0) return;
          if (dissector.wrappedHeader >= 0) return;
          const key = `${seen.node} ${seen.peer} ${trailer.cm.sessionId}`;
          const ports = `${trailer.sourcePort} ${trailer.destinationPort} ${trailer.protocol}`;
          const known = ids.get(key);
          if (known === undefined) {
            if (ids.size < MAX_KEPT) ids.set(key, { ports, before: '', changed: 0 });
            return;
          }
          if (known.ports === ports) {
            judge.pass();
            return;
          }
          if (known.before === ports && time - known.changed < IDS_WINDOW) {
            const text = `Session id ${trailer.cm.sessionId} stands for two connections in turns.`;
            judge.fail({ code: 'one-id-for-two', text, expected: known.ports, seen: ports }, placeOf(sight));
          }
          known.before = known.ports;
          known.ports = ports;
          known.changed = time;
        },
      };
    },
  },
  {
    id: 'SS-passive-same-id-both-ways',
    area: 'SS',
    purpose: 'Both directions of a connection carry the same session id.',
    requirement: 'MPIP-SS-03',
    watch(judge) {
      const flows = new Map<number, { id: number; since: number; packets: number; last: number }>();
      return {
        see(sight) {
          const { seen, trailer, time, tracker } = sight;
          if (!carriesData(sight)) return;
          const { sessionId } = trailer.cm;
          let mine = flows.get(seen.flow);
          if (mine === undefined || mine.id !== sessionId) {
            if (mine === undefined && flows.size >= MAX_KEPT) return;
            mine = { id: sessionId, since: time, packets: 0, last: time };
            flows.set(seen.flow, mine);
          }
          mine.packets++;
          mine.last = time;
          const theirs = flows.get(tracker.flows.reverse(seen.flow));
          if (theirs === undefined || !judge.judges(seen.node)) return;
          if (theirs.id === sessionId) {
            judge.pass();
            return;
          }
          const isSettled = (one: typeof mine) => one.packets >= SETTLED.packets && time - one.since > SETTLED.micros;
          if (!isSettled(mine) || !isSettled(theirs) || time - theirs.last > SECOND) return;
          const text = 'The two ends of a connection use two session ids, each knowing the other’s.';
          judge.fail({ code: 'two-ids', text, expected: theirs.id, seen: sessionId }, placeOf(sight));
        },
      };
    },
  },
  {
    id: 'SS-passive-expiry',
    area: 'SS',
    purpose: 'A session ends when it was idle for its time; its connection then gets another id.',
    requirement: 'MPIP-SS-06',
    watch(judge) {
      const sessions = new Map<number, number>();
      return {
        see(sight) {
          const { seen, time, tracker, trailer } = sight;
          if (!seen.isTracked || seen.flow < 0) return;
          if (!carriesData(sight)) return;
          const last = sessions.get(seen.session);
          if (last === undefined && sessions.size >= MAX_KEPT) return;
          sessions.set(seen.session, time);
          if (last === undefined || !judge.judges(seen.node)) return;
          const idle = time - last;
          // Both ends count from their own last packet, so that a little more than the time is no deviation.
          if (idle <= judge.constants['session-expiry'] + 2 * SECOND) {
            if (idle > judge.constants['session-expiry'] / 2) judge.pass();
            return;
          }
          if (tracker.sessions.columns.double(seen.session, SessionTime.first) === time) return;
          // By then the id may have been given out anew.
          if (idle > judge.constants['session-expiry'] + judge.constants['id-reuse']) return;
          const text = `The session was idle for ${(idle / SECOND).toFixed(1)} s, and its id ${trailer.cm.sessionId} is used on.`;
          judge.fail(
            { code: 'session-outlives-expiry', text, expected: `${judge.constants['session-expiry'] / SECOND} s` },
            placeOf(sight),
          );
        },
      };
    },
  },
  {
    id: 'SS-passive-protocol-is-part',
    area: 'SS',
    purpose: 'TCP and UDP of equal addresses and ports are two sessions.',
    requirement: 'MPIP-SS-10',
    watch(judge) {
      const flows = new Map<string, { id: number; protocol: number; time: number }>();
      return {
        see(sight) {
          const { seen, trailer, time, dissector } = sight;
          if (!carriesData(sight) || !judge.judges(seen.node) || dissector.wrappedHeader >= 0) return;
          if (trailer.cm.pathId !== 0) return;
          const { protocol } = trailer;
          const key = `${trailer.source}:${trailer.sourcePort} ${trailer.destination}:${trailer.destinationPort} ${protocol === TCP ? 17 : TCP}`;
          const { sessionId } = trailer.cm;
          const other = flows.get(key);
          if (other !== undefined && other.id === sessionId && time - other.time < SECOND) {
            const text = `TCP and UDP of the same addresses and ports both use session id ${sessionId}.`;
            judge.fail({ code: 'one-id-for-two-protocols', text }, placeOf(sight));
          } else if (other !== undefined) judge.pass();
          if (flows.size < MAX_KEPT)
            flows.set(key.replace(/\d+$/, String(protocol)), { id: sessionId, protocol, time });
        },
      };
    },
  },
  {
    id: 'NID-passive-constant',
    area: 'NID',
    purpose: 'An address and port speaks with one node id.',
    requirement: 'MPIP-NID-02',
    watch(judge) {
      const flows = new Map<string, { id: number; before: number; time: number }>();
      return {
        see(sight) {
          const { seen, trailer, time } = sight;
          if (!isCm(sight) || !judge.judges(seen.node)) return;
          const key = `${sight.source} ${trailer.source}:${trailer.sourcePort}`;
          const known = flows.get(key);
          if (known === undefined) {
            if (flows.size < MAX_KEPT) flows.set(key, { id: seen.node, before: 0, time });
            return;
          }
          if (known.id === seen.node) {
            judge.pass();
            return;
          }
          const changes = known.before !== 0 && time - known.time < 60 * SECOND;
          const finding = {
            code: 'node-id-changes',
            text: 'The node id at an address and port is another one than before.',
          };
          // Once is what a node started anew, or a NAT, looks like.
          if (changes) judge.fail(finding, placeOf(sight));
          known.before = known.id;
          known.id = seen.node;
          known.time = time;
        },
      };
    },
  },
  {
    id: 'CM-passive-address-list',
    area: 'CM',
    purpose: 'The address list holds addresses of its sender.',
    requirement: 'MPIP-CM-06',
    watch(judge) {
      const nodes = new Map<number, number>();
      return {
        see(sight) {
          const { seen, trailer, tracker } = sight;
          if (!isCm(sight) || !judge.judges(seen.node) || trailer.cm.flags === Flags.handshake) return;
          const { cm } = trailer;
          const list = cm.localAddresses;
          const node = tracker.nodes.get(seen.node);
          if (list.length === 0) {
            const count = (nodes.get(seen.node) ?? 0) + 1;
            if (nodes.size < MAX_KEPT) nodes.set(seen.node, count);
            if (count >= 10 && node.announced.length === 0) {
              judge.fail({ code: 'empty-list', text: 'The node announces no address at all.' }, placeOf(sight));
            }
            return;
          }
          const peer = seen.peer === 0 ? undefined : tracker.nodes.get(seen.peer);
          const isOfPeer = (address: number) =>
            peer?.seen.some((one) => one.address === address) === true &&
            peer.announced.some((one) => one.address === address) &&
            !node.seen.some((one) => one.address === address);
          if (list.some(isOfPeer)) {
            const text = 'The address list holds an address of the other end, from which the node itself never sends.';
            judge.fail({ code: 'address-of-peer', text }, placeOf(sight));
          } else judge.pass();
        },
      };
    },
  },
];
