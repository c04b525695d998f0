import type { CommandModule } from 'yargs';
import type { StatusTuple } from '../../endpoint/index.js';
import { ControlClient, knownPeers, onlyPeer } from '../control-client.js';
import { UsageError } from '../exit.js';
import { oneOf, single } from '../options.js';
import { devicesInWords, type StatusSample } from '../status-view.js';
import { watchStatus } from '../watch-status.js';

interface StatusArguments {
  readonly control: string | undefined;
  readonly format: string | undefined;
  readonly json: boolean;
  readonly watch: boolean;
  readonly interval: string | undefined;
}

const command: CommandModule<object, StatusArguments> = {
  command: 'status',
  describe: 'show the tables of a running peer',
  builder: (yargs) =>
    yargs
      .usage(
        [
          'mpip status [--control PATH] [--json]',
          'mpip status [--control PATH] --watch [--interval SECONDS]',
          '',
          'Shows Tables 2 to 7 and the counters of a running peer, once or as a live view. Without --control it finds the peer',
          'with --interface of this host.',
        ].join('\n'),
      )
      .option('control', single("the peer's control socket"))
      .option('watch', {
        describe: 'keep showing what happens, until q or Ctrl-C',
        type: 'boolean' as const,
        default: false,
      })
      .option('interval', single('seconds between two looks with --watch (default 1)'))
      .option('json', { describe: 'the same as --format json', type: 'boolean' as const, default: false })
      .option('format', single('text or json (default text)')) as never,
  handler: async ({ control, format, json, watch, interval }) => {
    const shape = json ? 'json' : oneOf('--format', format ?? 'text', ['text', 'json'] as const);
    if (watch && shape === 'json') throw new UsageError('--watch shows words; leave --json out.');
    if (!watch && interval !== undefined) throw new UsageError('--interval goes with --watch; add it.');
    const seconds = interval === undefined ? 1 : secondsOf(interval);
    const client = await ControlClient.open(control ?? chosenPeer());
    if (watch) return await watchStatus(client, seconds * 1000);
    const status = (await client.request({ command: 'status' })) as StatusSample['status'];
    client.close();
    process.stdout.write(shape === 'json' ? `${JSON.stringify(status, undefined, 2)}\n` : statusText(status));
  },
};

export default command;

function secondsOf(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= 0.1 && seconds <= 3600))
    throw new UsageError(`--interval must be from 0.1 to 3600 seconds, not '${text}'.`);
  return seconds;
}

/** The only peer of this host; says on standard error which one it is. */
function chosenPeer(): string {
  const { pid, interfaces, control } = onlyPeer(knownPeers());
  process.stderr.write(`mpip status: process ${pid} on ${interfaces.join(' ')} (${control})\n`);
  return control;
}

/** The tables for people. */
export function statusText(status: StatusSample['status']): string {
  const way = (tuple: StatusTuple) =>
    `${tuple.source}:${tuple.sourcePort} → ${tuple.destination}:${tuple.destinationPort}`;
  const counters = Object.entries(status.counters).filter(([, count]) => count > 0);
  return [
    `node ${status.nodeId} · profile ${status.profile} · scheduler ${status.scheduler} · addresses ${status.addresses.join(' ')}\n`,
    status.host === undefined ? '' : `${devicesInWords(status.host)}\n`,
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
      ['node', 'session', 'path', 'tuple', 'as', 'weight', 'delay', 'queuing', 'most', 'samples'],
      status.paths.map((row) => [
        row.nodeId,
        row.sessionId,
        row.pathId,
        way(row.tuple),
        row.fallback === null ? row.encapsulation : `${row.encapsulation} (${row.fallback})`,
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
      'Nodes (Table 4)',
      ['node', 'address', 'port'],
      status.nodes.map((row) => [row.nodeId, row.address, row.port]),
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
