import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildUdp, DatagramView, defaultConstants, PROFILES, Random, TrailerView } from '../../src/codec/index.js';
import { SLOW } from '../../src/conformance/applicability.js';
import { PAPER_CAPABILITIES } from '../../src/conformance/capabilities.js';
import { AREAS, SERVICE_NAMES } from '../../src/conformance/case.js';
import { CASES } from '../../src/conformance/cases/index.js';
import { requirementCatalogue } from '../../src/conformance/catalogue.js';
import { requirement } from '../../src/conformance/requirements.js';
import { runCase } from '../../src/conformance/run-case.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import type { VirtualHost } from '../../src/sim/network.js';
import { PEER_ADDRESSES, play, SERVICES, TCP_PORT } from './reference-peer.js';

test('ids are unique, stable words and begin with their area; purposes are sentences', () => {
  const ids = CASES.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const { id, area, purpose } of CASES) {
    assert.match(id, /^[A-Z]+(-[a-z]+[a-z0-9]*)+$/);
    assert.equal(id.split('-')[0], area, id);
    assert.ok(AREAS.includes(area), id);
    assert.match(purpose, /^[A-Z].*\.$/, id);
    assert.ok(purpose.length < 200, id);
  }
  assert.ok(CASES.length >= 40);
});

test('requirements and services exist; no case names one twice', () => {
  for (const { id, requirements, services } of CASES) {
    assert.ok(requirements.length > 0, id);
    assert.equal(new Set(requirements).size, requirements.length, id);
    for (const name of requirements) assert.ok(requirement(name), `${id} names ${name}`);
    assert.ok(services.length > 0, id);
    for (const service of services) assert.ok(SERVICE_NAMES.includes(service), id);
  }
});

test('every requirement has a case, or the catalogue says why none can have one', () => {
  const open = requirementCatalogue(CASES).filter(
    ({ cases, withoutCase }) => cases.length === 0 && withoutCase === null,
  );
  assert.deepEqual(
    open.map(({ id }) => id),
    [],
  );
  const areas = new Set(CASES.map(({ area }) => area));
  assert.deepEqual(
    AREAS.filter((area) => !areas.has(area)),
    [],
  );
  assert.ok(CASES.length >= 150);
});

test('with a session expiry of 3 s and a period of 20 ms no case waits as long as a live run leaves out', () => {
  const constants = { ...defaultConstants(), 'session-expiry': 3_000_000, 'weight-period': 20_000 };
  for (const { id, duration } of CASES) assert.ok((duration?.(constants) ?? 0) <= SLOW, id);
});

const MODES = [{ tcpMode: 'fake-tcp' }, { tcpMode: 'udp-wrapper' }, { reordering: false }] as const;

for (const profile of ['paper', 'paper-full', 'linux-2014'] as const) {
  test(`the reference passes every case, profile ${profile}`, async () => {
    for (const seed of profile === 'paper' ? [1, 2, 3, 4] : [5]) {
      const passed = new Set<string>();
      for (const mode of MODES) {
        const run = await play({ seed, profile, ...mode });
        for (const { id, verdict, cause, warnings } of run.cases) {
          if (verdict === 'pass') passed.add(id);
          else assert.equal(verdict, 'not-applicable', `seed ${seed}, ${JSON.stringify(mode)}: ${id}: ${cause.text}`);
          assert.deepEqual(warnings, [], id);
          const isExpected = cause.code === 'pics' || (cause.code === 'layout' && profile === 'paper-full');
          assert.ok(verdict === 'pass' || isExpected, `${id}: ${cause.text}`);
        }
      }
      if (profile !== 'paper-full') assert.equal(passed.size, CASES.length, 'every case applies in one of the modes');
    }
  });
}

test('the reference passes with other constants, when the tester is told', async () => {
  const constants = {
    'session-expiry': 3_000_000,
    'heartbeat-age': 400_000,
    'path-expiry': 2_000_000,
    'query-limit': 3,
  };
  const run = await play({ constants });
  for (const { id, verdict, cause } of run.cases) {
    // With these a session ends before a path could age while nothing is sent.
    if (cause.code !== 'pics' && cause.code !== 'session-expiry') assert.equal(verdict, 'pass', `${id}: ${cause.text}`);
  }
});

