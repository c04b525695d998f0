import type { Constants } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { headerField, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { Mesh } from './mesh.js';
import { tupleOf } from './pa.js';

/** Periods of sending after which a path without feedback must be gone: the threshold and a few seconds. */
function longEnough({ 'path-expiry': expiry, 'weight-period': period }: Constants): number {
  return Math.ceil((expiry + 2_500_000) / period);
}

const withholding = (constants: Constants) => longEnough(constants) * constants['weight-period'];

/** All paths known and fed back with one delay, but for those that `left` says. */
async function fed(t: Tester, mesh: Mesh, left: (first: Observed) => boolean = () => false): Promise<number[]> {
  const without: number[] = [];
  for (const [id, first] of mesh.paths) {
    if (left(first)) without.push(id);
    else mesh.delays.set(id, t.constants['weight-max']);
  }
  if (mesh.delays.size > 0) for (let i = 0; i < 3; i++) await mesh.feedAll();
  return without;
}

/** Fails the case unless every path gets its share: with one delay for all the weights stay equal. Returns an answer. */
async function requireAllUsed(t: Tester, mesh: Mesh, code: string, text: string): Promise<Observed> {
  const answers = await mesh.burst(32 * mesh.paths.size);
  const counts = mesh.counts(answers);
  for (const [i, id] of mesh.pathIds.entries()) {
    const { least } = mesh.bounds(answers, 1 / counts.length, 1, 2 * counts.length);
    t.require(counts[i]! >= least, code, text, {
      expected: `at least ${least} of ${answers.length} packets on path ${id}`,
      seen: counts[i]!,
      packet: mesh.paths.get(id)!,
      field: 'pathId',
    });
  }
  return answers.at(-1)!;
}

/** Section 3.4: a path is obsolete when its feedback does not come. */
export const EX_CASES: readonly TestCase[] = [
  {
    id: 'EX-path-without-feedback-goes',
    area: 'EX',
    purpose: 'A path on which packets are sent and whose feedback stops is used no more after the threshold time.',
    requirements: ['MPIP-EX-01'],
    services: ['echo'],
    duration: withholding,
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      await fed(t, mesh);
      // The session's own way is a path like any other.
      const own = { source: t.peerAddress, destination: mesh.session.port.address };
      const isOwn = ([, first]: [number, Observed]) =>
        first.source === own.source && first.destination === own.destination;
      const dead = [...mesh.paths].find(isOwn)?.[0] ?? mesh.pathIds.at(-1)!;
      mesh.delays.delete(dead);
      await mesh.pass(longEnough(t.constants));
      const answers = await mesh.burst(24 * mesh.paths.size);
      const gone = tupleOf(mesh.paths.get(dead)!);
      const still = answers.find((answer) => cmOf(answer).pathId === dead || tupleOf(answer) === gone);
      t.refuse(
        still,
        'obsolete-path-used',
        'A path is still used although nothing was fed back for it for longer than the threshold, while packets were sent on it.',
        {
          field: 'pathId',
          expected: `no packet on path ${dead} after ${t.constants['path-expiry'] / 1e6} s of sending without feedback`,
          seen: `${answers.filter((answer) => cmOf(answer).pathId === dead).length} of ${answers.length} packets`,
        },
      );
      if (answers.length === 0) t.inconc('no-echo', 'Nothing came back any more.');
      t.pass('The path without feedback is used no more.', answers.at(-1)!);
    },
  },
  {
    id: 'EX-fed-path-stays',
    area: 'EX',
    purpose: 'Paths whose feedback keeps coming stay, however long the session lasts.',
    requirements: ['MPIP-EX-01'],
    services: ['echo'],
    duration: withholding,
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      await fed(t, mesh);
      await mesh.pass(longEnough(t.constants));
      const last = await requireAllUsed(
        t,
        mesh,
        'live-path-removed',
        'A path got its feedback all the time and is hardly used any more.',
      );
      t.pass('Every path with feedback is still used.', last);
    },
  },
  {
    id: 'EX-idle-path-does-not-age',
    area: 'EX',
    purpose: 'While nothing is sent no path ages: after a pause longer than the threshold all are used.',
    requirements: ['MPIP-EX-01'],
    services: ['echo'],
    duration: (constants) => 1.5 * constants['path-expiry'],
    async run(t: Tester) {
      const pause = 1.5 * t.constants['path-expiry'];
      if (pause >= t.constants['session-expiry']) {
        t.notApplicable(
          'session-expiry',
          'A session of this peer ends before a path could age: such a pause is not possible.',
        );
      }
      const mesh = await Mesh.open(t);
      await fed(t, mesh);
      await t.sleep(pause);
      const last = await requireAllUsed(
        t,
        mesh,
        'idle-path-removed',
        'After a pause in which nothing was sent, so that there was nothing to feed back, a path is hardly used any more.',
      );
      t.pass('After the pause every path is used.', last);
    },
  },
  {
    id: 'EX-last-path-stays',
    area: 'EX',
    purpose: "Without any feedback at all one path is left, and it carries the session's packets.",
    requirements: ['MPIP-EX-01'],
    services: ['echo'],
    duration: (constants) => withholding(constants) + 1_500_000,
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      await fed(t, mesh);
      mesh.delays.clear();
      await mesh.pass(longEnough(t.constants) + Math.ceil(1_500_000 / t.constants['weight-period']));
      const answers = await mesh.burst(24);
      if (answers.length < 12) {
        await t.silent(mesh.from, {
          code: 'no-path-left',
          text: 'After all feedback had stopped the peer sent nothing more in the session.',
          expected: 'answers of the echo service by the last path',
        });
      }
      const bare = answers.find((answer) => cmOf(answer).pathId === 0);
      t.refuse(
        bare,
        'last-path-removed',
        'After all feedback had stopped the packets name no path any more: the last path of a session must stay.',
        {
          field: 'pathId',
          expected: 'a path id from 1',
          seen: 0,
        },
      );
      t.pass('Without any feedback a path was left.', answers.at(-1)!);
    },
  },
  {
    id: 'EX-traffic-continues',
    area: 'EX',
    purpose: 'While a path becomes obsolete and goes, no packet of the host is lost.',
    requirements: ['MPIP-EX-02'],
    services: ['echo'],
    duration: withholding,
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      await fed(t, mesh);
      const [dead] = mesh.pathIds as [number];
      mesh.delays.delete(dead);
      mesh.uncertain = 0;
      const count = longEnough(t.constants);
      const lost = async (each: number) => {
        let missing = 0;
        for (let i = 0; i < count; i++) {
          missing += each - (await mesh.burst(each)).length;
          await t.sleep(t.constants['weight-period'] - 2_000);
        }
        return missing;
      };
      const missing = await lost(1);
      // A network that loses packets loses them before the path goes, too, and when it has gone.
      const before = mesh.uncertain - missing;
      if (missing > 3 || before > 0 || (missing > 0 && (await lost(3)) > 0)) mesh.requireCertainty();
      t.require(missing === 0, 'packet-lost', 'A packet of the host was lost when one of several paths went.', {
        expected: `${count} answers`,
        seen: count - missing,
        packet: mesh.from.lastSent,
      });
      t.pass('No packet was lost while a path went.', mesh.session.first!);
    },
  },
  {
    id: 'EX-never-fed-path-goes',
    area: 'EX',
    purpose: 'A path for which feedback never came, because the other end is not reached by it, goes as well.',
    requirements: ['MPIP-EX-03'],
    services: ['echo'],
    sources: 2,
    duration: withholding,
    async run(t: Tester) {
      const mesh = await Mesh.begin(t);
      const second = await mesh.join(1);
      await mesh.findPaths();
      // As if what goes to the second address were lost from now on.
      const dead = await fed(t, mesh, ({ destination }) => destination === second.address);
      if (dead.length === 0) t.inconc('one-address', 'Our second address is not used: other cases judge that.');
      await mesh.pass(longEnough(t.constants));
      const answers = await mesh.burst(24 * mesh.paths.size);
      const still = answers.find(({ destination }) => destination === second.address);
      t.refuse(
        still,
        'dead-path-used',
        'Nothing was ever fed back for the paths to one of our addresses; they are still used.',
        {
          ...headerField(still, 'destination'),
          expected: 'no packet to our second address',
          seen: `${answers.filter(({ destination }) => destination === second.address).length} of ${answers.length} packets`,
        },
      );
      if (answers.length === 0) t.inconc('no-echo', 'Nothing came back any more.');
      t.pass('Paths that were never fed back are used no more.', answers.at(-1)!);
    },
  },
];
