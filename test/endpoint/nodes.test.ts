import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressKey, defaultConstants, type Ipv4 } from '../../src/codec/index.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/endpoint/limits.js';
import { NodeTable, Peer } from '../../src/endpoint/nodes.js';

const [A, B, C, D, E] = [1, 2, 3, 4, 5].map((octet) => 0xc6336400 + octet) as [Ipv4, Ipv4, Ipv4, Ipv4, Ipv4];
const X = 0x0a000001;
const PORT = 40000;

const tableOf = (limit = 100, limits: Partial<Limits> = {}, isInUse: (key: number) => boolean = () => false) =>
  new NodeTable(defaultConstants(), limit, { ...DEFAULT_LIMITS, ...limits }, isInUse);
const learn = (table: NodeTable, nodeId: number, address: Ipv4, list: readonly Ipv4[] = [], port = PORT) =>
  table.learn(nodeId, 'compact', address, port, list);

test('the ports at which a peer asked are remembered, 256 of them, the latest', () => {
  const peer = new Peer(1, 'compact', defaultConstants());
  assert.equal(peer.hasAsked(1), false);
  for (let port = 1; port <= 256; port++) peer.asked(port);
  peer.asked(1);
  assert.deepEqual(
    [1, 2, 256, 257].map((port) => peer.hasAsked(port)),
    [true, true, true, false],
  );
  peer.asked(257);
  assert.deepEqual(
    [1, 2, 3, 257].map((port) => peer.hasAsked(port)),
    [true, false, true, true],
  );
});

test('ids are as many as the layout has, and a node id of one layout is not that of the other', () => {
  const table = tableOf();
  const compact = learn(table, 7, A);
  const full = table.learn(7, 'full', B, PORT, []);
  for (const { sessionIds, pathIds } of [compact, full])
    for (const pool of [sessionIds, pathIds]) for (let id = 1; id <= 255; id++) pool.take(id);
  assert.deepEqual([compact.sessionIds.allocate(0), compact.pathIds.allocate(0)], [0, 0]);
  assert.deepEqual([full.sessionIds.allocate(0), full.pathIds.allocate(0)], [256, 256]);
  assert.deepEqual([table.withId(7, 'compact'), table.withId(7, 'full')], [[compact], [full]]);
  assert.deepEqual([table.isKnown(7, 'full'), table.isKnown(8, 'full')], [true, false]);
  assert.equal(table.find(7, 'full', A, PORT, []), undefined);
});

test('one node is known by an address of its at any port, and by the addresses that it announced (decision 26)', () => {
  const table = tableOf();
  const peer = learn(table, 7, A, [X, 0]);
  const find = (nodeId: number, address: Ipv4, list: Ipv4[] = []) => table.find(nodeId, 'compact', address, 1, list);
  assert.deepEqual(
    [find(7, A), find(7, B, [C, X]), find(7, B, [0]), find(7, B), find(8, A)],
    [peer, peer, undefined, undefined, undefined],
  );
  assert.deepEqual([[...peer.announced], peer.version], [[X], 1]);
  assert.equal(learn(table, 7, B, [X]), peer);
  assert.equal(peer.version, 1, 'nothing new');
});

test('of too many announced addresses the oldest goes that is not in the newest list', () => {
  const peer = (list: Ipv4[][]) => {
    const table = tableOf(100, { announcedPerPeer: 2 });
    return [...list.map((one) => learn(table, 7, A, one))[0]!.announced];
  };
  assert.deepEqual(peer([[A, B], [C]]), [B, C]);
  assert.deepEqual(peer([[A], [B]]), [A, B]);
  assert.deepEqual(
    peer([
      [A, B],
      [A, C],
    ]),
    [A, C],
  );
});

test('of too many nodes with one id the oldest without a session goes, or the newest', () => {
  const table = tableOf(100, { peersPerNodeId: 3 });
  const [first, second, third] = [A, B, C].map((address) => learn(table, 7, address)) as [Peer, Peer, Peer];
  first.sessions.set(1, {} as never);
  const fourth = learn(table, 7, D);
  assert.deepEqual(
    table.withId(7, 'compact').map((peer) => [first, second, third, fourth].indexOf(peer)),
    [0, 2, 3],
  );
  for (const peer of [third, fourth]) peer.sessions.set(1, {} as never);
  const fifth = learn(table, 7, E);
  assert.deepEqual(
    table.withId(7, 'compact').map((peer) => [first, third, fourth, fifth].indexOf(peer)),
    [0, 1, 3],
  );
});

