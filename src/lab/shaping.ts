import { ADDRESSES, type Conditions, QUEUE_OCTETS } from './conditions.js';
import { run } from './host-commands.js';

/** What a rate limit counts besides a packet's octets: preamble, checksum and gap of Ethernet. */
const ON_THE_WIRE = ['stab', 'overhead', '24', 'linklayer', 'ethernet'];
const BURST = '8kb';

/** One end of a link whose rate is limited. */
export interface LimitedEnd {
  readonly namespace: string;
  readonly device: string;
  /** Class of netem there, where that holds packets before they come to the limit. */
  readonly parent?: string | undefined;
}

/** Limits what leaves by one end of a link. @param megabits Mbit/s on the wire. */
export function setRate(end: LimitedEnd, megabits: number, queue?: number): void {
  run('tc', ['-n', end.namespace, ...rateWords(end, megabits, queue)]);
}

/** The words after `tc` that set a rate. */
export function rateWords({ device, parent }: LimitedEnd, megabits: number, queue = QUEUE_OCTETS): string[] {
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
