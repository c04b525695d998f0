import { ADDRESSES, type Conditions, QUEUE_OCTETS } from './conditions.js';
import { detourCommands, freeDetour } from './detour.js';
import { run, tryRun } from './host-commands.js';

/** Preamble, checksum and gap of Ethernet, octets. */
const FRAMING = 24;
/** What a rate limit counts besides a packet's octets. */
const besides = (octets: number) => ['stab', 'overhead', `${octets}`, 'linklayer', 'ethernet'];
const ON_THE_WIRE = besides(FRAMING);
const BURST = '8kb';

/** One end of a link whose rate is limited. */
export interface LimitedEnd {
  readonly namespace: string;
  readonly device: string;
  /** Class of netem there, where that holds packets before they come to the limit. */
  readonly parent?: string | undefined;
}

/** What holds a rate limit. */
export interface RateLimit {
  readonly namespace: string;
  /** Commands, each as the words after `tc`, that set the rate, Mbit/s on the wire. */
  commands(megabits: number): readonly string[][];
}

/** Sets the rate of a limit. @param megabits Mbit/s on the wire. */
export function setRate({ namespace, commands }: RateLimit, megabits: number): void {
  for (const words of commands(megabits)) run('tc', ['-n', namespace, ...words]);
}

/** A limit of what leaves by one end of a link. @param most Mbit/s that it never exceeds */
export function limitOf(end: LimitedEnd, queue?: number, most = Number.POSITIVE_INFINITY): RateLimit {
  const { namespace } = end;
  return { namespace, commands: (megabits) => [rateWords(end, Math.min(megabits, most), queue)] };
}

/** The words after `tc` that limit one end of a link. */
function rateWords({ device, parent }: LimitedEnd, megabits: number, queue = QUEUE_OCTETS): string[] {
  const place = parent === undefined ? ['root'] : ['parent', parent];
  const root = ['dev', device, ...place, 'handle', '1:', ...ON_THE_WIRE];
  const limits = ['rate', `${Math.round(megabits * 1000)}kbit`, 'burst', BURST, 'limit', String(queue)];
  return ['qdisc', 'replace', ...root, 'tbf', ...limits];
}

/** Limits what leaves by an interface in all, and to some addresses to less. */
export function limitPairs(
  namespace: string,
  end: string,
  megabits: number,
  limits: NonNullable<Conditions['pairs']>,
): void {
  const tc = (...words: string[]) => run('tc', ['-n', namespace, ...words]);
  const rate = (megabit: number) => ['rate', `${megabit}mbit`, 'burst', BURST, 'cburst', BURST];
  tc('qdisc', 'replace', 'dev', end, 'root', 'handle', '1:', ...ON_THE_WIRE, 'htb', 'default', '99');
  tc('class', 'add', 'dev', end, 'parent', '1:', 'classid', '1:1', 'htb', ...rate(megabits));
  tc('class', 'add', 'dev', end, 'parent', '1:1', 'classid', '1:99', 'htb', ...rate(megabits));
  for (const [i, { to, rate: limit }] of limits.entries()) {
    const id = `1:${10 + i}`;
    const ceil = ['ceil', `${limit}mbit`];
    tc('class', 'add', 'dev', end, 'parent', '1:1', 'classid', id, 'htb', ...rate(limit), ...ceil);
    tc('qdisc', 'add', 'dev', end, 'parent', id, 'bfifo', 'limit', '60kb');
    const match = ['u32', 'match', 'ip', 'dst', `${ADDRESSES[to]}/32`];
    tc('filter', 'add', 'dev', end, 'parent', '1:', 'protocol', 'ip', 'prio', `${i + 1}`, ...match, 'flowid', id);
  }
}

/** Segments that the kernel leaves uncut at most, where nothing is said: GSO_MAX_SEGS of Linux. */
const MOST_SEGMENTS = 65_535;
/** The device to which what leaves and what comes in by an interface is sent round. */
const airOf = (device: string) => `air-${device}`;

/**
 * Makes the link of an interface a radio (`NicConditions.airtime`): what leaves and what comes in waits in a queue for each
 * direction, and both have one rate between them.
 * @returns the limit, whose rate is not set yet
 * @throws LabError where the kernel has no ifb devices.
 */
export function shareAir(
  namespace: string,
  { device, address }: { readonly device: string; readonly address: string },
  airtime: number,
  queue = QUEUE_OCTETS,
): RateLimit {
  const air = airOf(device);
  const [both, out, incoming] = ['1:1', '1:10', '1:20'] as const;
  const commands = (megabits: number): string[][] => {
    const change = (parent: string, id: string, share: number) => {
      const bits = (part: number) => `${Math.round(megabits * part * 1000)}kbit`;
      const rates = ['rate', bits(share), 'ceil', bits(1), 'burst', BURST, 'cburst', BURST];
      return ['class', 'replace', 'dev', air, 'parent', parent, 'classid', id, 'htb', ...rates];
    };
    return [change('1:', both, 1), change(both, out, 0.5), change(both, incoming, 0.5)];
  };
  // What is sent round is sent before the kernel cuts long segments to the size of frames.
  run('ip', ['-n', namespace, 'link', 'set', device, 'gso_max_segs', '1']);
  const queues = [out, incoming].map((id) => ['qdisc', 'add', 'dev', air, 'parent', id, 'bfifo', 'limit', `${queue}`]);
  const ofHost = ['protocol', 'ip', 'prio', '1', 'u32', 'match', 'ip', 'src', `${address}/32`];
  const detour = detourCommands({ namespace, device, by: air, directions: ['egress', 'ingress'] }, [
    ['qdisc', 'add', 'dev', air, 'root', 'handle', '1:', ...besides(FRAMING + airtime), 'htb', 'default', '20'],
    ...commands(1),
    ...queues,
    ['filter', 'add', 'dev', air, 'parent', '1:', ...ofHost, 'flowid', out],
  ]);
  for (const [command, ...args] of detour) run(command!, args);
  return { namespace, commands };
}

/** Takes away what `shareAir` made. */
export function freeAir(namespace: string, device: string): void {
  if (!freeDetour({ namespace, device, by: airOf(device) })) return;
  tryRun('ip', ['-n', namespace, 'link', 'set', device, 'gso_max_segs', String(MOST_SEGMENTS)]);
}
