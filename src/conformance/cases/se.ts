import type { TestCase } from '../case.js';
import { chiSquare, chiSquareLimit, FALSE_ALARM } from '../statistics.js';
import { cmOf, type Tester } from '../tester.js';
import { Mesh } from './mesh.js';

/** Packets for each path when shares are measured, at least. */
const SAMPLES = 64;

/** Section 3.6.1 at the beginning: equal weights, a random choice for every packet. */
export const SE_CASES: readonly TestCase[] = [
  {
    id: 'SE-initial-shares-equal',
    area: 'SE',
    purpose: 'Before any delay is known each path gets an equal share of the packets (chi-square, false alarms 1e-8).',
    requirements: ['MPIP-SE-01', 'MPIP-SE-02'],
    services: ['echo'],
    // Of a peer with one address the paths are added one by one, and those that are there keep their weights.
    capabilities: ['several-addresses'],
    async run(t: Tester) {
      await requireEqualShares(t, await Mesh.open(t));
    },
  },
  {
    id: 'SE-initial-shares-of-announced-addresses',
    area: 'SE',
    purpose:
      'The paths to two addresses of ours, both known when the session begins, get equal shares, also of a peer with one address.',
    requirements: ['MPIP-SE-01', 'MPIP-SE-02'],
    services: ['echo'],
    sources: 2,
    async run(t: Tester) {
      const mesh = await Mesh.together(t);
      await mesh.findPaths();
      if (mesh.paths.size < 2) t.inconc('one-path', 'The peer uses one of our addresses only: other cases judge that.');
      await requireEqualShares(t, mesh);
    },
  },
  {
    id: 'SE-choice-is-random',
    area: 'SE',
    purpose: 'The path of a packet is chosen at random: the same path follows itself as often as chance has it.',
    requirements: ['MPIP-SE-01'],
    services: ['echo'],
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      const answers = await mesh.burst(2 * SAMPLES * mesh.paths.size);
      let repeats = 0;
      for (let i = 1; i < answers.length; i++) {
        if (cmOf(answers[i]!).pathId === cmOf(answers[i - 1]!).pathId) repeats++;
      }
      const share = 1 / mesh.paths.size;
      const { least, most } = mesh.bounds(answers.slice(1), share, share);
      t.require(
        repeats >= least && repeats <= most,
        'not-random',
        'With equal weights each packet takes each path with the same probability, whatever path the packet before it took.',
        {
          expected: `${least} to ${most} of ${answers.length - 1} packets on the path of the packet before`,
          seen: repeats,
          packet: answers.at(-1)!,
          field: 'pathId',
        },
      );
      t.pass(`${repeats} of ${answers.length - 1} packets took the path of the packet before.`, ...mesh.paths.values());
    },
  },
  {
    id: 'SE-path-per-packet',
    area: 'SE',
    purpose: 'The packets of one flow take several paths, also within a few milliseconds: the choice is per packet.',
    requirements: ['MPIP-SE-08'],
    services: ['echo'],
    async run(t: Tester) {
      const mesh = await Mesh.open(t, { isPatient: true });
      const answers = await mesh.burst(64);
      const largest = Math.max(...mesh.counts(answers));
      const tuples = new Set(answers.map(({ source, destination }) => `${source} ${destination}`));
      // Without feedback the weights are equal: of two paths or more none gets more than half of the packets in the mean.
      const { most } = mesh.bounds(answers, 0, 0.5, 1);
      t.require(
        largest <= most,
        'path-per-flow',
        'Packets of a flow that were sent together keep to one path; the choice must be made anew for each packet.',
        {
          expected: `at most ${most} of ${answers.length} packets on one path`,
          seen: `${largest} on one path, ${tuples.size} tuples in all`,
          packet: answers.at(-1)!,
          field: 'pathId',
        },
      );
      t.pass(`${answers.length} packets of one flow took ${tuples.size} tuples.`, answers[0]!, answers.at(-1)!);
    },
  },
];

/** Fails the case unless the packets are spread evenly over the paths of a mesh that was fed nothing back. */
async function requireEqualShares(t: Tester, mesh: Mesh): Promise<void> {
  const answers = await mesh.burst(Math.min(480, 4 * SAMPLES * mesh.paths.size));
  const counts = mesh.counts(answers);
  // The limit of a tenth of the rate: the distribution is an approximation, and a test computes how good it is.
  const limit = chiSquareLimit(counts.length - 1, FALSE_ALARM / 10);
  t.require(
    chiSquare(counts) <= limit,
    'unequal-shares',
    'Every path begins with the same weight, 1000 over the number of paths, and so gets the same share of the packets; chance explains these once in 1e8 runs.',
    {
      expected: `chi-square of at most ${limit.toFixed(1)}`,
      seen: `chi-square ${chiSquare(counts).toFixed(1)}: ${describe(mesh, counts)}`,
      packet: answers.at(-1),
      field: 'pathId',
    },
  );
  t.pass(`Equal shares: ${describe(mesh, counts)}.`, ...mesh.paths.values());
}

/** Packets by path as text. */
export function describe(mesh: Mesh, counts: readonly number[]): string {
  return mesh.pathIds.map((id, i) => `path ${id}: ${counts[i]} packets`).join(', ');
}
