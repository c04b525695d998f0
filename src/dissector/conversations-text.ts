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
import type { Conversations } from './conversations.js';
import type { Paint } from './paint.js';
import type { PairReport } from './pair-report.js';
import { count, table } from './text-table.js';

/** What `--conversations` shows people, piece by piece. */
export function* conversationsText(conversations: Conversations, paint: Paint): Generator<string> {
  yield captureText(conversations.capture(), paint);
  const nodes = conversations.nodes();
  if (nodes.length === 0) return;
  yield `\n${paint.bold('Nodes')}\n${nodesText(nodes, paint)}`;
  const handshakes: string[] = [];
  for (const handshake of conversations.handshakes()) handshakes.push(...handshakeLines(handshake));
  if (handshakes.length > 0) yield `\n${paint.bold('Handshakes')}\n${lines(handshakes)}`;
  for (const session of conversations.sessions()) yield `\n${sessionText(session, paint)}`;
  if (conversations.pairs.length > 0)
    yield `\n${paint.bold('Between the captures')}\n${pairsText(conversations.pairs, paint)}`;
  const events = conversations.events();
  if (events.length > 0) yield `\n${paint.bold('Events')}\n${lines(events.map(eventLine))}`;
}

function captureText(capture: CaptureReport, paint: Paint): string {
  const { packets, bytes, mpip, sessionCount, duration, notRemembered } = capture;
  const text = [
    `${count(packets)} packets, ${count(bytes)} bytes, ${duration.toFixed(3)} s; ${paint.bold(`${count(mpip)} with a CM`)}; ${plural(sessionCount, 'session')}`,
  ];
  if (notRemembered.packets > 0)
    text.push(
      paint.yellow(`${count(notRemembered.packets)} packets are of sessions or paths that there was no room for`),
    );
  if (notRemembered.plainFlows > 0)
    text.push(`${count(notRemembered.plainFlows)} idle flows without a CM were forgotten`);
  return lines(text);
}

function nodesText(nodes: readonly NodeReport[], paint: Paint): string {
  const header = ['node', 'layout', 'packets', 'sends from', 'announces', 'clock', 'changes'];
  const rows = nodes.map((node) => [
    node['mpip.node_id'],
    node['mpip.layout'],
    count(node.packets),
    addresses(node.seen),
    addresses(node.announced),
    clockText(node.clock),
    String(node.addressChanges),
  ]);
  return lines(table(header, rows, paint));
}

function pairsText(pairs: readonly PairReport[], paint: Paint): string {
  const header = ['node', 'session', 'path', 'from', 'to', 'packets', 'lost', 'delay', 'mean', 'max'];
  const rows = pairs.map((pair) => [
    pair['mpip.node_id'],
    pair['mpip.session_id'] === 0 ? '-' : String(pair['mpip.session_id']),
    String(pair['mpip.path_id']),
    pair.near,
    pair.far,
    count(pair.packets),
    `${count(pair.lost)} (${percent(pair.lost / pair.packets)})`,
    micros(pair.delay.min),
    micros(pair.delay.mean),
    micros(pair.delay.max),
  ]);
  return lines(table(header, rows, paint));
}

function addresses(list: readonly AddressReport[]): string {
  return list.map(({ address }) => address).join(' ') || '-';
}

function clockText({ tickMicros, drift, steps }: NodeReport['clock']): string {
  const parts = [`${tickMicros} µs`];
  if (drift !== null) parts.push(`${drift >= 0 ? '+' : ''}${drift} ppm`);
  if (steps > 0) parts.push(plural(steps, 'step'));
  return parts.join(', ');
}

