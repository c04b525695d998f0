import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { defaultConstants, PROFILES, parseIpv4 } from '../../src/codec/index.js';
import type { ServiceName } from '../../src/conformance/case.js';
import { runSuite, type SuiteOptions } from '../../src/conformance/engine.js';
import { jsonReport } from '../../src/conformance/reports/json.js';
import { REQUIREMENTS } from '../../src/conformance/requirements.js';
import { exitCodeOf, type RunResult } from '../../src/conformance/result.js';
import { SocketLink } from '../../src/conformance/socket-link.js';
import type { Tester } from '../../src/conformance/tester.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import { runLive } from '../support/live-peer.js';
import { ADOPTS, AFTER_ASKING, ASKS, CONFIRMS, MADE_CASES, makeCase, PLAIN_ECHO } from '../support/made-cases.js';
import { TinyPeer, type TinyPeerOptions, type TinyService } from '../support/tiny-peer.js';

const PEER = parseIpv4('192.0.2.1');
const LOOPBACK = parseIpv4('127.0.0.1');

function suite(peer: Partial<TinyPeerOptions> = {}, extra: Partial<SuiteOptions> = {}): Promise<RunResult> {
  const services: Record<number, TinyService> = { 7000: 'echo', 7001: 'discard' };
  return runSuite({
    link: new VirtualLink({ createPeer: () => new TinyPeer({ addresses: [PEER], services, ...peer }) }),
    address: PEER,
    services: new Map([
      ['echo', 7000],
      ['discard', 7001],
    ]),
    cases: MADE_CASES,
    ...extra,
  });
}

/** Runs against a live tiny peer on loopback; a peer of `undefined` is a closed port. */
async function live(
  peer: Partial<TinyPeerOptions> | undefined,
  service: TinyService = 'echo',
  { delayMs = 0, ...extra }: Partial<SuiteOptions> & { delayMs?: number } = {},
): Promise<RunResult> {
  const closed = createSocket('udp4').bind(0, '127.0.0.1');
  await once(closed, 'listening');
  let port = closed.address().port;
  closed.close();
  await once(closed, 'close');
  let running: { close(): void } | undefined;
  if (peer !== undefined) {
    const started = await runLive(
      ([own]) => new TinyPeer({ addresses: [LOOPBACK], services: { [own!]: service }, ...peer }),
      1,
      delayMs,
    );
    running = started;
    port = started.ports[0]!;
  }
  const link = await SocketLink.open({ peer: { address: LOOPBACK, port }, patience: 300_000 });
  try {
    const services = new Map<ServiceName, number>([['echo', port]]);
    return await runSuite({ link, address: LOOPBACK, services, cases: MADE_CASES, ...extra });
  } finally {
    running?.close();
    link.close();
  }
}

const codes = (run: RunResult) => run.cases.map((result) => `${result.verdict} ${result.cause.code}`);

test('a sound peer: every case passes, exit code 0, its node id is known', async () => {
  const run = await suite();
  assert.deepEqual(run.counts, { pass: 4, fail: 0, inconc: 0, error: 0, 'not-applicable': 0, 'not-run': 0, none: 0 });
  assert.equal(run.verdict, 'pass');
  assert.equal(exitCodeOf(run), 0);
  assert.equal(run.iut.nodeId, '9d:f8');
  assert.equal(run.iut.layout, 'compact');
  const status = new Map(run.requirements.map(({ id, status }) => [id, status]));
  assert.equal(status.size, REQUIREMENTS.length);
  assert.equal(status.get('MPIP-SS-04'), 'pass');
  assert.equal(status.get('MPIP-SS-05'), 'not-run');
  assert.equal(status.get('MPIP-PA-07'), 'untestable');
  assert.equal(status.get('MPIP-EV-01'), 'untestable');
});

test('one defect: one fail with the deciding frame, exit code 1', async () => {
  const run = await suite({ ownSession: true });
  assert.deepEqual(codes(run), ['pass as-required', 'fail wrong-session', 'pass as-required', 'pass as-required']);
  assert.equal(exitCodeOf(run), 1);
  const { cause, evidence } = run.cases[1]!;
  assert.equal(
    cause.text,
    'The reply carries another session id. Expected session id 77, seen session id 178. See octet 48 (mpip.session_id) of frame 9.',
  );
  assert.equal(cause.packet!.field, 'mpip.session_id');
  assert.deepEqual(evidence.frames, [cause.packet!.frame]);
  assert.equal(Buffer.from(cause.packet!.hex, 'hex')[cause.packet!.octet! - cause.packet!.hexFrom], 178);
  assert.equal(run.requirements.find(({ id }) => id === 'MPIP-SS-04')!.status, 'fail');
});

