import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROFILE_NAMES, type ProfileName } from '../../src/codec/index.js';
import { runSuite } from '../../src/conformance/engine.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import { ReferenceHost } from '../../src/endpoint/index.js';
import type { VirtualHost } from '../../src/sim/network.js';
import { MADE_CASES } from '../support/made-cases.js';
import { TinyPeer } from '../support/tiny-peer.js';
import { PEER_ADDRESSES, SERVICES } from './reference-peer.js';

/** A host whose packets with a control message have wrong UDP checksums, as those of the authors' kernels. */
class WrongChecksums implements VirtualHost {
  constructor(private readonly host: VirtualHost) {}
  get addresses() {
    return this.host.addresses;
  }
  receive(packet: Uint8Array, now: number): void {
    this.host.receive(packet, now);
  }
  poll(now: number): number {
    return this.host.poll(now);
  }
  drain(send: (packet: Uint8Array) => void): void {
    this.host.drain((packet) => {
      const wrong = packet.slice();
      if (wrong.length > 60) wrong[26]! ^= 0x5a;
      send(wrong);
    });
  }
}

async function found(profile: ProfileName, wrap: (host: VirtualHost) => VirtualHost = (host) => host) {
  const services = [...SERVICES].map(([name, port]) => ({ name, port }));
  const link: VirtualLink = new VirtualLink({
    createPeer: (seed) =>
      wrap(
        new ReferenceHost({
          addresses: PEER_ADDRESSES,
          services,
          profile,
          seed,
          // The virtual network counts from an arbitrary number; a host knows the time of the day.
          ...(profile.startsWith('linux') ? { clockOffsetMicros: link.epochOf(seed) } : {}),
        }),
      ),
  });
  const run = await runSuite({
    link,
    address: PEER_ADDRESSES[0]!,
    services: SERVICES,
    profile: 'auto',
    cases: MADE_CASES.slice(0, 1),
  });
  return { profile: run.profile, text: run.profileFound! };
}

test('the profile of a peer is found out from its layout, its clock and its checksums', async () => {
  for (const profile of PROFILE_NAMES) {
    // The reference sends right checksums in every profile, so that it looks like the later of the two.
    const expected = profile === 'linux-2015' ? 'linux-2017' : profile;
    const seen = await found(profile);
    assert.equal(seen.profile, expected, seen.text);
    assert.match(seen.text, profile === 'paper-full' ? /layout full/ : /layout compact/);
  }
  const wrong = await found('linux-2015', (host) => new WrongChecksums(host));
  assert.equal(wrong.profile, 'linux-2015', wrong.text);
  assert.match(wrong.text, /wrong checksums/);
});

test('of a peer that sends no control message the paper is assumed, and the report says so', async () => {
  const silent = await found('paper', ({ addresses }) => ({
    addresses,
    receive: () => {},
    poll: () => Number.POSITIVE_INFINITY,
    drain: () => {},
  }));
  assert.equal(silent.profile, 'paper');
  assert.match(silent.text, /assumed, because the peer sent no control message/);
  // Nor does a plain service that returns ours show anything of its own.
  const plain = await found('paper', ({ addresses }) => new TinyPeer({ addresses, services: { 7000: 'plain-echo' } }));
  assert.deepEqual(plain, silent);
});
