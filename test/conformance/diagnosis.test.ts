import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readU32be } from '../../src/codec/bytes.js';
import { buildTcp, buildUdp, Flags, type Ipv4, parseIpv4, TCP, TcpFlags, UDP } from '../../src/codec/index.js';
import { runSuite } from '../../src/conformance/engine.js';
import { Observed } from '../../src/conformance/observed.js';
import { segmentOf } from '../../src/conformance/segment.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import { ReferenceHost, type ReferenceHostOptions } from '../../src/endpoint/index.js';
import type { VirtualHost } from '../../src/sim/network.js';
import { mutant as neverUsesAPath } from '../mutants/never-uses-a-path.js';
import { PEER_ADDRESSES, play, SERVICES, TCP_PORT } from './reference-peer.js';

const SECOND = PEER_ADDRESSES[1]!;

/** What is on the way: called with each packet; false drops it, another packet is sent instead. */
interface Way {
  readonly toPeer?: (packet: Observed) => boolean;
  readonly fromPeer?: (packet: Observed) => boolean | Uint8Array;
  /** What the way itself answers to a packet for the peer. */
  readonly refuses?: (packet: Observed) => Uint8Array | undefined;
}

/** A host behind something. */
class Behind implements VirtualHost {
  readonly #own: Uint8Array[] = [];
  constructor(
    private readonly host: VirtualHost,
    private readonly way: Way,
  ) {}
  get addresses() {
    return this.host.addresses;
  }
  receive(packet: Uint8Array, now: number): void {
    const observed = new Observed(1, now, 'received', packet);
    const refusal = this.way.refuses?.(observed);
    if (refusal !== undefined) this.#own.push(refusal);
    else if (this.way.toPeer?.(observed) !== false) this.host.receive(packet, now);
  }
  poll(now: number): number {
    return Math.min(this.host.poll(now), this.#own.length > 0 ? now : Number.POSITIVE_INFINITY);
  }
  drain(send: (packet: Uint8Array) => void): void {
    for (const packet of this.#own.splice(0)) send(packet);
    this.host.drain((packet) => {
      const copy = packet.slice();
      const passes = this.way.fromPeer?.(new Observed(1, 0, 'sent', copy)) ?? true;
      if (passes !== false) send(passes === true ? copy : passes);
    });
  }
}

async function explained(way: Way, options: Partial<ReferenceHostOptions> = {}, sources?: readonly Ipv4[]) {
  const services = [...SERVICES].map(([name, port]) => ({ name, port }));
  const run = await runSuite({
    link: new VirtualLink({
      createPeer: (seed) =>
        new Behind(new ReferenceHost({ addresses: PEER_ADDRESSES, services, seed, ...options }), way),
      ...(sources === undefined ? {} : { sources }),
    }),
    address: PEER_ADDRESSES[0]!,
    services: SERVICES,
    tcpPort: TCP_PORT,
    cases: [],
    explain: true,
  });
  return run.explanation!;
}

/** A plain UDP echo host. */
const plainEcho: VirtualHost & { waiting: Uint8Array[] } = {
  addresses: PEER_ADDRESSES,
  waiting: [],
  receive(packet) {
    const seen = new Observed(1, 0, 'received', packet);
    if (seen.protocol !== UDP) return;
    const { source, sourcePort, destination, destinationPort } = seen;
    const back = { source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort };
    this.waiting.push(buildUdp(back, seen.wirePayload));
  },
  poll() {
    return this.waiting.length > 0 ? 0 : Number.POSITIVE_INFINITY;
  },
  drain(send) {
    for (const packet of this.waiting.splice(0)) send(packet);
  },
};

const flagsOf = (packet: Observed) => packet.cm?.flags;

/** Each situation with what is on the way, or how the peer is made, and what the explanation says. */
const SITUATIONS: readonly [name: string, code: string, sentence: RegExp, Way][] = [
  ['nothing on the way', 'multipath', /It is multipathing: its packets came by [2-9] paths/, {}],
  [
    'whatever carries a control message is dropped, both ways',
    'query-filtered',
    /a host without MPIP would have returned it\. It, or the answer, was filtered/,
    { toPeer: (packet) => packet.cm === undefined, fromPeer: (packet) => packet.cm === undefined },
  ],
  [
    'whatever carries a control message is dropped on the way there',
    'query-filtered',
    /The peer itself asks us.*our query was filtered on the way to it/,
    { toPeer: (packet) => packet.cm === undefined },
  ],
  [
    'our confirmations are dropped',
    'threshold-reached',
    /asked 5 times and none of our confirmations reached it.*threshold/,
    { toPeer: (packet) => flagsOf(packet) !== Flags.enabled },
  ],
  [
    'its queries are dropped',
    'its-queries-missing',
    /its own do not arrive here/,
    { fromPeer: (packet) => flagsOf(packet) !== Flags.enable },
  ],
  [
    'the second address of the peer cannot be reached',
    'address-unreachable',
    /announces its address 192\.0\.2\.2, but nothing that we send there is answered/,
    { toPeer: (packet) => packet.destination !== SECOND },
  ],
  [
    'a NAT before the second address drops packets with a control message',
    'copies-dropped',
    /192\.0\.2\.2 ordinary datagrams are answered and queries are not/,
    { toPeer: (packet) => packet.destination !== SECOND || packet.cm === undefined || packet.protocol !== UDP },
  ],
  [
    'data with a control message is dropped',
    'no-session',
    /data with a control message is not answered/,
    { toPeer: (packet) => flagsOf(packet) !== Flags.normal },
  ],
  [
    'checksums are wrong',
    'wrong-checksums',
    /wrong UDP checksum\. This tester reads them all the same/,
    {
      fromPeer: ({ packet, protocol, cm }) => {
        const wrong = packet.slice();
        if (protocol === UDP && cm !== undefined && cm.flags !== Flags.enable) wrong[26]! ^= 0x5a;
        return wrong;
      },
    },
  ],
  [
    'a firewall drops TCP copies with wrong checksums',
    'tcp-copies-dropped',
    /On TCP our query, a copy of a segment, was not confirmed/,
    { toPeer: (packet) => packet.protocol !== TCP || flagsOf(packet) !== Flags.enable },
  ],
  [
    'the fake handshake is answered by a reset',
    'fake-tcp-refused',
    /192\.0\.2\.2 failed: a reset \(RST\) came back/,
    {
      refuses: (packet) => {
        if (packet.protocol !== TCP || packet.destination !== SECOND) return undefined;
        const { source, sourcePort, destination, destinationPort } = packet;
        const back = {
          source: destination,
          sourcePort: destinationPort,
          destination: source,
          destinationPort: sourcePort,
        };
        const acknowledgement = (segmentOf(packet)!.sequence + 1) >>> 0;
        const flags = TcpFlags.rst | TcpFlags.ack;
        return buildTcp(back, { sequence: 0, acknowledgement, flags, window: 0 }, new Uint8Array(0));
      },
    },
  ],
  [
    'the fake handshake is dropped',
    'fake-tcp-refused',
    /192\.0\.2\.2 failed: nothing came back/,
    { toPeer: (packet) => packet.protocol !== TCP || packet.destination !== SECOND },
  ],
];

for (const [name, code, sentence, way] of SITUATIONS) {
  test(`why not: ${name}`, async () => {
    const { reasons, seen } = await explained(way);
    assert.equal(reasons[0]!.code, code, JSON.stringify({ reasons, seen }, null, 1));
    assert.match(reasons[0]!.text, sentence);
    if (code === 'multipath') assert.equal(reasons.length, 1);
  });
}

test('why not: the peer keeps to one path', async () => {
  const { reasons } = (await play({ mutant: neverUsesAPath, cases: [], explain: true })).explanation!;
  assert.equal(reasons[0]!.code, 'one-path-used', JSON.stringify(reasons));
});

test('why not: no MPIP at the peer, which returns the query as data', async () => {
  const run = await runSuite({
    link: new VirtualLink({ createPeer: () => plainEcho }),
    address: PEER_ADDRESSES[0]!,
    services: SERVICES,
    cases: [],
    explain: true,
  });
  assert.equal(run.explanation!.reasons[0]!.code, 'no-mpip');
  assert.match(run.explanation!.reasons[0]!.text, /There is no MPIP at the peer/);
});

test('whatever ids are drawn, a sound peer is said to be multipathing', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { reasons } = (await play({ cases: [], explain: true, seed })).explanation!;
    assert.deepEqual(
      reasons.map(({ code }) => code),
      ['multipath'],
      `seed ${seed}: ${JSON.stringify(reasons)}`,
    );
  }
});

test('why not: one address at each end', async () => {
  const { reasons } = await explained({}, { addresses: [PEER_ADDRESSES[0]!] }, [parseIpv4('198.51.100.9')]);
  assert.equal(reasons[0]!.code, 'one-address-each');
});

test('an address of ours that is not heard is named', async () => {
  const second = parseIpv4('198.51.100.2');
  const { reasons } = await explained({ toPeer: (packet) => readU32be(packet.packet, 12) !== second });
  assert.ok(
    reasons.some(({ code, text }) => code === 'own-address-unheard' && text.includes('198.51.100.2')),
    JSON.stringify(reasons),
  );
});
