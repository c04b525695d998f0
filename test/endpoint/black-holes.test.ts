import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DatagramView, defaultConstants } from '../../src/codec/index.js';
import { BlackHoles } from '../../src/endpoint/black-holes.js';
import { Session } from '../../src/endpoint/index.js';
import { Peer } from '../../src/endpoint/nodes.js';
import type { PathMtus } from '../../src/endpoint/path-mtu.js';
import { Path } from '../../src/endpoint/paths.js';

const SEGMENT = 1448;

/** A session of two paths whose large segments are watched; each call sends the segment of that number. */
function watched() {
  const tuple = { source: 1, sourcePort: 2, destination: 3, destinationPort: 4 };
  const peer = new Peer(1, 'compact', defaultConstants());
  const session = new Session(peer, 1, 6, tuple, 'self', 0);
  const [one, other] = [1, 2].map((id) => new Path(id, session, tuple, 500, 0)) as [Path, Path];
  session.paths.push(one, other);
  for (const path of [one, other]) peer.paths.set(path.id, path);
  const blackHoles = new BlackHoles({ of: () => 1500, learn: () => {} } as unknown as PathMtus);
  const send = (path: Path, segment: number, isAgain = false) =>
    blackHoles.sent(path, { sequence: segment * SEGMENT } as DatagramView, 1500, isAgain, 0);
  return { one, other, send };
}

test('a TCP that sends everything under way again at once does not make a path a black hole', () => {
  const { one, other, send } = watched();
  for (let segment = 0; segment < 150; segment++) send(segment % 3 === 2 ? other : one, segment);
  for (let segment = 30; segment < 150; segment++) send(other, segment, true);
  assert.ok(!one.isSuspect && !one.isUnproven);
  for (let segment = 150; segment < 300; segment++) send(segment % 3 === 2 ? other : one, segment);
  assert.ok(one.carriesLarge && !one.isSuspect);
});

/** How many segments in a row path `one` loses, `from` the one of that number, until it is suspected. */
function lostUntilSuspected({ one, other, send }: ReturnType<typeof watched>, from: number): number {
  let lost = 0;
  for (; !one.isSuspect && lost < 300; lost++) {
    send(one, from + lost);
    send(other, from + lost, true);
  }
  return lost;
}

test('a path of which every large segment is sent again is one, after five of them', () => {
  const paths = watched();
  for (let segment = 0; segment < 20; segment++) paths.send(paths.other, segment);
  assert.equal(lostUntilSuspected(paths, 20), 5);
  assert.ok(paths.one.isUnproven && !paths.other.isUnproven);
});

test('so does one that carried large segments before, later', () => {
  const paths = watched();
  for (let segment = 0; segment < 200; segment++) paths.send(segment % 2 === 0 ? paths.one : paths.other, segment);
  const lost = lostUntilSuspected(paths, 200);
  assert.ok(lost > 10 && lost < 200, `${lost}`);
});
