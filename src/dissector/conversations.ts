import { FLAG_NAMES, formatIpv4, formatNodeId, TCP, type Tuple } from '../codec/index.js';
import type {
  AddressReport,
  CaptureReport,
  DelayReport,
  DirectionReport,
  EventReport,
  HandshakeReport,
  NodeReport,
  PathReport,
  SessionReport,
} from './conversation-reports.js';
import type { PairReport } from './pair-report.js';
import { formatTime } from './record.js';
import type { TrackerEvent } from './tracker/events.js';
import { Flow, FlowTime } from './tracker/flows.js';
import { Handshake, HandshakeTime } from './tracker/handshakes.js';
import type { AddressSpan, TrackedNode } from './tracker/nodes.js';
import { Feedback, FeedbackSum, FeedbackValue, Path, PathValue, PathWeight } from './tracker/paths.js';
import { Direction, DirectionTime, Order, Session, SessionTime } from './tracker/sessions.js';
import type { Tracker } from './tracker/tracker.js';
import { takesPart } from './tracker/weights.js';

/** Reads reports out of a tracker; sessions and handshakes one by one, because there may be a hundred thousand. */
export class Conversations {
  /** @param pairs what several captures saw of the same packets */
  constructor(
    readonly tracker: Tracker,
    readonly pairs: readonly PairReport[] = [],
  ) {}

  capture(): CaptureReport {
    const { tracker } = this;
    const isEmpty = tracker.packets === 0;
    return {
      packets: tracker.packets,
      bytes: tracker.octets,
      mpip: tracker.cmPackets,
      sessionCount: tracker.sessions.columns.count,
      firstEpoch: isEmpty ? null : formatTime(tracker.originSeconds, tracker.originNanoseconds),
      duration: seconds(tracker.lastTime),
      notRemembered: {
        packets: tracker.untracked,
        plainFlows: tracker.flows.forgotten,
        events: tracker.events.dropped,
      },
    };
  }

  nodes(): NodeReport[] {
    return this.tracker.nodes.list.slice(1).map(nodeReport);
  }

  *sessions(): Generator<SessionReport> {
    const { columns } = this.tracker.sessions;
    for (let session = 0; session < columns.count; session++) yield this.session(session);
  }

  session(session: number): SessionReport {
    const { sessions } = this.tracker;
    const { columns } = sessions;
    const directions = [columns.int(session, Session.fromCreator), columns.int(session, Session.fromOther)];
    const other = columns.int(session, Session.other);
    return {
      number: session + 1,
      'mpip.session_id': columns.int(session, Session.id),
      protocol: columns.int(session, Session.protocol) === TCP ? 'tcp' : 'udp',
      nodes: [this.#node(columns.int(session, Session.creator))!, this.#node(other)],
      first: seconds(columns.double(session, SessionTime.first)),
      last: seconds(columns.double(session, SessionTime.last)),
      ended: columns.int(session, Session.isClosed) !== 0,
      directions: directions.filter((one) => one > 0).map((one) => this.#direction(one - 1)),
    };
  }

  #node(index: number): string | null {
    return index === 0 ? null : nodeName(this.tracker.nodes.get(index));
  }

  #direction(direction: number): DirectionReport {
    const { directions, orders } = this.tracker.sessions;
    const order = directions.int(direction, Direction.order) - 1;
    const ordered = (field: number) => (order < 0 ? 0 : orders.int(order, field));
    const firstPath = directions.double(direction, DirectionTime.firstPath);
    const node = this.tracker.nodes.get(directions.int(direction, Direction.node));
    const packets = directions.int(direction, Direction.packets);
    return {
      'mpip.node_id': nodeName(node),
      ...tupleText(this.tracker.ownTuple(direction)),
      first: seconds(directions.double(direction, DirectionTime.first)),
      last: seconds(directions.double(direction, DirectionTime.last)),
      packets,
      bytes: directions.double(direction, DirectionTime.octets),
      multipathSince: firstPath === 0 ? null : seconds(firstPath),
      heartbeats: {
        packets: directions.int(direction, Direction.heartbeats),
        longestGap: seconds(directions.double(direction, DirectionTime.maxHeartbeatGap)),
      },
      ipChange: directions.int(direction, Direction.flagged),
      reordered: {
        segments: ordered(Order.reordered),
        octets: ordered(Order.maxBehind),
        seconds: seconds(ordered(Order.maxLate) * node.clock.tick),
      },
      retransmitted: ordered(Order.retransmitted),
      paths: this.#paths(direction, packets, node),
    };
  }

