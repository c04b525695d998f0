import { parseIpv4 } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import type { Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import type { RuleRow } from '../upper-tester.js';
import { Mesh } from './mesh.js';

/** Delay of the fast path and of the others, microseconds. */
const FAST = 2_000;
const SLOW = 60_000;
/** How much the fast path's delay rose since its minimum: a queue, which the slow ones do not have. */
const QUEUE = 8_000;
/** Packets that may take another path, so that its delay stays known. */
const STRAYS = 3;
/**
 * Packets that routing is judged by, far enough apart: the least by the fast path under a rule is 53 of them, the most by weight
 * 48, and with 48 of them still 45 and 43.
 */
const BURST = 56;
/** Samples after which no moving average remembers what was before. */
const SMOOTHED = 60;
/** IP length up to which the rules of the cases take a packet for small. */
const SMALL = 200;
/** An address that no node has (RFC 5737). */
const NOBODY = parseIpv4('203.0.113.77');

const common = {
  area: 'RT',
  services: ['echo'],
  upperTester: true,
  changesPeer: true,
  capabilities: ['rules'],
} as const;

/** Whether the packets that are sent now follow a rule for `priority`; fails the case if not. Says what was seen. */
type Judge = (priority: RuleRow['priority'], code: string, text: string) => Promise<string>;

/** A mesh of unequal paths, and what judges how its packets are routed. */
async function routed(t: Tester): Promise<{ mesh: Mesh; judge: Judge }> {
  const mesh = await Mesh.open(t);
  const fast = await unequal(t, mesh);
  return { mesh, judge: (priority, code, text) => requireRouting(t, mesh, fast, priority, code, text) };
}

/** Gives one path the lowest delay, and a queue as well; the others are slow and idle. Returns its id. */
async function unequal(t: Tester, mesh: Mesh): Promise<number> {
  const ticks = (micros: number) => Math.round(micros / t.profile.tickMicros);
  const fast = mesh.pathIds.at(-1)!;
  for (const id of mesh.pathIds) mesh.delays.set(id, ticks(id === fast ? FAST : SLOW));
  for (let i = 0; i < 3; i++) await mesh.feedAll();
  mesh.delays.set(fast, ticks(FAST + QUEUE));
  for (let i = 0; i < 10; i++) await mesh.feedAll();
  return fast;
}

const on = (answers: readonly Observed[], id: number) => answers.filter((answer) => cmOf(answer).pathId === id).length;

/** Whether a burst keeps to the fast path or is spread by the weights. */
async function requireRouting(
  t: Tester,
  mesh: Mesh,
  fast: number,
  priority: RuleRow['priority'],
  code: string,
  text: string,
): Promise<string> {
  await mesh.burst(mesh.paths.size);
  const answers = await mesh.burst(BURST);
  if (answers.length < 32) t.inconc('no-echo', 'Too few packets came back.');
  const count = on(answers, fast);
  const isFast = priority === 'responsiveness';
  // By weight the fast path, whose queue is above the average, gets half at most.
  const most = mesh.bounds(answers, 0, 0.5).most;
  t.require(isFast ? count >= answers.length - STRAYS : count <= most, code, text, {
    expected: isFast
      ? `at least ${answers.length - STRAYS} of ${answers.length} packets on path ${fast}`
      : `at most ${most} of ${answers.length} packets on path ${fast}`,
    seen: count,
    packet: answers.at(-1)!,
    field: 'pathId',
  });
  return `${count} of ${answers.length} packets took the fastest path`;
}

/** A case about one rule that matches the packets of the mesh, and one that does not because of the field that it is about. */
function matching(
  name: string,
  what: string,
  matches: (mesh: Mesh) => Partial<RuleRow>,
  misses: (mesh: Mesh) => Partial<RuleRow>,
): TestCase {
  return {
    ...common,
    id: `RT-by-${name}`,
    purpose: `A rule applies to packets whose ${what} it names, and to no others.`,
    requirements: ['MPIP-RT-01'],
    async run(t: Tester) {
      const { mesh, judge } = await routed(t);
      await t.upper.setRules([{ ...misses(mesh), priority: 'responsiveness' }]);
      await judge('throughput', `other-${name}-matched`, `A rule for another ${what} is applied to our packets.`);
      await t.upper.setRules([{ ...matches(mesh), priority: 'responsiveness' }]);
      const text = await judge('responsiveness', `${name}-not-matched`, `A rule for just this ${what} is not applied.`);
      t.pass(`With the rule ${text}.`, mesh.session.port.history.at(-1)!);
    },
  };
}

/** Section 3.6.2: Table 6, set through the upper tester. */
export const RT_CASES: readonly TestCase[] = [
  {
    ...common,
    id: 'RT-responsiveness-takes-lowest-delay',
    purpose: 'Packets of a rule for responsiveness take the path with the lowest delay, whatever its queuing delay is.',
    requirements: ['MPIP-RT-02'],
    async run(t: Tester) {
      const { mesh, judge } = await routed(t);
      await t.upper.setRules([{ priority: 'responsiveness' }]);
      const text = await judge(
        'responsiveness',
        'not-the-fastest',
        'A rule asks for responsiveness; the packets must take the path with the lowest delay, though others have less queuing delay.',
      );
      t.pass(`${text}.`, mesh.session.port.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'RT-responsiveness-follows-delays',
    purpose:
      'When the path with the lowest delay becomes a slow one, packets of a rule for responsiveness leave it for what is lowest then.',
    requirements: ['MPIP-RT-02'],
    async run(t: Tester) {
      const { mesh, judge } = await routed(t);
      await t.upper.setRules([{ priority: 'responsiveness' }]);
      await judge('responsiveness', 'not-the-fastest', 'A rule asks for responsiveness: another case judges that.');
      const [next] = mesh.pathIds as [number];
      const ticks = (micros: number) => Math.round(micros / t.profile.tickMicros);
      for (const id of mesh.pathIds) mesh.delays.set(id, ticks(id === next ? SLOW - QUEUE : SLOW + QUEUE));
      for (let i = 0; i < SMOOTHED; i++) await mesh.feedAll();
      const text = await requireRouting(
        t,
        mesh,
        next,
        'responsiveness',
        'stays-with-former-fastest',
        'The path that had the lowest delay has the highest for long; a rule for responsiveness asks for the path that is lowest now.',
      );
      t.pass(`${text}.`, mesh.session.port.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'RT-responsiveness-without-delays',
    purpose:
      'Before any delay is known, packets of a rule for responsiveness are sent all the same, whatever their path.',
    requirements: ['MPIP-RT-02'],
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      await t.upper.setRules([{ priority: 'responsiveness' }]);
      const answers = await mesh.insist(4);
      if (answers.length === 0) {
        await t.silent(mesh.from, {
          code: 'nothing-without-delays',
          text: 'A rule asks for the path with the lowest delay, and none is known; nothing is sent any more.',
          expected: 'answers of the echo service by any path',
        });
      }
      t.pass('Packets were sent before any delay was known.', ...answers);
    },
  },
  {
    ...common,
    id: 'RT-throughput-takes-weights',
    purpose: 'Packets of a rule for throughput are spread by the weights, as without any rule.',
    requirements: ['MPIP-RT-03'],
    async run(t: Tester) {
      const { mesh, judge } = await routed(t);
      await judge('throughput', 'not-weighted', 'Without any rule the packets are spread by the weights.');
      await t.upper.setRules([{ priority: 'throughput' }]);
      const text = await judge(
        'throughput',
        'not-weighted',
        'A rule asks for throughput; the packets are spread by the weights.',
      );
      t.pass(`${text}.`, mesh.session.port.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'RT-small-packets',
    purpose:
      'With a rule for packets below a length these take the path with the lowest delay and longer ones are spread by weight.',
    requirements: ['MPIP-RT-05', 'MPIP-RT-01'],
    async run(t: Tester) {
      const { mesh, judge } = await routed(t);
      await t.upper.setRules([{ startSize: 0, endSize: SMALL, priority: 'responsiveness' }]);
      const small = await judge(
        'responsiveness',
        'small-not-matched',
        'A rule asks for responsiveness for packets below 200 octets; these are far shorter.',
      );
      mesh.size = 2 * SMALL;
      const large = await judge(
        'throughput',
        'large-matched',
        'A rule for packets below 200 octets is applied to packets of more than 400.',
      );
      t.pass(`Of small packets ${small}, of large ones ${large}.`, mesh.session.port.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'RT-from-a-length-on',
    purpose: 'A rule with a start size applies to longer packets only.',
    requirements: ['MPIP-RT-01'],
    async run(t: Tester) {
      const { mesh, judge } = await routed(t);
      await t.upper.setRules([{ startSize: SMALL, priority: 'responsiveness' }]);
      await judge(
        'throughput',
        'small-matched',
        'A rule for packets from 200 octets on is applied to far shorter ones.',
      );
      mesh.size = 2 * SMALL;
      const text = await judge(
        'responsiveness',
        'large-not-matched',
        'A rule for packets from 200 octets on, without an end, is not applied to packets of more than 400.',
      );
      t.pass(`Of large packets ${text}.`, mesh.session.port.history.at(-1)!);
    },
  },
  matching(
    'port',
    'destination port',
    ({ session }) => ({ port: session.port.port }),
    ({ session }) => ({ port: session.port.port ^ 1 }),
  ),
  matching(
    'address',
    'destination address',
    ({ session }) => ({ destination: session.port.address }),
    () => ({ destination: NOBODY }),
  ),
  matching(
    'protocol',
    'protocol',
    () => ({ protocol: 'udp' }),
    () => ({ protocol: 'tcp' }),
  ),
  {
    ...common,
    id: 'RT-changes-at-run-time',
    purpose: 'Rules may be added and taken away at any time; without one the packets are spread by weight again.',
    requirements: ['MPIP-RT-04', 'MPIP-RT-06'],
    async run(t: Tester) {
      const { mesh, judge } = await routed(t);
      await t.upper.setRules([{ priority: 'responsiveness' }]);
      const text = await judge(
        'responsiveness',
        'rule-not-taken',
        'A rule was added while the session runs and is not applied.',
      );
      await t.upper.setRules([]);
      await judge('throughput', 'rule-not-removed', 'All rules were taken away; the last one is still applied.');
      t.pass(`While the rule was there ${text}.`, mesh.session.port.history.at(-1)!);
    },
  },
];
