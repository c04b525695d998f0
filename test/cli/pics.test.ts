import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { UsageError } from '../../src/cli/exit.js';
import { parsePics, readPics } from '../../src/cli/pics.js';
import { CAPABILITY_NAMES, type RunResult } from '../../src/conformance/index.js';
import { runs } from '../support/runs.js';

const folder = mkdtempSync(join(tmpdir(), 'mpip-pics-'));
after(() => rmSync(folder, { recursive: true }));

test('a PICS file: profile, capabilities, constants; what is left out is not supported', () => {
  const pics = parsePics(
    'profile: linux-2015\ncapabilities:\n  tcp: true\n  rules: false\npixit:\n  session-expiry: 3s\n',
    'f',
  );
  assert.equal(pics.profile, 'linux-2015');
  assert.deepEqual([...pics.capabilities], ['tcp']);
  assert.deepEqual(pics.constants, { 'session-expiry': 3_000_000 });
});

test('the ready files can be read by their name, and say something of every capability', () => {
  const names = readdirSync('pics').map((file) => file.replace('.yaml', ''));
  assert.deepEqual(names.sort(), ['linux-2014', 'linux-2015', 'linux-2017', 'paper', 'paper-wrapper']);
  for (const name of names) {
    const { profile, capabilities } = readPics(name);
    assert.equal(profile, name.replace('-wrapper', ''));
    assert.ok(capabilities.has('fake-tcp') !== capabilities.has('udp-wrapper'), name);
    assert.ok([...capabilities].every((capability) => CAPABILITY_NAMES.includes(capability)));
  }
});

test('what a file cannot mean is said with its line', () => {
  const rows: [string, RegExp][] = [
    ['', /^f, line 1: A PICS file has the keys profile, capabilities, pixit\.$/],
    ['profile: linux-2016', /^f, line 1: .*linux-2016.*/],
    [
      'profile: paper\ncapabilities:\n  fake-tpc: true',
      /^f, line 3: There is no capability 'fake-tpc'; did you mean 'fake-tcp'\?$/,
    ],
    ['capabilities:\n  tcp: maybe', /^f, line 2: tcp must be true or false\.$/],
    ['capabilities: tcp', /^f, line 1: capabilities has a line/],
    ['pixit:\n  session-expiry: long', /^f, line 2: .*session-expiry/],
    ['profil: paper', /^f, line 1: A PICS file has no key 'profil'/],
    ['capabilities:\n  fake-tcp: true\n  udp-wrapper: true', /at one time/],
    ['profile: [', /^f, line \d: This is no YAML: /],
  ];
  for (const [text, words] of rows) {
    assert.throws(
      () => parsePics(text, 'f'),
      (error: unknown) => error instanceof UsageError && words.test(error.message),
      text,
    );
  }
});

test('property: no text makes the reader fail but with a sentence', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom('profile: paper', 'capabilities:', '  tcp: true', 'pixit:', '  a: b', '? x', '- &a *a'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      try {
        parsePics(lines.join('\n'), 'f');
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
      }
    }),
    runs(300),
  );
});

test('mpip check --pics: what is not declared is not applicable, for the reason pics', () => {
  const path = join(folder, 'udp-only.yaml');
  writeFileSync(path, 'profile: paper\ncapabilities:\n  several-addresses: true\n');
  const run = (pics: string): RunResult => {
    const args = ['check', '--self', '--case', 'AV-tcp*', '--pics', pics, '--report', 'json=-'];
    const { stdout } = spawnSync(process.execPath, ['build/src/cli/mpip.js', ...args], { encoding: 'utf8' });
    return JSON.parse(stdout) as RunResult;
  };
  assert.ok(run(path).cases.every(({ verdict, cause }) => verdict === 'not-applicable' && cause.code === 'pics'));
  assert.ok(run('paper-wrapper').cases.every(({ verdict }) => verdict === 'pass'));
  const missing = spawnSync(process.execPath, ['build/src/cli/mpip.js', 'check', '--self', '--pics', 'nothing'], {
    encoding: 'utf8',
  });
  assert.deepEqual(
    [missing.status, /no file .*; ready are linux-2014, .*, paper-wrapper\./.test(missing.stderr)],
    [4, true],
  );
});
