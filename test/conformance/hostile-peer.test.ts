import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildUdp, defaultConstants, PROFILES, parseIpv4, Random } from '../../src/codec/index.js';
import { PAPER_CAPABILITIES } from '../../src/conformance/capabilities.js';
import { CASES, runSuite, type ServiceName, VirtualLink } from '../../src/conformance/index.js';
import { createReferenceHost } from '../../src/endpoint/index.js';
import type { VirtualHost } from '../../src/sim/network.js';
import { runs } from '../support/runs.js';

const PEER = parseIpv4('192.0.2.1');
const SERVICES = new Map<ServiceName, number>([
  ['echo', 7000],
  ['discard', 7001],
  ['chargen', 7002],
]);

/** Damages some of what a host sends: flipped octets, cut ends, doubled packets, other octets altogether. */
function damaging(host: VirtualHost, seed: number, share: number): VirtualHost {
  const random = new Random(seed);
  const damage = (packet: Uint8Array): Uint8Array => {
    const tuple = {
      source: PEER,
      sourcePort: (packet[20]! << 8) | packet[21]!,
      destination: ((packet[16]! << 24) | (packet[17]! << 16) | (packet[18]! << 8) | packet[19]!) >>> 0,
      destinationPort: (packet[22]! << 8) | packet[23]!,
    };
    let payload = packet.slice(28);
    switch (random.below(4)) {
      case 0:
        if (payload.length > 0) payload[random.below(payload.length)]! ^= 1 << random.below(8);
        break;
      case 1:
        payload = payload.slice(random.below(payload.length + 1));
        break;
      case 2:
        payload = payload.slice(0, random.below(payload.length + 1));
        break;
      default:
        payload = Uint8Array.from({ length: random.below(80) }, () => random.below(256));
    }
    return buildUdp(tuple, payload);
  };
  return {
    addresses: host.addresses,
    receive: (packet, now) => host.receive(packet, now),
    poll: (now) => host.poll(now),
    drain: (send) =>
      host.drain((packet) => {
        send(random.next() < share ? damage(packet) : packet);
        if (random.next() < share / 4) send(packet);
      }),
  };
}

test('whatever a peer sends, no case ends in a fault of the tester', async () => {
  const { numRuns, seed: first } = runs(12);
  for (let i = 0; i < numRuns; i++) {
    const seed = first + i;
    const profile = i % 2 === 0 ? PROFILES.paper : PROFILES['paper-full'];
    const share = [0.05, 0.3, 1][i % 3]!;
    const run = await runSuite({
      link: new VirtualLink({
        createPeer: (caseSeed) =>
          damaging(
            createReferenceHost({
              addresses: [PEER],
              services: [...SERVICES].map(([name, port]) => ({ name, port })),
              profile: profile.name,
              constants: defaultConstants(),
              seed: caseSeed,
            }),
            caseSeed,
            share,
          ),
      }),
      address: PEER,
      services: SERVICES,
      cases: CASES,
      profile,
      seed,
    });
    const faults = run.cases.filter(({ verdict }) => verdict === 'error' || verdict === 'none');
    assert.deepEqual(
      faults.map(({ id, cause }) => `${id}: ${cause.text}`),
      [],
      `seed ${seed}`,
    );
  }
});

test('a case whose node id the peer has too is played again with another', async () => {
  // With this seed the peer of this case draws the node id that the tester drew.
  const run = await runSuite({
    link: new VirtualLink({
      createPeer: (seed) =>
        createReferenceHost({
          addresses: [PEER, PEER + 1],
          services: [...SERVICES].map(([name, port]) => ({ name, port })),
          constants: defaultConstants(),
          seed,
        }),
    }),
    address: PEER,
    services: SERVICES,
    cases: CASES.filter(({ id }) => id === 'FB-stale-sample-not-repeated'),
    catalogue: CASES,
    profile: PROFILES.paper,
    seed: 20_261_652,
  });
  assert.deepEqual(
    run.cases.map(({ verdict }) => verdict),
    ['pass'],
  );
});

test('the reference passes every case with every seed: no false alarm', async () => {
  const { numRuns, seed: first } = runs(20);
  for (let i = 0; i < numRuns; i++) {
    const profile = i % 2 === 0 ? PROFILES.paper : PROFILES['paper-full'];
    const addresses = i % 3 === 0 ? [PEER] : [PEER, PEER + 1];
    const run = await runSuite({
      link: new VirtualLink({
        createPeer: (seed) =>
          createReferenceHost({
            addresses,
            services: [...SERVICES].map(([name, port]) => ({ name, port })),
            profile: profile.name,
            constants: defaultConstants(),
            seed,
          }),
      }),
      address: PEER,
      services: SERVICES,
      cases: CASES,
      capabilities: new Set(
        [...PAPER_CAPABILITIES].filter((name) => name !== 'several-addresses' || addresses.length > 1),
      ),
      profile,
      seed: first + i,
    });
    const alarms = run.cases.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'not-applicable');
    assert.deepEqual(
      alarms.map(({ id, cause }) => `${id}: ${cause.text}`),
      [],
      `seed ${first + i}`,
    );
  }
});
