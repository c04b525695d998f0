import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  buildTcp,
  buildUdp,
  DatagramView,
  formatIpv4,
  HeaderStatus,
  ipv4HeaderChecksum,
  l4Checksum,
  parseIpv4,
  type TcpFields,
  TcpFlags,
} from '../../src/codec/index.js';
import { Nat, type NatOptions } from '../../src/sim/nat.js';
import { type VirtualHost, VirtualNetwork } from '../../src/sim/network.js';
import { Router } from '../../src/sim/router.js';

const INSIDE = parseIpv4('192.168.0.2');
const PUBLIC = parseIpv4('198.51.100.1');
const B = parseIpv4('203.0.113.1');
const C = parseIpv4('203.0.113.2');
const { syn, ack, fin } = TcpFlags;

/** A host that notes what it got, as `address:port text`. */
class Listener implements VirtualHost {
  got: string[] = [];
  constructor(readonly addresses: readonly number[]) {}
  receive(packet: Uint8Array): void {
    const view = new DatagramView();
    assert.equal(view.parse(packet), HeaderStatus.ok);
    assert.equal((packet[10]! << 8) | packet[11]!, ipv4HeaderChecksum(packet, 0, 20), 'IP checksum');
    assert.equal(view.l4Checksum, l4Checksum(packet, 0, view.protocol, view.l4Offset, view.end), 'L4 checksum');
    const text = Buffer.from(packet.subarray(view.payloadOffset)).toString();
    this.got.push(
      `${formatIpv4(view.source)}:${view.sourcePort} ${formatIpv4(view.destination)}:${view.destinationPort} ${text}`,
    );
  }
  poll(): number {
    return Number.POSITIVE_INFINITY;
  }
  drain(): void {}
  take(): string[] {
    return this.got.splice(0);
  }
}

function world(options: Partial<NatOptions>) {
  const network = new VirtualNetwork({ delayMicros: 10 });
  const inside = new Listener([INSIDE]);
  const outside = new Listener([B, C]);
  network.attach(inside);
  network.attach(outside);
  const nat = new Nat(network, { address: PUBLIC, ...options });
  const router = new Router();
  network.link(network.plug(INSIDE), nat.inside, { delayMicros: 10 });
  const wan = network.link(nat.outside, router, { delayMicros: 10 });
  router.add('198.51.0.0/16', wan.second);
  for (const address of [B, C])
    router.add(`${formatIpv4(address)}/32`, network.link(router, network.plug(address)).first);
  const run = () => network.runUntil(network.now + 10_000);
  const udp = (source: number, sourcePort: number, destination: number, destinationPort: number, text = 'x') => {
    network.send(buildUdp({ source, sourcePort, destination, destinationPort }, new TextEncoder().encode(text)));
    run();
  };
  const out = (fields: TcpFields, text = '', to = B) => {
    const tuple = { source: INSIDE, sourcePort: 500, destination: to, destinationPort: 80 };
    network.send(buildTcp(tuple, fields, new TextEncoder().encode(text)));
    run();
    return outside.take().length;
  };
  const back = (fields: TcpFields, text = '', from = B) => {
    const tuple = { source: from, sourcePort: 80, destination: PUBLIC, destinationPort: 20000 };
    network.send(buildTcp(tuple, fields, new TextEncoder().encode(text)));
    run();
    return inside.take().length;
  };
  return { network, inside, outside, nat, udp, out, back };
}

test('UDP: one mapping for all destinations; answers find the way back with valid checksums', () => {
  const { inside, outside, udp } = world({});
  udp(INSIDE, 500, B, 80, 'to B');
  udp(INSIDE, 500, C, 81, 'to C');
  udp(INSIDE, 501, B, 80, 'other port');
  assert.deepEqual(outside.take(), [
    '198.51.100.1:20000 203.0.113.1:80 to B',
    '198.51.100.1:20000 203.0.113.2:81 to C',
    '198.51.100.1:20001 203.0.113.1:80 other port',
  ]);
  udp(B, 80, PUBLIC, 20000, 'back');
  assert.deepEqual(inside.take(), ['203.0.113.1:80 192.168.0.2:500 back']);
});

test('filtering: an endpoint-independent NAT lets everybody in, a port-restricted one only known addresses and ports', () => {
  const open = world({});
  open.udp(INSIDE, 500, B, 80);
  open.udp(C, 9, PUBLIC, 20000);
  assert.equal(open.inside.got.length, 1);
  const { inside, udp, nat } = world({ filtering: 'port-restricted' });
  udp(INSIDE, 500, B, 80);
  udp(C, 80, PUBLIC, 20000);
  udp(B, 81, PUBLIC, 20000);
  udp(B, 80, PUBLIC, 20009);
  assert.equal(inside.got.length, 0);
  assert.equal(nat.counters.refused, 3);
  udp(B, 80, PUBLIC, 20000);
  assert.equal(inside.got.length, 1);
  udp(INSIDE, 500, C, 80);
  udp(C, 80, PUBLIC, 20000);
  assert.equal(inside.got.length, 2);
});

