import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { FaultError } from '../../src/cli/exit.js';
import { parseRules, ruleOf } from '../../src/cli/rules-file.js';
import { ruleInWords } from '../../src/endpoint/index.js';
import { runs } from '../support/runs.js';

const MPIP = 'build/src/cli/mpip.js';
const folder = mkdtempSync(join(tmpdir(), 'mpip-rules-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const record = fc
  .record({
    destination: optional(fc.ipV4()),
    port: optional(fc.integer({ min: 1, max: 65535 })),
    protocol: optional(fc.constantFrom('tcp', 'udp')),
    startSize: optional(fc.integer({ min: 0, max: 100 })),
    endSize: optional(fc.integer({ min: 101, max: 65535 })),
    priority: fc.constantFrom('throughput', 'responsiveness'),
  })
  .map((rule) => JSON.parse(JSON.stringify(rule)) as object);

test('what the schema allows is read, and is the same when written again', () => {
  const validate = new Ajv({ formats: { ipv4: true } }).compile(
    JSON.parse(readFileSync('docs/schema/rules.schema.json', 'utf8')),
  );
  fc.assert(
    fc.property(fc.array(record, { maxLength: 5 }), (rules) => {
      assert.ok(validate(rules), JSON.stringify(validate.errors));
      assert.deepEqual(parseRules(JSON.stringify(rules, undefined, 1), 'f').map(ruleInWords), rules);
    }),
    runs(100),
  );
  assert.ok(!validate([{ priority: 'throughput', x: 1 }]));
  assert.ok(!validate([{}]));
});

const wrong: [what: string, text: string, message: RegExp][] = [
  ['no JSON', '[\n {"priority": "throughput"},\n nonsense]', /^f, line 3: this is no JSON; write a list/],
  ['an end too soon', '[\n {"priority":', /^f, line 2: this is no JSON/],
  ['no list', '{"priority": "throughput"}', /^f, line 1: the file must hold a list/],
  ['a number', '[\n\n 7]', /^f, line 3: A rule is an object/],
  [
    'an unknown field',
    '[{"priority": "throughput"},\n{"priority": "throughput",\n "prot": 6}]',
    /^f, line 3: A rule has no field 'prot'; known are/,
  ],
  [
    'a wrong priority',
    '[\n {\n "port": 2,\n "priority": "fast"}]',
    /^f, line 4: priority must be 'throughput' or 'responsiveness', not "fast"/,
  ],
  ['no priority', '[\n {\n "port": 2}]', /^f, line 2: A rule needs a priority/],
  [
    'a wrong address',
    '[{"priority": "throughput",\n "destination": "10.0.0"}]',
    /^f, line 2: destination must be an IPv4 address/,
  ],
  ['a wrong port', '[{"priority": "throughput", "port": 0}]', /^f, line 1: port must be a port from 1 to 65535, not 0/],
  [
    'a wrong protocol',
    '[{"protocol": "sctp", "priority": "throughput"}]',
    /protocol must be 'tcp' or 'udp', not "sctp"/,
  ],
  [
    'sizes in the wrong order',
    '[{"startSize": 9, "endSize": 9, "priority": "throughput"}]',
    /startSize 9 is not below endSize 9/,
  ],
  [
    'a size that is too large',
    '[{"endSize": 70000, "priority": "throughput"}]',
    /endSize must be from 0 to 65535 octets/,
  ],
  [
    'brackets in a string',
    '[{"priority": "throughput", "destination": "]}[{"},\n\n 7]',
    /^f, line 1: destination must/,
  ],
];

for (const [what, text, message] of wrong)
  test(`a rules file with ${what} is refused with its line`, () => {
    assert.throws(() => parseRules(text, 'f'), { message });
  });

test('whatever is written: rules, or a sentence with a line of the file', () => {
  const key = fc.constantFrom('destination', 'port', 'protocol', 'startSize', 'endSize', 'priority', '__proto__', 'x');
  const value = fc.oneof(
    fc.constantFrom('throughput', 'responsiveness', 'tcp', 'udp', '10.0.0.1', 1, 0, -1, 65_536, 1.5, null, true),
    fc.jsonValue({ maxDepth: 1 }),
  );
  const entry = fc.tuple(key, value).map(([name, of]) => `${JSON.stringify(name)}: ${JSON.stringify(of)}`);
  const rule = fc.array(entry, { maxLength: 5 }).map((entries) => `{${entries.join(',\n')}}`);
  const list = fc.array(rule, { maxLength: 4 }).map((all) => `[${all.join(',\n')}]`);
  const damaged = fc
    .tuple(list, fc.nat(), fc.string({ maxLength: 2 }))
    .map(([text, at, put]) => text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + 1));
  let read = 0;
  fc.assert(
    fc.property(fc.oneof(list, damaged, fc.json(), fc.string()), (text) => {
      try {
        for (const found of parseRules(text, 'f')) assert.ok(found.priority !== undefined);
        read++;
      } catch (error) {
        assert.ok(error instanceof FaultError, `${text}: ${String(error)}`);
        const line = Number(/^f, line (\d+): ./.exec(error.message)?.[1]);
        assert.ok(line >= 1 && line <= text.split('\n').length, `${text}: ${error.message}`);
        assert.match(error.message, /[.!]$/);
      }
    }),
    runs(2000),
  );
  assert.ok(read > 30, `${read} of them are rules`);
});

test('absent fields are wildcards', () => {
  assert.deepEqual(ruleOf({ priority: 'responsiveness' }), { priority: 'responsiveness' });
});

test('a file with a mistake is told before anything starts', () => {
  const file = join(folder, 'bad.json');
  writeFileSync(file, '[7]');
  for (const kind of [
    ['--address', '127.0.0.1'],
    ['--interface', 'nix'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [MPIP, 'peer', ...kind, '--rules', file], {
      encoding: 'utf8',
    });
    assert.equal(status, 4);
    assert.match(stderr, /bad\.json, line 1: A rule is an object/);
  }
  const absent = spawnSync(process.execPath, [MPIP, 'peer', '--address', '127.0.0.1', '--rules', join(folder, 'nix')], {
    encoding: 'utf8',
  });
  assert.match(absent.stderr, /nix cannot be read \(ENOENT\)/);
});

test('SIGHUP reads the file again; a bad one leaves the rules as they were', async () => {
  const file = join(folder, 'rules.json');
  const control = join(folder, 'peer.sock');
  writeFileSync(file, '[{"port": 22, "priority": "responsiveness"}]');
  const words = ['peer', '--address', '127.0.0.1', '--port', '47123', '--rules', file, '--control', control];
  const peer = spawn(process.execPath, [MPIP, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = createInterface({ input: peer.stderr })[Symbol.asyncIterator]();
  const line = async () => (await said.next()).value as string;
  const rules = () => {
    const { stdout } = spawnSync(process.execPath, [MPIP, 'status', '--control', control, '--json'], {
      encoding: 'utf8',
    });
    return (JSON.parse(stdout) as { rules: { port?: number }[] }).rules.map(({ port }) => port);
  };
  try {
    await createInterface({ input: peer.stdout })[Symbol.asyncIterator]().next();
    assert.deepEqual(rules(), [22]);
    writeFileSync(file, '[{"port": 23, "priority": "responsiveness"}, {"port": 24, "priority": "throughput"}]');
    peer.kill('SIGHUP');
    assert.match(await line(), /2 rules of .*rules\.json are in force/);
    assert.deepEqual(rules(), [23, 24]);
    writeFileSync(file, '[{"port": 23}]');
    peer.kill('SIGHUP');
    assert.match(await line(), /rules\.json, line 1: A rule needs a priority; .* The rules stay as they were\./);
    assert.deepEqual(rules(), [23, 24]);
  } finally {
    peer.kill('SIGTERM');
  }
});
