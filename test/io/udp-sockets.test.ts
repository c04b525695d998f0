import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { buildUdp, parseIpv4 } from '../../src/codec/index.js';
import { SocketError, UdpSockets } from '../../src/io/udp-sockets.js';
import { look } from '../support/peer-driver.js';

const LOOPBACK = parseIpv4('127.0.0.1');

/** Sockets whose packets can be waited for. */
function listening() {
  const arrived: Uint8Array[] = [];
  const target = new EventTarget();
  const sockets = new UdpSockets((packet, length) => {
    arrived.push(packet.slice(0, length));
    target.dispatchEvent(new Event('packet'));
  });
  const next = async () => {
    if (arrived.length === 0) await once(target, 'packet');
    return arrived.shift()!;
  };
  return { sockets, next };
}

test('a datagram crosses two sockets with its tuple and user data; headers are rebuilt', async () => {
  const a = listening();
  const b = listening();
  try {
    const from = await a.sockets.open({ address: LOOPBACK, port: 0 });
    const to = await b.sockets.open({ address: LOOPBACK, port: 0 });
    const tuple = { source: from.address, sourcePort: from.port, destination: to.address, destinationPort: to.port };
    const packet = buildUdp(tuple, new TextEncoder().encode('over the wire'));
    a.sockets.send(packet);
    packet.fill(0);
    const seen = look(await b.next());
    assert.deepEqual(seen.tuple, tuple);
    assert.equal(seen.payload, 'over the wire');
    b.sockets.send(
      buildUdp(
        { source: to.address, sourcePort: to.port, destination: from.address, destinationPort: from.port },
        new Uint8Array(0),
      ),
    );
    assert.equal(look(await a.next()).payload, '');
  } finally {
    a.sockets.close();
    b.sockets.close();
  }
});

test('an address in use is refused with its code and a sentence', async () => {
  const a = listening();
  const b = listening();
  try {
    const { port } = await a.sockets.open({ address: LOOPBACK, port: 0 });
    await assert.rejects(b.sockets.open({ address: LOOPBACK, port }), (error: SocketError) => {
      assert.ok(error instanceof SocketError);
      assert.equal(error.code, 'EADDRINUSE');
      assert.match(
        error.message,
        /^UDP 127\.0\.0\.1:\d+ cannot be opened \(EADDRINUSE\): another program uses it; choose another port\.$/,
      );
      return true;
    });
  } finally {
    a.sockets.close();
    b.sockets.close();
  }
});

test('a datagram from an address without a socket is counted, not thrown', () => {
  const { sockets } = listening();
  sockets.send(
    buildUdp({ source: LOOPBACK, sourcePort: 1, destination: LOOPBACK, destinationPort: 2 }, new Uint8Array(1)),
  );
  sockets.send(new Uint8Array(3));
  assert.equal(sockets.unsent, 2);
});