test('a mapping ends when the inside is silent for the expiry; a new one has another port', () => {
  const { inside, outside, network, udp, nat } = world({ expiryMicros: 1_000_000 });
  udp(INSIDE, 500, B, 80);
  network.runUntil(network.now + 900_000);
  udp(B, 80, PUBLIC, 20000);
  assert.equal(inside.take().length, 1);
  network.runUntil(network.now + 100_000);
  udp(B, 80, PUBLIC, 20000);
  assert.equal(inside.take().length, 0);
  assert.equal(nat.size, 0);
  outside.take();
  udp(INSIDE, 500, B, 80);
  assert.match(outside.got[0]!, /^198\.51\.100\.1:20001 /);
});

test('a change of mapping in mid-flow: other port, and other address when given; the old one is dead', () => {
  const { inside, outside, udp, nat } = world({});
  udp(INSIDE, 500, B, 80);
  nat.rebind();
  udp(B, 80, PUBLIC, 20000);
  assert.equal(inside.got.length, 0);
  outside.take();
  udp(INSIDE, 500, B, 80);
  nat.rebind(parseIpv4('198.51.100.9'));
  udp(INSIDE, 500, B, 80);
  assert.deepEqual(
    outside.take().map((line) => line.split(' ')[0]),
    ['198.51.100.1:20001', '198.51.100.9:20002'],
  );
});

test('TCP-stateful: only a SYN from the inside opens, and only towards its destination', () => {
  const { out, back, nat } = world({ tcp: 'stateful' });
  assert.equal(out({ sequence: 5, flags: ack }, 'data'), 0);
  assert.equal(back({ sequence: 5, flags: syn }), 0);
  assert.equal(out({ sequence: 100, flags: syn }), 1);
  assert.equal(back({ sequence: 900, acknowledgement: 101, flags: syn | ack }), 1);
  assert.equal(out({ sequence: 101, acknowledgement: 901, flags: ack }, 'data'), 1);
  assert.equal(out({ sequence: 101, acknowledgement: 901, flags: ack }, 'data', C), 0);
  assert.equal(back({ sequence: 1, flags: ack }, 'data', C), 0);
  assert.equal(back({ sequence: 77_000_000, acknowledgement: 5, flags: ack }, 'no window looked at'), 1);
  nat.rebind();
  assert.equal(out({ sequence: 105, acknowledgement: 901, flags: ack }, 'data'), 0, 'unknown after the change');
});

test('TCP windows: data outside the window and acknowledgements of data not seen are dropped; scale is obeyed', () => {
  const opened = (scale: number) => {
    const tools = world({ tcp: 'windows' });
    const options = Uint8Array.of(3, 3, scale, 1);
    tools.out({ sequence: 100, flags: syn, window: 1000, options });
    tools.back({ sequence: 900, acknowledgement: 101, flags: syn | ack, window: 1000, options });
    tools.out({ sequence: 101, acknowledgement: 901, flags: ack, window: 1000 });
    tools.back({ sequence: 901, acknowledgement: 101, flags: ack, window: 1000 });
    return tools;
  };
  const { out, back, nat } = opened(0);
  assert.equal(out({ sequence: 101, acknowledgement: 901, flags: ack, window: 1000 }, 'ok'), 1);
  assert.equal(out({ sequence: 5000, acknowledgement: 901, flags: ack, window: 1000 }, 'beyond'), 0);
  assert.equal(back({ sequence: 901, acknowledgement: 103, flags: ack, window: 1000 }), 1);
  assert.equal(back({ sequence: 901, acknowledgement: 200, flags: ack, window: 1000 }), 0, 'went another way');
  assert.equal(out({ sequence: 101, acknowledgement: 901, flags: ack, window: 1000 }, 'ok'), 1, 'retransmission');
  assert.equal(nat.counters.refusedTcp, 2);
  const scaled = opened(7);
  assert.equal(scaled.out({ sequence: 5000, acknowledgement: 901, flags: ack, window: 1000 }, 'in the window'), 1);
  assert.equal(scaled.out({ sequence: 200_000, acknowledgement: 901, flags: ack, window: 1000 }, 'beyond'), 0);
});

test('a connection that both ends have closed is opened again by a SYN', () => {
  const { out, back } = world({ tcp: 'windows' });
  out({ sequence: 100, flags: syn, window: 1000 });
  back({ sequence: 900, acknowledgement: 101, flags: syn | ack, window: 1000 });
  out({ sequence: 101, acknowledgement: 901, flags: ack | fin, window: 1000 });
  back({ sequence: 901, acknowledgement: 102, flags: ack | fin, window: 1000 });
  assert.equal(out({ sequence: 0x8000_0000, flags: syn, window: 1000 }), 1);
  assert.equal(back({ sequence: 77, acknowledgement: 0x8000_0001, flags: syn | ack, window: 1000 }), 1);
});