test('a broken recommendation is a warning and no fail', async () => {
  const run = await suite({ ownSession: true }, { cases: [{ ...ADOPTS, requirements: ['MPIP-HB-04'] }] });
  assert.equal(run.cases[0]!.verdict, 'pass');
  assert.equal(run.cases[0]!.warnings[0]!.code, 'wrong-session');
  assert.equal(run.requirements.find(({ id }) => id === 'MPIP-HB-04')!.status, 'warn');
  assert.equal(exitCodeOf(run), 0);
});

test('a case that names one requirement condemns only that one', async () => {
  const names = makeCase(
    'GEN-made-two',
    async (t: Tester) =>
      t.fail('broken', 'It is broken.', { expected: 1, seen: 2, packet: undefined, requirement: 'MPIP-AV-06' }),
    { requirements: ['MPIP-AV-06', 'MPIP-AV-07'] },
  );
  const run = await suite({}, { cases: [names] });
  const status = (id: string) => run.requirements.find((requirement) => requirement.id === id)!.status;
  assert.equal(status('MPIP-AV-06'), 'fail');
  assert.equal(status('MPIP-AV-07'), 'inconc');
});

test('a plain UDP echo: known before the first case, every case fails or is inconc, exit code 1', async () => {
  const run = await suite({ services: { 7000: 'plain-echo' } }, { cases: [...MADE_CASES, AFTER_ASKING] });
  assert.equal(run.preliminary!.code, 'own-cm-echoed');
  assert.deepEqual(codes(run), [
    'fail own-cm-echoed',
    'fail own-cm-echoed',
    'inconc own-cm-echoed',
    'fail no-query',
    'inconc own-cm-echoed',
  ]);
  assert.equal(exitCodeOf(run), 1);
});

test('over sockets: plain echo 1, closed port 3, sound peer 0', async () => {
  const echo = await live({}, 'plain-echo');
  assert.equal(echo.preliminary!.code, 'own-cm-echoed');
  assert.equal(exitCodeOf(echo), 1);
  const closed = await live(undefined);
  assert.deepEqual(codes(closed), Array(4).fill('inconc unreachable'));
  assert.equal(closed.preliminary!.code, 'unreachable');
  assert.equal(exitCodeOf(closed), 3);
  const sound = await live({});
  assert.deepEqual(codes(sound), Array(4).fill('pass as-required'));
  assert.equal(exitCodeOf(sound), 0);
});

test('over sockets: a silent peer is inconc, one that answers too late as well, and both end soon', async () => {
  for (const [service, delayMs] of [
    ['silent', 0],
    ['echo', 900],
  ] as const) {
    const run = await live({}, service, { delayMs });
    assert.deepEqual(codes(run), Array(4).fill('inconc no-answer'));
    assert.equal(exitCodeOf(run), 3);
  }
});

test('over sockets: a flood and garbage end with verdicts', async () => {
  const flood = await live({ flood: 3000 }, 'echo', { cases: [CONFIRMS, ASKS] });
  for (const result of flood.cases) assert.ok(['inconc', 'pass'].includes(result.verdict), result.cause.text);
  const garbage = await live({ garbage: true });
  assert.deepEqual(
    garbage.cases.map((result) => result.verdict),
    ['inconc', 'inconc', 'inconc', 'inconc'],
  );
});

test('silence over sockets from a peer whose profile has wrong checksums is inconc', async () => {
  const judged = { ...CONFIRMS };
  const run = await live({ ignoresQueries: true }, 'echo', { cases: [judged], profile: PROFILES['linux-2015'] });
  assert.deepEqual(codes(run), ['inconc possibly-wrong-checksums']);
  const paper = await live({ ignoresQueries: true }, 'echo', { cases: [judged] });
  assert.deepEqual(codes(paper), ['fail no-confirm']);
  const virtual = await suite({ ignoresQueries: true }, { cases: [judged], profile: PROFILES['linux-2015'] });
  assert.deepEqual(codes(virtual), ['fail no-confirm']);
});