function handshakeLines(handshake: HandshakeReport): string[] {
  const { source, destination, protocol, queries, confirmations, fake } = handshake;
  const way = `  ${handshake['mpip.node_id']}  ${source} → ${destination} ${protocol.toUpperCase()}`;
  const words: string[] = [];
  if (queries > 0)
    words.push(`${plural(queries, 'query', 'queries')} ${span(handshake.firstQuery!, handshake.lastQuery!)}`);
  if (confirmations > 0)
    words.push(`${plural(confirmations, 'confirmation')} from ${at(handshake.firstConfirmation!)}`);
  const out = words.length > 0 ? [`${way}: ${words.join('; ')}`] : [];
  if (fake === null) return out;
  const steps: string[] = [];
  if (fake.syns > 0) steps.push(`${plural(fake.syns, 'SYN')} from ${at(fake.firstSyn!)}`);
  if (fake.synAcks > 0) steps.push(`${plural(fake.synAcks, 'SYN-ACK')} from ${at(fake.firstSynAck!)}`);
  if (fake.acks > 0) steps.push(`${plural(fake.acks, 'ACK')} from ${at(fake.firstAck!)}`);
  const wrong = fake.acknowledges === false ? ', acknowledging wrong numbers' : '';
  out.push(`${way}: fake TCP, session id ${fake['mpip.session_id']}: ${steps.join(', ')}${wrong}`);
  return out;
}

function sessionText(session: SessionReport, paint: Paint): string {
  const [creator, other] = session.nodes;
  const title = `Session ${session.number}`;
  const ids = `id ${session['mpip.session_id']}, ${session.protocol.toUpperCase()}, ${creator} and ${other ?? 'a node that sends no CM here'}`;
  const out = [
    `${paint.bold(title)} (${ids}) ${span(session.first, session.last)}${session.ended ? ', its id used again' : ''}`,
  ];
  for (const direction of session.directions) out.push(...directionLines(direction, paint));
  return lines(out);
}

function directionLines(direction: DirectionReport, paint: Paint): string[] {
  const words = [
    `${count(direction.packets)} packets, ${count(direction.bytes)} bytes`,
    direction.multipathSince === null ? 'on path 0 only' : `paths from ${at(direction.multipathSince)}`,
  ];
  const { heartbeats, reordered } = direction;
  if (heartbeats.packets > 0) words.push(plural(heartbeats.packets, 'heartbeat'));
  if (direction.ipChange > 0) words.push(`${direction.ipChange} with ip-change`);
  if (reordered.segments > 0)
    words.push(
      `${count(reordered.segments)} overtaken (up to ${count(reordered.octets)} octets, ${micros(reordered.seconds * 1e6)})`,
    );
  if (direction.retransmitted > 0) words.push(`${count(direction.retransmitted)} sent again`);
  const title = `  ${direction['mpip.node_id']}  ${direction.source} → ${direction.destination}: ${words.join('; ')}`;
  const header = [
    'path',
    'from',
    'to',
    'packets',
    'bytes',
    'share',
    'weight',
    'one-way',
    'max',
    'fed back',
    'max',
    'Q',
    'max',
  ];
  return [title, ...table(header, direction.paths.map(pathRow), paint).map((line) => `    ${line}`)];
}

function pathRow(path: PathReport): string[] {
  return [
    String(path['mpip.path_id']),
    path.source,
    `${path.destination}${path.wrapper ? ' (wrapper)' : ''}`,
    count(path.packets),
    count(path.bytes),
    percent(path.share),
    path.weight === null ? '-' : `${path.weight} (${percent(path.weightShare!)})`,
    ...delayCells(path.oneWay),
    ...delayCells(path.feedback),
    ...(path.queuing === null ? ['-', '-'] : [micros(path.queuing.latest), micros(path.queuing.max)]),
  ];
}

function delayCells(delay: DelayReport | null): [string, string] {
  return delay === null ? ['-', '-'] : [`+${micros(delay.mean)}`, micros(delay.max)];
}

function eventLine(event: EventReport): string {
  return `  ${at(event.time)}  frame ${event['frame.number']}  ${event['mpip.node_id']}  ${event.text}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** A duration in a unit that suits it. */
export function micros(value: number): string {
  if (value < 1000) return `${Math.round(value)} µs`;
  return value < 1e6 ? `${(value / 1000).toFixed(value < 1e4 ? 1 : 0)} ms` : `${(value / 1e6).toFixed(2)} s`;
}

function at(time: number): string {
  return `${time.toFixed(3)} s`;
}

function span(from: number, to: number): string {
  return from === to ? `at ${at(from)}` : `from ${from.toFixed(3)} to ${at(to)}`;
}

function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

function lines(list: readonly string[]): string {
  return list.map((line) => `${line}\n`).join('');
}
