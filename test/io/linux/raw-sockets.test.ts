import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { ICMP } from '../../../src/codec/icmp.js';
import { buildTcp, buildUdp, parseIpv4, TCP, TcpFlags, UDP } from '../../../src/codec/index.js';
import { missingCapabilities } from '../../../src/io/linux/capabilities.js';
import { RawSockets } from '../../../src/io/linux/raw-sockets.js';

const isPrivileged = process.platform === 'linux' && !missingCapabilities().includes('CAP_NET_RAW');
const [OWN, OTHER] = [parseIpv4('127.44.0.1'), parseIpv4('127.44.0.2')];
const PORT = 40_044;
const data = Uint8Array.of(1, 2, 3);

describe('raw sockets beside the local kernel', { skip: !isPrivileged && 'CAP_NET_RAW is needed' }, () => {
  /** What OTHER gets back when it sends TCP segments and a datagram to OWN's port; OWN's claims are made before. */
  const answers = async (prepare: (own: RawSockets) => void) => {
    const seen: Uint8Array[] = [];
    const got: Uint8Array[] = [];
    const own = RawSockets.open([OWN], (packet) => got.push(packet.slice()));
    const other = RawSockets.open([OTHER], (packet) => seen.push(packet.slice()));
    try {
      prepare(own);
      const tuple = { source: OTHER, sourcePort: 5555, destination: OWN, destinationPort: PORT };
      for (const flags of [TcpFlags.syn, TcpFlags.ack, TcpFlags.syn | TcpFlags.ack, TcpFlags.fin | TcpFlags.ack])
        other.send(buildTcp(tuple, { sequence: 1, acknowledgement: 1, flags, window: 100 }, data));
      other.send(buildUdp(tuple, data));
      const wrong = buildUdp(tuple, data);
      wrong[26]! ^= 0xff;
      other.send(wrong);
      await setTimeout(150);
    } finally {
      own.close();
      other.close();
    }
    return { seen: seen.map((packet) => packet[9]), got };
  };

  test('the kernel answers at a port that nobody has: RST, and ICMP port unreachable', async () => {
    const { seen, got } = await answers(() => {});
    assert.ok(seen.includes(TCP) && seen.includes(ICMP));
    assert.equal(got.length, 6);
  });

  test('it answers nothing at a claimed port, and the packets are read all the same, a wrong checksum as it is', async () => {
    const { seen, got } = await answers((own) => {
      assert.equal(own.ports.claim(TCP, OWN, PORT), undefined);
      assert.equal(own.ports.claim(UDP, OWN, PORT), undefined);
    });
    assert.deepEqual(seen, []);
    assert.equal(got.length, 6);
    assert.notDeepEqual(got[4]!.subarray(26, 28), got[5]!.subarray(26, 28));
  });

  test('what is closed twice gives back nothing of somebody else', () => {
    const own = RawSockets.open([OWN], () => {});
    own.close();
    const other = RawSockets.open([OTHER], () => {});
    own.close();
    assert.equal(other.ports.claim(UDP, OTHER, PORT), undefined);
    other.send(buildUdp({ source: OTHER, sourcePort: PORT, destination: OWN, destinationPort: PORT }, data));
    assert.equal(other.refused, 0);
    other.close();
  });

  test('a claimed port is taken, a released one is the kernel’s again', async () => {
    const { seen } = await answers((own) => {
      for (const protocol of [TCP, UDP] as const) {
        assert.equal(own.ports.claim(protocol, OWN, PORT), undefined);
        assert.equal(own.ports.claim(protocol, OWN, PORT), 'EADDRINUSE');
        own.ports.release(protocol, OWN, PORT);
        assert.equal(own.ports.has(protocol, OWN, PORT), false);
      }
      assert.equal(own.ports.claim(UDP, parseIpv4('192.0.2.77'), PORT), 'EADDRNOTAVAIL');
    });
    assert.ok(seen.includes(TCP) && seen.includes(ICMP));
  });

  test('without privileges a TCP port is claimed too, by its TTL', {
    skip: process.getuid?.() !== 0 && 'Only root can become somebody else.',
  }, () => {
    const modules = new URL('../../../src/', import.meta.url).href;
    const script = `
      import { RawSockets } from '${modules}io/linux/raw-sockets.js';
      import { buildTcp, parseIpv4 } from '${modules}codec/index.js';
      const [own, other] = ['127.44.0.3', '127.44.0.4'].map(parseIpv4);
      let count = 0;
      const a = RawSockets.open([own], () => {});
      const b = RawSockets.open([other], () => count++);
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      if (a.ports.claim(6, own, 40045) !== undefined) throw new Error('not claimed');
      const tuple = { source: other, sourcePort: 5555, destination: own, destinationPort: 40045 };
      for (const flags of [2, 16, 18]) b.send(buildTcp(tuple, { sequence: 1, acknowledgement: 1, flags, window: 9 }, new Uint8Array(0)));
      setTimeout(() => { console.log(count); process.exit(); }, 100);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.equal(stdout.trim(), '0', stderr);
  });

  test('an address of no interface is refused in words', () => {
    assert.throws(
      () => RawSockets.open([parseIpv4('192.0.2.77')], () => {}),
      /No interface that is up has the address 192\.0\.2\.77/,
    );
  });
});
