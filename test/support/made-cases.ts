import type { TestCase } from '../../src/conformance/case.js';
import { isQuery } from '../../src/conformance/observed.js';
import { cmOf, type Tester } from '../../src/conformance/tester.js';

/** A case for tests of the engine. */
export function makeCase(id: string, run: (t: Tester) => Promise<void>, extra: Partial<TestCase> = {}): TestCase {
  return {
    id,
    area: 'GEN',
    purpose: `Tests the engine: ${id}.`,
    requirements: ['MPIP-AV-06'],
    services: ['echo'],
    run,
    ...extra,
  };
}

/** A query is confirmed. */
export const CONFIRMS = makeCase(
  'AV-made-confirm',
  async (t: Tester) => {
    const { confirm } = await t.handshake(await t.node().port(), 'echo', { preamble: false });
    t.pass('The peer confirmed the query.', confirm);
  },
  { area: 'AV' },
);

/** The session id comes back. */
export const ADOPTS = makeCase(
  'SS-made-adopt',
  async (t: Tester) => {
    const session = await t.session(await t.node().port(), 'echo', { id: 77 });
    const { received } = await t.exchange(session);
    t.equal(cmOf(received).sessionId, 77, 'wrong-session', 'The reply carries another session id.', {
      packet: received,
      field: 'sessionId',
    });
    t.pass('The reply carries the session id.', received);
  },
  { area: 'SS', requirements: ['MPIP-SS-04'] },
);

/** Ordinary datagrams alone: passes on a host without MPIP too, unless the engine knows better. */
export const PLAIN_ECHO = makeCase(
  'GEN-made-plain',
  async (t: Tester) => {
    if (!(await t.control())) t.inconc('no-answer', 'No answer.');
    t.pass('An ordinary datagram came back.');
  },
  { requirements: ['MPIP-GEN-03'] },
);

/** The peer asks an unknown port. */
export const ASKS = makeCase(
  'AV-made-ask',
  async (t: Tester) => {
    const port = await t.node().port();
    port.send('echo', t.payload());
    const query = await t.expect(port, isQuery, {
      code: 'no-query',
      text: 'The peer sent no query.',
      expected: 'a query',
    });
    t.pass('The peer sent a query.', query);
  },
  { area: 'AV', requirements: ['MPIP-AV-02'] },
);

/** The peer's query is only a preamble. */
export const AFTER_ASKING = makeCase('GEN-made-after', async (t: Tester) => {
  const port = await t.node().port();
  port.send('echo', t.payload());
  await t.expect(port, isQuery, {
    code: 'no-query',
    text: 'The peer sent no query.',
    expected: 'a query',
    preamble: true,
  });
  t.pass('The peer sent a query.');
});

/** All of them. */
export const MADE_CASES: readonly TestCase[] = [CONFIRMS, ADOPTS, PLAIN_ECHO, ASKS];