  #paths(direction: number, packets: number, sender: TrackedNode): PathReport[] {
    const { paths, sessions, nodes, lastTime } = this.tracker;
    const { columns, feedback } = paths;
    const peer = nodes.get(sessions.directions.int(direction, Direction.peer));
    const list: number[] = [];
    let path = sessions.directions.int(direction, Direction.paths) - 1;
    for (; path >= 0; path = columns.int(path, Path.nextOfDirection) - 1) list.push(path);
    const end = sessions.directions.double(direction, DirectionTime.last);
    const weighted = list.filter((one) => takesPart(paths, one, Math.min(end, lastTime)));
    const sum = weighted.reduce((total, one) => total + columns.single(one, PathWeight.weight), 0);
    return list.map((one) => {
      const isWeighted = weighted.includes(one);
      const fed = columns.int(one, Path.feedback) - 1;
      const timed = columns.int(one, Path.timed);
      const weight = columns.single(one, PathWeight.weight);
      return {
        'mpip.path_id': paths.pathId(one),
        ...this.#tuple(columns.int(one, Path.flow)),
        wrapper: paths.isWrapped(one),
        first: seconds(columns.double(one, PathValue.first)),
        last: seconds(columns.double(one, PathValue.last)),
        packets: columns.int(one, Path.packets),
        bytes: columns.double(one, PathValue.octets),
        share: packets === 0 ? 0 : columns.int(one, Path.packets) / packets,
        heartbeats: columns.int(one, Path.heartbeats),
        ipChange: columns.int(one, Path.flagged),
        oneWay: delays(
          timed,
          (columns.int(one, Path.transit) - columns.int(one, Path.minTransit)) | 0,
          columns.double(one, PathValue.sumAbove),
          columns.int(one, Path.maxAbove),
          sender.clock.tick,
        ),
        feedback:
          fed < 0
            ? null
            : delays(
                feedback.int(fed, Feedback.samples),
                (feedback.int(fed, Feedback.delay) - feedback.int(fed, Feedback.minDelay)) | 0,
                feedback.double(fed, FeedbackSum.sumAbove),
                feedback.int(fed, Feedback.maxAbove),
                peer.clock.tick,
              ),
        queuing:
          fed < 0
            ? null
            : {
                latest: Math.round(paths.queuing(one) * peer.clock.tick),
                max: Math.round(feedback.single(fed, FeedbackValue.maxQueuing) * peer.clock.tick),
              },
        weight: isWeighted ? Math.round(weight) : null,
        weightShare: isWeighted ? weight / sum : null,
      };
    });
  }

  #tuple(flow: number): TupleText {
    return tupleText(this.tracker.flows.tuple(flow));
  }

  *handshakes(): Generator<HandshakeReport> {
    const { handshakes, flows } = this.tracker;
    const { columns } = handshakes;
    for (let at = 0; at < columns.count; at++) {
      const flow = columns.int(at, Handshake.flow);
      const when = (kind: number, field: number) =>
        columns.int(at, kind) === 0 ? null : seconds(columns.double(at, field));
      const syns = columns.int(at, Handshake.syns);
      const synAcks = columns.int(at, Handshake.synAcks);
      const acks = columns.int(at, Handshake.acks);
      const acknowledges = columns.int(at, Handshake.acknowledges);
      yield {
        ...this.#tuple(flow),
        protocol: flows.protocol(flow) === TCP ? 'tcp' : 'udp',
        'mpip.node_id': nodeName(this.tracker.nodes.get(flows.columns.int(flow, Flow.node))),
        first: seconds(flows.columns.double(flow, FlowTime.first)),
        queries: columns.int(at, Handshake.queries),
        firstQuery: when(Handshake.queries, HandshakeTime.firstQuery),
        lastQuery: when(Handshake.queries, HandshakeTime.lastQuery),
        confirmations: columns.int(at, Handshake.confirmations),
        firstConfirmation: when(Handshake.confirmations, HandshakeTime.firstConfirmation),
        fake:
          syns + synAcks + acks === 0
            ? null
            : {
                'mpip.session_id': columns.int(at, Handshake.session),
                syns,
                synAcks,
                acks,
                firstSyn: when(Handshake.syns, HandshakeTime.firstSyn),
                firstSynAck: when(Handshake.synAcks, HandshakeTime.firstSynAck),
                firstAck: when(Handshake.acks, HandshakeTime.firstAck),
                acknowledges: acknowledges === 0 ? null : acknowledges === 1,
              },
      };
    }
  }

  events(): EventReport[] {
    return this.tracker.events.list.map((event) => ({
      time: seconds(event.time),
      'frame.number': event.frame,
      kind: event.kind,
      'mpip.node_id': nodeName(this.tracker.nodes.get(event.node)),
      text: this.#eventText(event),
    }));
  }

  #eventText(event: TrackerEvent): string {
    const { tracker } = this;
    switch (event.kind) {
      case 'ip-change':
        return `announces an address change on path ${event.pathId}: ${addressList(event.before)} before, ${addressList(event.list)} now`;
      case 'address-list':
        return `lists ${addressList(event.list)}, before it ${addressList(event.before)}`;
      case 'clock-step':
        return `its clock steps by ${((event.ticks * tracker.nodes.get(event.node).clock.tick) / 1e6).toFixed(3)} s`;
      case 'session-reused':
        return `the id of session ${event.session + 1} (${tracker.sessions.columns.int(event.session, Session.id)}) goes to another connection`;
      case 'node-changed': {
        const { source } = this.#tuple(event.flow);
        return `sends from ${source}, as ${nodeName(tracker.nodes.get(event.before))} did before`;
      }
    }
  }
}

