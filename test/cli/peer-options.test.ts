import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { LIMIT_NAMES, parseLimits } from '../../src/cli/peer-options.js';
import { DEFAULT_LIMITS, Endpoint } from '../../src/endpoint/index.js';

test('every limit of the endpoint has a name on the command line, and the page names it', () => {
  const page = readFileSync('docs/security.md', 'utf8');
  assert.equal(LIMIT_NAMES.length, Object.keys(DEFAULT_LIMITS).length + 1);
  for (const name of LIMIT_NAMES) {
    const { limits, tableLimit } = parseLimits([`${name}=7`]);
    const [option] = tableLimit === 7 ? ['tableLimit'] : Object.keys(limits!).map((key) => `limits.${key}`);
    assert.ok(page.includes(`\`${option}\``), `${option} is missing in docs/security.md`);
  }
});

test('limits reach the endpoint; off lifts one', () => {
  const { settings } = new Endpoint({
    addresses: [0x7f000001],
    ...parseLimits(['sessions=9', 'answers=off', 'table=11', 'sessions-per-peer=5']),
  });
  assert.equal(settings.limits.sessions, 9);
  assert.equal(settings.limits.sessionsPerPeer, 5);
  assert.equal(settings.limits.answers, Number.POSITIVE_INFINITY);
  assert.equal(settings.limits.handshakes, DEFAULT_LIMITS.handshakes);
  assert.equal(settings.tableLimit, 11);
});

const wrong: [string, RegExp][] = [
  ['sessions', /--limit 'sessions' is not NAME=VALUE; write for example sessions=1000/],
  ['sesions=1', /did you mean sessions\?/],
  ['sessions=0', /--limit sessions must be a whole number from 1/],
  ['sessions=many', /whole number/],
];

for (const [text, message] of wrong)
  test(`--limit ${text} is refused with a sentence`, () => {
    assert.throws(() => parseLimits([text]), { message });
  });