test('what cannot be played is not applicable or not run, and says why; nothing executed is exit code 4', async () => {
  const chargen = makeCase('GEN-made-chargen', async () => {}, { services: ['chargen'] });
  const sources = makeCase('GEN-made-sources', async () => {}, { sources: 5 });
  const run = await suite({}, { cases: [chargen, sources] });
  assert.deepEqual(codes(run), ['not-applicable service', 'not-applicable sources']);
  assert.equal(run.verdict, 'none');
  assert.equal(exitCodeOf(run), 4);
  assert.equal(exitCodeOf(await suite({}, { cases: [] })), 4);

  const headers = { ...CONFIRMS, realHeaders: true };
  const slow = { ...ASKS, duration: (constants: { 'session-expiry': number }) => constants['session-expiry'] };
  const bySocket = await live({}, 'echo', { cases: [headers, slow] });
  assert.deepEqual(codes(bySocket), ['not-applicable rebuilt-headers', 'not-run slow']);
  const shortened = { ...defaultConstants(), 'session-expiry': 1000 };
  assert.deepEqual(codes(await live({}, 'echo', { cases: [slow], constants: shortened })), ['pass as-required']);
  assert.deepEqual(codes(await live({}, 'echo', { cases: [slow], slow: true })), ['pass as-required']);
  assert.deepEqual(codes(await suite({}, { cases: [headers, slow] })), ['pass as-required', 'pass as-required']);
});

test("a fault of the tester is exit code 4, and the other cases' verdicts stay", async () => {
  const faulty = makeCase('GEN-made-fault', async () => {
    throw new RangeError('oops');
  });
  const run = await suite({}, { cases: [faulty, CONFIRMS] });
  assert.deepEqual(codes(run), ['error exception', 'pass as-required']);
  assert.equal(run.verdict, 'error');
  assert.equal(exitCodeOf(run), 4);
});

test('a fault in a predicate or a handler is the verdict of its case, on sockets too', async () => {
  const oops = () => {
    throw new RangeError('oops');
  };
  const predicate = makeCase('GEN-made-predicate', async (t: Tester) => {
    const port = await t.node().port();
    port.send('echo', t.payload());
    await port.receive(oops);
  });
  const handler = makeCase('GEN-made-handler', async (t: Tester) => {
    const port = await t.node().port();
    port.onReceive(oops);
    port.send('echo', t.payload());
    await t.sleep(100_000);
    t.pass('Never.');
  });
  const cases = [predicate, handler, CONFIRMS];
  for (const run of [await suite({}, { cases }), await live({}, 'echo', { cases })]) {
    assert.deepEqual(codes(run), ['error exception', 'error exception', 'pass as-required']);
  }
});

test('an interrupted run reports what is finished and is no success', async () => {
  const interrupt = new AbortController();
  const interrupting = makeCase('GEN-made-interrupt', async (t: Tester) => {
    interrupt.abort();
    await t.sleep(1000);
    t.pass('Too late.');
  });
  const run = await suite({}, { cases: [CONFIRMS, interrupting, ASKS], signal: interrupt.signal });
  assert.deepEqual(codes(run), ['pass as-required', 'inconc interrupted', 'not-run interrupted']);
  assert.ok(run.isInterrupted);
  assert.equal(exitCodeOf(run), 4);
});

test('a case stuck outside the link ends at its time limit', async () => {
  const stuck = makeCase('GEN-made-stuck', () => new Promise(() => {}));
  const run = await live({}, 'echo', { cases: [stuck, PLAIN_ECHO], timeout: 200_000 });
  assert.deepEqual(codes(run), ['inconc timeout', 'pass as-required']);
});

test('the same seed gives the same report; a case is the same alone and among others', async () => {
  const first = jsonReport(await suite({ ownSession: true }, { seed: 5 }));
  assert.equal(jsonReport(await suite({ ownSession: true }, { seed: 5 })), first);
  assert.notEqual(jsonReport(await suite({ ownSession: true }, { seed: 6 })), first);
  const alone = await suite({ ownSession: true }, { seed: 5, cases: [ADOPTS], catalogue: MADE_CASES });
  assert.deepEqual(alone.cases[0], (JSON.parse(first) as RunResult).cases[1]);
});

test('side by side no case sees the packets of another', async () => {
  const many = Array.from({ length: 30 }, (_, i) => ({ ...ADOPTS, id: `SS-made-${i}` }));
  const run = await live({}, 'echo', { cases: many });
  assert.equal(run.counts.pass, 30);
});