interface TupleText {
  readonly source: string;
  readonly destination: string;
}

function tupleText({ source, sourcePort, destination, destinationPort }: Tuple): TupleText {
  return {
    source: `${formatIpv4(source)}:${sourcePort}`,
    destination: `${formatIpv4(destination)}:${destinationPort}`,
  };
}

function addressList(list: readonly number[]): string {
  return list.length === 0 ? 'no address' : list.map(formatIpv4).join(' ');
}

function nodeReport(node: TrackedNode): NodeReport {
  const { clock } = node;
  const rate = clock.measured >= 1e6 ? clock.rate : undefined;
  return {
    'mpip.node_id': nodeName(node),
    'mpip.layout': node.isFull ? 'full' : 'compact',
    first: seconds(node.first),
    last: seconds(node.last),
    packets: node.packets,
    flags: Object.fromEntries(FLAG_NAMES.map((name, flag) => [name, node.flags[flag]!])),
    seen: node.seen.map(addressReport),
    announced: node.announced.map(addressReport),
    addressChanges: node.changes,
    clock: {
      tickMicros: clock.tick,
      drift: rate === undefined ? null : Math.round((rate * clock.tick - 1) * 1e6),
      steps: clock.steps,
    },
  };
}

/** A node's id as records have it. */
export function nodeName(node: TrackedNode): string {
  return formatNodeId(node.nodeId, node.isFull ? 6 : 2);
}

function addressReport({ address, first, last }: AddressSpan): AddressReport {
  return { address: formatIpv4(address), first: seconds(first), last: seconds(last) };
}

function delays(samples: number, latest: number, sum: number, max: number, tick: number): DelayReport | null {
  if (samples === 0) return null;
  return { samples, latest: latest * tick, mean: Math.round((sum / samples) * tick), max: max * tick };
}

/** Seconds with six decimals. */
function seconds(micros: number): number {
  return Math.round(micros) / 1e6;
}