test('two peers that turn out to be one are one, with all that was known of either', () => {
  const table = tableOf(100, { announcedPerPeer: 3 });
  const into = learn(table, 7, A, [A, D]);
  const from = learn(table, 7, B, [B, E]);
  learn(table, 7, C);
  assert.deepEqual(table.twins(into, B, []), [from]);
  from.handshaken.add(B);
  from.answered.add(B);
  const { version } = into;
  table.unite(into, from);
  assert.equal(table.at(B, PORT), into);
  assert.deepEqual([...into.proven], [addressKey(A, PORT), addressKey(B, PORT)]);
  assert.deepEqual([...into.provenAddresses], [A, B]);
  assert.deepEqual([[...into.handshaken], [...into.answered], [...into.announced]], [[B], [B], [D, B, E]]);
  assert.deepEqual([from.proven.size, table.withId(7, 'compact').length, into.version], [0, 2, version + 1]);
});

test('an address that changes hands is gone with what was known of it, unless another port is left there', () => {
  const table = tableOf();
  const peer = learn(table, 7, A);
  learn(table, 7, A, [], PORT + 1);
  for (const set of [peer.handshaken, peer.answered]) set.add(A);
  const known = () => [peer.provenAddresses, peer.handshaken, peer.answered].map((set) => set.has(A));
  learn(table, 8, A);
  assert.deepEqual([known(), peer.proven.size, table.isKnown(7, 'compact')], [[true, true, true], 1, true]);
  const other = learn(table, 8, A, [], PORT + 1);
  assert.deepEqual([known(), peer.proven.size, table.isKnown(7, 'compact')], [[false, false, false], 0, false]);
  assert.deepEqual([table.at(A, PORT), table.size], [other, 2]);
});

test('an address without paths is forgotten, but the last of a node is not (3.3)', () => {
  const table = tableOf();
  const peer = learn(table, 7, A);
  learn(table, 7, A, [], PORT + 1);
  table.unprove(B, PORT);
  table.unprove(A, PORT);
  assert.deepEqual([table.at(A, PORT), table.size], [undefined, 1]);
  table.unprove(A, PORT + 1);
  assert.deepEqual([table.at(A, PORT + 1), table.size], [peer, 1]);
});

test('Table 4 gives up the oldest address that is not in use, and has room beside its limit for those that are', () => {
  const used = new Set([A, B, C].map((address) => addressKey(address, PORT)));
  const table = tableOf(2, { sessions: 1 }, (key) => used.has(key));
  for (const [i, address] of [A, D, B].entries()) learn(table, i, address);
  assert.deepEqual([table.size, table.at(D, PORT)], [2, undefined]);
  learn(table, 3, C);
  assert.equal(table.size, 3);
  learn(table, 4, E);
  assert.deepEqual([table.size, table.at(E, PORT) === undefined], [3, false], 'all were in use: one of them went');
});

test('peers of different ids that announce an address are kin, the last four (decision 68)', () => {
  const table = tableOf();
  const at = (n: number) => A + 16 * n;
  const peers = [1, 2, 3].map((n) => learn(table, n, at(n), [X])) as [Peer, Peer, Peer];
  const kin = () => peers.map((peer) => peer.kin.map(({ nodeId }) => nodeId));
  assert.deepEqual(kin(), [
    [2, 3],
    [1, 3],
    [1, 2],
  ]);
  const stranger = learn(table, 9, at(9), [E]);
  assert.deepEqual(stranger.kin, []);
  learn(table, 2, at(2), [E]);
  assert.deepEqual(kin()[1], [1, 3, 9], 'another address, no peer twice');
  // The first one's address changes hands: it is gone, and nobody's kin any more.
  learn(table, 10, at(1));
  assert.deepEqual(peers[0].kin, []);
  const next = learn(table, 4, at(4), [X]);
  assert.deepEqual(
    next.kin.map(({ nodeId }) => nodeId),
    [2, 3],
  );
  for (const n of [5, 6, 7]) peers.push(learn(table, n, at(n), [X]));
  assert.deepEqual(kin().slice(3), [
    [3, 4, 6, 7],
    [3, 4, 5, 7],
    [3, 4, 5, 6],
  ]);
});

test('who announced an address is remembered of as many addresses as Table 4 has rows, the latest', () => {
  const table = tableOf(3);
  const first = learn(table, 1, A, [X, X + 1, X + 2]);
  learn(table, 2, B, [X]);
  assert.equal(first.kin.length, 1);
  learn(table, 2, B, [X + 3]);
  const third = learn(table, 3, C, [X]);
  assert.deepEqual(
    third.kin.map(({ nodeId }) => nodeId),
    [1, 2],
    'announced anew',
  );
  const fourth = tableOf(3);
  learn(fourth, 1, A, [X, X + 1, X + 2, X + 3]);
  assert.deepEqual(learn(fourth, 2, B, [X]).kin, [], 'forgotten');
});

test('a table that is cleared knows nobody', () => {
  const table = tableOf();
  for (const [i, address] of [A, B].entries()) learn(table, i, address, [address]);
  table.clear();
  assert.deepEqual([table.size, table.isKnown(0, 'compact'), table.isKnown(1, 'compact')], [0, false, false]);
  assert.deepEqual(learn(table, 3, C, [A]).kin, []);
});
