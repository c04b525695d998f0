import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultConstants, Flags, PROFILES, parseIpv4 } from '../../src/codec/index.js';
import { PAPER_CAPABILITIES } from '../../src/conformance/capabilities.js';
import type { ServiceName, TestCase } from '../../src/conformance/case.js';
import type { Link } from '../../src/conformance/link.js';
import { isQuery, withFlags } from '../../src/conformance/observed.js';
import { type CaseSettings, runCase } from '../../src/conformance/run-case.js';
import { SocketLink } from '../../src/conformance/socket-link.js';
import { cmOf, type Tester } from '../../src/conformance/tester.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import { runLive } from '../support/live-peer.js';
import { TinyPeer, type TinyPeerOptions, type TinyService } from '../support/tiny-peer.js';

const PEER = parseIpv4('192.0.2.1');

function aCase(run: (t: Tester) => Promise<void>, extra: Partial<TestCase> = {}): TestCase {
  return {
    id: 'GEN-made-up',
    area: 'GEN',
    purpose: 'Tests the engine.',
    requirements: ['MPIP-AV-06'],
    services: ['echo'],
    run,
    ...extra,
  };
}

function virtual(options: Partial<TinyPeerOptions> = {}): VirtualLink {
  const services: Record<number, TinyService> = options.services ?? { 7000: 'echo', 7001: 'discard' };
  return new VirtualLink({ createPeer: () => new TinyPeer({ addresses: [PEER], services, ...options }) });
}

function settings(link: Link, extra: Partial<CaseSettings> = {}): CaseSettings {
  return {
    link,
    profile: PROFILES.paper,
    constants: defaultConstants(),
    address: PEER,
    services: new Map<ServiceName, number>([
      ['echo', 7000],
      ['discard', 7001],
    ]),
    capabilities: PAPER_CAPABILITIES,
    seed: 1,
    ...extra,
  };
}

const handshakeCase = aCase(async (t) => {
  const port = await t.node().port();
  const { confirm } = await t.handshake(port, 'echo', { preamble: false });
  t.pass('The peer confirmed the query.', confirm);
});

const sessionCase = aCase(async (t) => {
  const port = await t.node().port();
  const session = await t.session(port, 'echo', { id: 77 });
  const { received } = await t.exchange(session);
  t.equal(cmOf(received).sessionId, 77, 'wrong-session', 'The reply carries another session id.', {
    packet: received,
    field: 'sessionId',
  });
  t.pass('The reply carries the session id.', received);
});

test('a case against a sound peer passes, and points at the packet', async () => {
  const { log } = await runCase(handshakeCase, settings(virtual()));
  assert.equal(log.verdict, 'pass');
  assert.equal(log.deciding.length, 1);
  assert.equal(log.deciding[0]!.cm!.flags, Flags.enabled);
});

test('a wrong value fails with expected, seen, packet and field', async () => {
  const { log } = await runCase(sessionCase, settings(virtual({ ownSession: true })));
  assert.equal(log.verdict, 'fail');
  assert.equal(log.cause!.code, 'wrong-session');
  assert.equal(log.cause!.expected, 'session id 77');
  assert.equal(log.cause!.seen, 'session id 178');
  const { packet } = log.cause!;
  assert.deepEqual(packet!.fieldRange('sessionId'), { octet: packet!.packet.length - 25 + 3, octets: 1 });
});

test('a plain echo service fails as own-cm-echoed, whatever the case looked for', async () => {
  const services: Record<number, TinyService> = { 7000: 'plain-echo' };
  for (const testCase of [handshakeCase, sessionCase]) {
    const { log } = await runCase(testCase, settings(virtual({ services })));
    assert.equal(log.verdict, 'fail');
    assert.equal(log.cause!.code, 'own-cm-echoed');
  }
  const should = { ...handshakeCase, requirements: ['MPIP-HB-04'] };
  assert.equal((await runCase(should, settings(virtual({ services })))).log.verdict, 'fail');
});