test('a run repeats itself: same seed, same verdicts and same frames', async () => {
  assert.deepEqual(await play({ seed: 9 }), await play({ seed: 9 }));
});

/** A host without MPIP whose services do what `answer` says to each datagram. */
class SimpleHost implements VirtualHost {
  readonly addresses = PEER_ADDRESSES;
  readonly #outbox: Uint8Array[] = [];

  constructor(private readonly answer: (wirePayload: Uint8Array, port: number) => readonly Uint8Array[]) {}

  receive(packet: Uint8Array): void {
    const view = new DatagramView();
    view.parse(packet);
    const { source, sourcePort, destination, destinationPort, payloadOffset, end } = view;
    const back = { source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort };
    for (const octets of this.answer(packet.subarray(payloadOffset, end), destinationPort))
      this.#outbox.push(buildUdp(back, octets));
  }

  poll(): number {
    return Number.POSITIVE_INFINITY;
  }

  drain(send: (packet: Uint8Array) => void): void {
    for (const packet of this.#outbox.splice(0)) send(packet);
  }
}

const ECHO = SERVICES.get('echo');

function endsInCm(octets: Uint8Array): boolean {
  const view = new TrailerView();
  const tuple = { source: 1, sourcePort: 1, destination: 2, destinationPort: 2 };
  return view.locate(buildUdp(tuple, octets));
}

/** Peers that do nothing that MPIP asks for. */
test('a case that changes the peer for all says so', () => {
  for (const testCase of CASES) {
    const code = testCase.run.toString();
    if (/\.(setAddresses|setRules)\(/.test(code)) assert.ok(testCase.changesPeer, testCase.id);
  }
});

const WITHOUT_MPIP: Readonly<Record<string, (random: Random) => SimpleHost>> = {
  'a silent peer': () => new SimpleHost(() => []),
  'a plain echo server': () => new SimpleHost((octets, port) => (port === ECHO ? [octets] : [])),
  'a plain echo server behind a filter for control messages': () =>
    new SimpleHost((octets, port) => (port === ECHO && !endsInCm(octets) ? [octets] : [])),
  'an echo server that cuts off what looks like a trailer': () =>
    new SimpleHost((octets, port) => (port !== ECHO ? [] : [endsInCm(octets) ? octets.slice(0, -26) : octets])),
  'a peer that answers with garbage': (random) =>
    new SimpleHost(() => {
      const octets = new Uint8Array(random.below(120));
      for (let i = 0; i < octets.length; i++) octets[i] = random.below(256);
      return [octets];
    }),
  'an echo server with garbage beside': (random) =>
    new SimpleHost((octets, port) => {
      const garbage = new Uint8Array(26 + random.below(60)).fill(25);
      return port === ECHO ? [octets, garbage] : [garbage];
    }),
};

for (const [name, createPeer] of Object.entries(WITHOUT_MPIP)) {
  test(`no case passes against ${name}`, async () => {
    const verdicts = new Map<string, number>();
    for (const testCase of CASES) {
      // Nobody can make such a peer act: the engine leaves these out.
      if (testCase.upperTester === true) continue;
      // Each case on its own, without the engine's first look at the peer, which would say it at once.
      const { log } = await runCase(testCase, {
        link: new VirtualLink({ createPeer: (seed) => createPeer(new Random(seed)) }),
        profile: PROFILES.paper,
        constants: defaultConstants(),
        address: PEER_ADDRESSES[0]!,
        services: SERVICES,
        tcpPort: TCP_PORT,
        capabilities: PAPER_CAPABILITIES,
        seed: 1,
      });
      assert.notEqual(log.verdict, 'pass', `${testCase.id}: ${log.cause?.text}`);
      assert.notEqual(log.verdict, 'error', `${testCase.id}: ${log.cause?.text}`);
      verdicts.set(log.verdict, (verdicts.get(log.verdict) ?? 0) + 1);
    }
    const failed = verdicts.get('fail') ?? 0;
    if (name.includes('echo')) assert.ok(failed > 0, 'a peer that answers ordinary datagrams without MPIP fails');
    if (name.includes('silent')) assert.equal(failed, 0, 'silence alone proves nothing');
  });
}
