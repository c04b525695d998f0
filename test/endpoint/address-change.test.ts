import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, Flags, type Ipv4, TcpFlags, type Tuple } from '../../src/codec/index.js';
import { Driver, LOCAL, OTHER, REMOTE, withCm } from '../support/peer-driver.js';

const { syn, ack } = TcpFlags;
const SECOND = LOCAL + 1;
const list = { localAddresses: [REMOTE, OTHER] };
const ALONE = { localAddresses: [OTHER] };

/** The peer asked from REMOTE, and OTHER answered a query; UDP session 7 has a path between each two addresses. */
function established(): Driver {
  const driver = new Driver({ addresses: [LOCAL, SECOND] });
  driver.enable(list);
  driver.netUdp({ sessionId: 7, ...list });
  driver.hostUdp();
  driver.netUdp({ flags: Flags.enabled, ...list }, '', { address: OTHER });
  driver.hostUdp();
  assert.equal(session(driver).paths.length, 4);
  return driver;
}

const session = (driver: Driver, id = 7) => [...driver.endpoint.sessions.rows()].find((row) => row.id === id)!;
/** What the next packets of the host carry. */
const next = (driver: Driver, count = 40) => Array.from({ length: count }, () => driver.hostUdp()[0]!);
const waysOf = (driver: Driver) =>
  new Set(next(driver).map(({ tuple }) => `${tuple.source} ${tuple.destination} ${tuple.destinationPort}`));

test("a flag from another port of the session's address is obeyed when the address has answered, not before (decision 15)", () => {
  const driver = established();
  const flagged = { sessionId: 7, pathId: 9, flags: Flags.ipChange, ...list };
  driver.netUdp(flagged, 'x', { port: 40001 });
  assert.ok([...waysOf(driver)].every((way) => !way.endsWith(' 40001')));
  driver.netUdp({ flags: Flags.enabled, ...list }, '', { port: 40001 });
  assert.deepEqual([...waysOf(driver)], [`${LOCAL} ${REMOTE} 40001`]);
});

test("with a change the delays of the connection's paths before it go: none is fed back any more (3.4)", () => {
  for (const isChanged of [false, true]) {
    const driver = established();
    driver.netUdp({ sessionId: 7, pathId: 5, ...list });
    if (isChanged) driver.netUdp({ sessionId: 7, pathId: 6, flags: Flags.ipChange, ...ALONE }, 'x', { address: OTHER });
    const fedBack = new Set(next(driver).map(({ cm }) => cm!.feedbackPathId));
    assert.equal(fedBack.has(5), !isChanged);
    assert.equal(fedBack.has(6), isChanged);
  }
});

test("the peer's change lasts until user data of the session comes without the flag; a heartbeat does not end it (decision 15)", () => {
  const driver = established();
  const from = { address: OTHER };
  driver.netUdp({ sessionId: 7, pathId: 6, flags: Flags.ipChange, ...ALONE }, 'x', from);
  driver.netUdp({ sessionId: 7, pathId: 6, flags: Flags.heartbeat, ...ALONE }, '', from);
  assert.deepEqual([...waysOf(driver)], [`${LOCAL} ${OTHER} 40000`]);
  driver.netUdp({ sessionId: 7, pathId: 6, ...ALONE }, 'x', from);
  assert.deepEqual([...waysOf(driver)].sort(), [`${LOCAL} ${OTHER} 40000`, `${SECOND} ${OTHER} 40000`]);
});

test('a SYN-ACK counts for the session of the SYN: two connections from one port to two addresses of a node (3.8.1)', () => {
  const driver = new Driver({ addresses: [LOCAL, SECOND], tcpMode: 'fake-tcp' });
  const wayTo = (destination: Ipv4) => ({ source: LOCAL, sourcePort: 7000, destination, destinationPort: 40000 });
  const back = (tuple: Tuple) => ({
    source: tuple.destination,
    sourcePort: tuple.destinationPort,
    destination: tuple.source,
    destinationPort: tuple.sourcePort,
  });
  const nothing = new Uint8Array(0);
  const handshakes = [REMOTE, OTHER].flatMap((address, i) => {
    const host = (sequence: number, acknowledgement: number, flags: number) =>
      driver.host(buildTcp(wayTo(address), { sequence, acknowledgement, flags }, nothing));
    const net = (cm: Parameters<typeof withCm>[1], sequence: number, flags: number) =>
      driver.net(
        withCm(buildTcp(back(wayTo(address)), { sequence, acknowledgement: 101, flags }, nothing), { ...list, ...cm }),
      );
    host(100, 0, syn);
    net({ flags: Flags.enabled }, 900, syn | ack);
    net({ sessionId: 7 + i }, 901, ack);
    return [host(101, 901, ack), host(101, 901, ack)].flat().filter(({ cm }) => cm?.flags === Flags.handshake);
  });
  const fake = handshakes.find(({ tuple, cm }) => tuple.source === SECOND && cm!.sessionId === 7)!;
  const sequence = new DataView(fake.bytes.buffer, fake.bytes.byteOffset).getUint32(24);
  const fields = { sequence: 5000, acknowledgement: (sequence + 1) >>> 0, flags: syn | ack };
  const answer = (sessionId: number) =>
    driver.net(withCm(buildTcp(back(fake.tuple), fields, nothing), { flags: Flags.handshake, sessionId, ...list }))
      .sent;
  const paths = session(driver).paths.length;
  assert.deepEqual([answer(8).length, session(driver).paths.length], [0, paths]);
  assert.deepEqual([answer(7).length, session(driver).paths.length], [1, paths + 1]);
});
