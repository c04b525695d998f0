import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Player } from '../../src/fuzz/attempt.js';
import { Coverage } from '../../src/fuzz/coverage.js';
import { Generator, mixSeed } from '../../src/fuzz/generator.js';
import { mutatorNames } from '../../src/fuzz/mutators.js';
import { Soak } from '../../src/fuzz/soak.js';
import type { Target } from '../../src/fuzz/target.js';
import { SEED } from '../support/runs.js';
import { type Defect, defectiveTarget, onCm } from './defect.js';

const KIB = 1024;

/** What a soak says of a peer whose memory is this after each round. */
async function ofMemory(kind: Target['kind'], ...octets: readonly number[]): Promise<string[]> {
  const left = [...octets];
  const soak = new Soak({ kind, memory: () => left.shift() } as Partial<Target> as Target, 4);
  for (let i = 0; i < octets.length; i++) await soak.end();
  return soak.violations().map(({ oracle }) => oracle);
}

test('memory that grows in proportion to the repetitions is a leak; what fills up, jumps once or shrinks is none', async () => {
  assert.deepEqual(await ofMemory('virtual', 100 * KIB, 700 * KIB, 1900 * KIB), ['memory-growth']);
  assert.deepEqual(await ofMemory('virtual', 100 * KIB, 200 * KIB, 400 * KIB), [], 'too little to tell');
  assert.deepEqual(await ofMemory('virtual', 100 * KIB, 1900 * KIB, 2800 * KIB), [], 'half as much the second time');
  assert.deepEqual(await ofMemory('virtual', 100 * KIB, 110 * KIB, 1900 * KIB), [], 'at once');
  assert.deepEqual(await ofMemory('virtual', 1900 * KIB, 700 * KIB, 1900 * KIB), [], 'up and down');
  // Pages of a process come and go in larger pieces.
  assert.deepEqual(await ofMemory('socket', 100 * KIB, 700 * KIB, 1900 * KIB), []);
  assert.deepEqual(await ofMemory('socket', 0, 6000 * KIB, 18_000 * KIB), ['memory-growth']);
});

/** What a soak of one long exchange says of a peer. */
async function soaked(defect: Defect, seed: number): Promise<string[]> {
  const settings = { mutators: mutatorNames('virtual'), sendsTcp: true, corpusSize: 0, mayImpersonate: true };
  const steps = new Generator({ ...settings, longestPause: 121_000_000 }).long(mixSeed(SEED, seed));
  const play = { steps: steps.map(({ value_ }) => value_), seed: mixSeed(SEED, seed), repeat: 20 };
  const { violations } = await new Player(defectiveTarget(defect), []).play(play, new Coverage());
  return violations.map(({ oracle, title }) => `${oracle}: ${title}`);
}

/**
 * A peer that keeps so many octets for each packet with a CM: in the heap, or in a buffer of its own. Many.
 */
function keeping(where: 'heap' | 'buffer', octets: number): Defect {
  return {
    name: 'keeps',
    defect: 'Something of every packet is kept.',
    kind: 'leak',
    apply(host) {
      const kept: unknown[] = [];
      onCm(
        host,
        ({ cm }) =>
          void kept.push(
            where === 'heap' ? Array.from({ length: octets >> 3 }, () => cm.pathDelay) : new Uint8Array(octets),
          ),
      );
    },
  };
}

test('an object kept for each packet is seen, and the memory of this process otherwise is not', async () => {
  for (const where of ['heap', 'buffer'] as const) {
    const found = await soaked(keeping(where, 6000), 1);
    assert.match(found.join(), /^memory-growth: Memory of the peer grows by \d+\.\d KiB/, where);
  }
  // What this process keeps meanwhile is none of the peer's.
  const kept: Uint8Array[] = [];
  const each = 4096;
  const target = defectiveTarget();
  const { memory } = target;
  target.memory = () => {
    for (let i = 0; i < 1000; i++) kept.push(new Uint8Array(each).fill(1));
    return memory.call(target);
  };
  const look = async () => target.reset(SEED) ?? (await target.memory()) ?? Number.NaN;
  const before = await look();
  const after = await look();
  assert.ok(kept.length === 2000 && before > 0);
  assert.ok(Math.abs(after - before) < (1000 * each) / 4, `${before} and ${after} octets`);
});
