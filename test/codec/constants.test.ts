import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CONSTANT_NAMES,
  CONSTANTS,
  ConstantError,
  defaultConstants,
  formatConstant,
  parseConstant,
} from '../../src/codec/index.js';

test('the values of the paper are the defaults', () => {
  const constants = defaultConstants();
  assert.equal(constants['query-limit'], 5);
  assert.equal(constants['weight-step'], 10);
  assert.equal(constants['weight-period'], 100_000);
  assert.equal(constants['weight-min'], 1);
  assert.equal(constants['weight-max'], 1000);
  assert.equal(constants['session-expiry'], 120_000_000);
  assert.equal(constants['reordering-slots'], 10);
  assert.equal(constants['small-packet'], 200);
});

test('every default is within its bounds and can be typed as it is shown', () => {
  for (const name of CONSTANT_NAMES) {
    const { default: value, min, max, unit } = CONSTANTS[name];
    assert.ok(value >= min && value <= max, name);
    if (unit !== 'ratio') assert.ok(Number.isInteger(value), name);
    for (const shown of [value, min, max])
      assert.deepEqual(parseConstant(`${name}=${formatConstant(name, shown)}`), { name, value: shown });
  }
});

test('times take a unit, a bare number is seconds', () => {
  const cases: [string, number][] = [
    ['3s', 3_000_000],
    ['3', 3_000_000],
    ['0.5', 500_000],
    ['100ms', 100_000],
    ['1.5s', 1_500_000],
    ['20000us', 20_000],
    ['20000µs', 20_000],
    ['2min', 120_000_000],
    ['1h', 3_600_000_000],
  ];
  for (const [text, value] of cases) assert.equal(parseConstant(`session-expiry=${text}`).value, value, text);
});

test('ratios are quotients or decimals, counts are neither', () => {
  assert.equal(parseConstant('delay-smoothing=1/8').value, 0.125);
  assert.equal(parseConstant('delay-smoothing=0.25').value, 0.25);
  assert.throws(() => parseConstant('query-limit=10/2'), ConstantError);
  assert.throws(() => parseConstant('query-limit=2.5'), ConstantError);
});

test('anything else is one sentence that says what to write', () => {
  const wrong = [
    'session-expiry',
    'session-expiry=',
    'session-expiry=3s=4',
    'session-expiry=fast',
    'session-expiry=-1s',
    'session-expiry=0',
    'session-expiry=3 s',
    'session-expiry=1e9',
    'session-expiri=3s',
    '__proto__=3',
    '=3',
    'query-limit=0',
    'query-limit=1001',
    'delay-smoothing=0/0',
    'delay-smoothing=1/0',
    'delay-smoothing=2',
  ];
  for (const text of wrong) {
    assert.throws(
      () => parseConstant(text),
      (error: unknown) => {
        assert.ok(error instanceof ConstantError, text);
        assert.equal(error.code, 'constant');
        assert.match(error.message, /^[^\n]+\.$/, text);
        return true;
      },
      text,
    );
  }
});