test('what may be ordinary may come back whole', async () => {
  const testCase = aCase(async (t) => {
    const port = await t.node().port();
    port.send('echo', t.payload(), { flags: Flags.enable }, { mayBeOrdinary: true });
    const packet = await t.expect(port, isQuery, { code: 'x', text: 'x', expected: 'x' });
    t.pass('It came back.', packet);
  });
  const { log } = await runCase(testCase, settings(virtual({ services: { 7000: 'plain-echo' } })));
  assert.equal(log.verdict, 'pass');
});

test('silence: fail only between answered ordinary datagrams, with a link or profile that leaves no other reason', async () => {
  const deaf = virtual({ ignoresQueries: true });
  const { log } = await runCase(handshakeCase, settings(deaf));
  assert.deepEqual([log.verdict, log.cause!.code], ['fail', 'no-confirm']);

  const silent = await runCase(handshakeCase, settings(virtual({ services: { 7000: 'silent' } })));
  assert.deepEqual([silent.log.verdict, silent.log.cause!.code], ['inconc', 'no-answer']);

  const noEcho = settings(virtual({ ignoresQueries: true }), { services: new Map([['discard', 7001]]) });
  const discard = aCase(async (t) => {
    await t.handshake(await t.node().port(), 'discard', { preamble: false });
  });
  const { log: unasked } = await runCase(discard, noEcho);
  assert.deepEqual([unasked.verdict, unasked.cause!.code], ['inconc', 'no-control']);

  const preamble = aCase(async (t) => {
    await t.handshake(await t.node().port());
  });
  const { log: prepared } = await runCase(preamble, settings(deaf));
  assert.deepEqual([prepared.verdict, prepared.cause!.code], ['inconc', 'no-confirm']);
});

test('verdicts of the tester itself: no verdict, exception', async () => {
  const none = await runCase(
    aCase(async () => {}),
    settings(virtual()),
  );
  assert.deepEqual([none.log.verdict, none.log.cause!.code], ['error', 'no-verdict']);
  const thrown = await runCase(
    aCase(async () => {
      throw new TypeError('oops');
    }),
    settings(virtual()),
  );
  assert.deepEqual([thrown.log.verdict, thrown.log.cause!.code], ['error', 'exception']);
});

test('over sockets: the same cases, a sound peer and one without MPIP', async () => {
  const loopback = parseIpv4('127.0.0.1');
  for (const [service, code] of [
    ['echo', 'as-required'],
    ['plain-echo', 'own-cm-echoed'],
  ] as const) {
    const peer = await runLive(([port]) => new TinyPeer({ addresses: [loopback], services: { [port!]: service } }), 1);
    const link = await SocketLink.open({ peer: { address: loopback, port: peer.ports[0]! } });
    try {
      const services = new Map<ServiceName, number>([['echo', peer.ports[0]!]]);
      for (const testCase of [handshakeCase, sessionCase]) {
        const { log } = await runCase(testCase, settings(link, { address: loopback, services }));
        assert.equal(log.cause!.code, code);
      }
    } finally {
      peer.close();
      link.close();
    }
  }
});

test('a case that waits for ever ends at its limit, in virtual time too', async () => {
  const endless = aCase(async (t) => {
    for (;;) await t.sleep(1_000_000);
  });
  const { log } = await runCase(endless, settings(virtual()));
  assert.deepEqual([log.verdict, log.cause!.code], ['inconc', 'timeout']);
});

test('a flooding peer fills the log to its bound and makes a pass inconclusive', async () => {
  const flooded = aCase(async (t) => {
    const port = await t.node().port();
    for (let i = 0; i < 10; i++) port.send('echo', t.payload(), { flags: Flags.enable });
    const confirm = await t.expect(port, withFlags(Flags.enabled), { code: 'x', text: 'x', expected: 'x' });
    await t.sleep(100_000);
    t.pass('It came.', confirm);
  });
  const { log } = await runCase(flooded, settings(virtual({ flood: 1000 })));
  assert.deepEqual([log.verdict, log.cause!.code], ['inconc', 'flood']);
  assert.ok(log.packets.length < 2100 && log.dropped > 0);
});
