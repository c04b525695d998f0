import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultConstants } from '../../src/codec/index.js';
import { Session } from '../../src/endpoint/index.js';
import { Peer } from '../../src/endpoint/nodes.js';
import { PathMtus } from '../../src/endpoint/path-mtu.js';
import { Path } from '../../src/endpoint/paths.js';

const SECOND = 1_000_000;
const way = (sourcePort: number) => ({ source: 1, sourcePort, destination: 3, destinationPort: 4 });

/** A session with paths of these numbers; without any its own tuple is that of number 0. */
function sessionOf(...numbers: number[]): Session {
  const session = new Session(new Peer(1, 'compact', defaultConstants()), 1, 17, way(0), 'self', 0);
  for (const number of numbers) session.paths.push(new Path(number, session, way(number), 500, 0));
  return session;
}

test('of what is said of a way the least counts, for ten minutes after it was said last (RFC 1191)', () => {
  const mtus = new PathMtus(1500);
  const session = sessionOf();
  const of = (now: number) => mtus.of(session, way(1), now);
  assert.equal(of(0), 1500);
  mtus.learn(session, way(1), 1300, 0);
  mtus.learn(session, way(1), 1400, 1);
  assert.deepEqual([of(599 * SECOND), of(600 * SECOND), mtus.of(session, way(2), 0)], [1300, 1500, 1500]);
  mtus.learn(session, way(1), 1400, 600 * SECOND);
  assert.equal(of(600 * SECOND), 1400, 'what it carries now');
  mtus.learn(session, way(1), 1400, 700 * SECOND);
  assert.equal(of(1299 * SECOND), 1400);
  mtus.learn(session, way(1), 68, 1300 * SECOND);
  assert.equal(of(1300 * SECOND), 552);
  mtus.linkMtu = 540;
  assert.equal(of(1300 * SECOND), 540);
});

test('a session remembers 64 ways, the first goes', () => {
  const mtus = new PathMtus(1500);
  const session = sessionOf();
  for (let number = 1; number <= 64; number++) mtus.learn(session, way(number), 1300, 0);
  mtus.learn(session, way(64), 1200, 0);
  const known = (numbers: number[]) => numbers.map((number) => mtus.of(session, way(number), 0));
  assert.deepEqual(known([1, 2, 64]), [1300, 1300, 1200], 'a known one drives out none');
  mtus.learn(session, way(65), 1300, 0);
  assert.deepEqual(known([1, 2, 65]), [1500, 1300, 1300]);
});

test('a packet can be sent that one of the paths carries, or that the own way does while there is none', () => {
  const mtus = new PathMtus(1500);
  for (const session of [sessionOf(), sessionOf(1, 2)])
    assert.deepEqual([mtus.carries(session, 1500, 0), mtus.carries(session, 1501, 0)], [true, false]);
  const [none, two] = [sessionOf(), sessionOf(1, 2)];
  mtus.learn(none, way(0), 1300, 0);
  for (const number of [1, 2]) mtus.learn(two, way(number), 1200 + 100 * number, 0);
  assert.deepEqual([mtus.carries(none, 1300, 0), mtus.carries(none, 1301, 0)], [true, false]);
  assert.deepEqual([mtus.carries(two, 1400, 0), mtus.carries(two, 1401, 0)], [true, false]);
});

test("the host's packets are as large as every path carries that carries 1280 octets; else as the widest does", () => {
  const forHost = (...known: number[]) => {
    const mtus = new PathMtus(1500);
    const session = sessionOf(1, 2);
    for (const [i, mtu] of known.entries()) mtus.learn(session, way(i + 1), mtu, 0);
    return mtus.forHost(session, 0);
  };
  assert.deepEqual([forHost(), forHost(1280), forHost(1279), forHost(600, 700)], [1500, 1280, 1500, 700]);
});
