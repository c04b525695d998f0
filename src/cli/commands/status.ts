import type { CommandModule } from 'yargs';
import type { EndpointStatus, StatusTuple } from '../../endpoint/index.js';
import { ControlClient, knownPeers, onlyPeer } from '../control-client.js';
import { oneOf, single } from '../options.js';

interface StatusArguments {
  readonly control: string | undefined;
  readonly format: string | undefined;
  readonly json: boolean;
}

const command: CommandModule<object, StatusArguments> = {
  command: 'status',
  describe: 'show the tables of a running peer',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip status --control PATH [--format text|json]\n\nShows Tables 2 to 7 and the counters of a peer started with --control PATH.',
      )
      .option('control', single("the peer's control socket"))
      .option('json', { describe: 'the same as --format json', type: 'boolean' as const, default: false })
      .option('format', single('text or json (default text)')) as never,
  handler: async ({ control, format, json }) => {
    const shape = json ? 'json' : oneOf('--format', format ?? 'text', ['text', 'json'] as const);
    const client = await ControlClient.open(control ?? chosenPeer());
    const status = (await client.request({ command: 'status' })) as EndpointStatus;
    client.close();
    process.stdout.write(shape === 'json' ? `${JSON.stringify(status, undefined, 2)}\n` : statusText(status));
  },
};

export default command;

/** The only peer of this host; says on standard error which one it is. */
function chosenPeer(): string {
  const { pid, interfaces, control } = onlyPeer(knownPeers());
  process.stderr.write(`mpip status: process ${pid} on ${interfaces.join(' ')} (${control})\n`);
  return control;
}

/** The tables for people. */
export function statusText(status: EndpointStatus): string {
  const way = (tuple: StatusTuple) =>
    `${tuple.source}:${tuple.sourcePort} → ${tuple.destination}:${tuple.destinationPort}`;
  const counters = Object.entries(status.counters).filter(([, count]) => count > 0);
  return [
    `node ${status.nodeId} · profile ${status.profile} · addresses ${status.addresses.join(' ')}\n`,
    table(
      'Sessions (Table 7)',
      ['node', 'session', 'proto', 'tuple', 'id by', 'shared'],
      status.sessions.map((row) => [
        row.nodeId,
        row.sessionId,
        row.protocol === 6 ? 'TCP' : 'UDP',
        way(row.tuple),
        row.origin,
        row.confirmed ? 'yes' : 'no',
      ]),
    ),
    table(
      'Paths (Table 3)',
      ['node', 'session', 'path', 'tuple', 'weight', 'delay', 'queuing', 'most', 'samples'],
      status.paths.map((row) => [
        row.nodeId,
        row.sessionId,
        row.pathId,
        way(row.tuple),
        Math.round(row.weight),
        row.delay ?? '-',
        Math.round(row.queuing),
        Math.round(row.maxQueuing),
        row.samples,
      ]),
    ),
    table(
      'Availability (Table 2)',
      ['address', 'port', 'MPIP', 'queries', 'layout'],
      status.availability.map((row) => [
        row.address,
        row.port,
        row.enabled ? 'yes' : 'no',
        row.queries,
        row.layout ?? '-',
      ]),
    ),
    table(
      'Feedback (Table 5)',
      ['node', 'path', 'delay', 'new'],
      status.feedback.map((row) => [row.nodeId, row.pathId, row.delay, row.fresh ? 'yes' : 'no']),
    ),
    table(
      'Rules (Table 6)',
      ['priority', 'rule'],
      status.rules.map(({ priority, ...rest }) => [priority, JSON.stringify(rest)]),
    ),
    table('Counters', ['what', 'packets'], counters),
  ].join('');
}

/** A titled table with columns as wide as needed; nothing when it has no rows. */
function table(title: string, head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return '';
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  return `\n${title}\n${text.join('\n')}\n`;
}
