import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { statusText } from '../../src/cli/commands/status.js';
import { ControlServer } from '../../src/cli/control-server.js';
import type { OpenConnection } from '../../src/cli/kernel-connections.js';
import { buildUdp, Flags, formatIpv4 } from '../../src/codec/index.js';
import { statusOf } from '../../src/endpoint/index.js';
import { Pair } from '../support/endpoint-pair.js';
import { Driver, LOCAL, look, REMOTE } from '../support/peer-driver.js';

const MPIP = 'build/src/cli/mpip.js';

const schemaOf = (name: string) => JSON.parse(readFileSync(`docs/schema/${name}.schema.json`, 'utf8')) as object;
const ajv = new Ajv({ formats: { ipv4: true, 'date-time': true } });
for (const name of ['rules', 'status', 'control']) ajv.addSchema(schemaOf(name));
const isRequest = ajv.getSchema('control.schema.json')!;
const isAnswer = ajv.getSchema('control.schema.json#/definitions/answer')!;
const isStatus = ajv.getSchema('status.schema.json')!;

interface Answer {
  readonly ok: boolean;
  readonly result: Record<string, unknown>;
  readonly error: string;
}

/** A control server above a driver; `onHost`: as that of a peer with `--interface`. */
function controlled(onHost = false) {
  const driver = new Driver();
  const said: string[] = [];
  const connect = async (request: object): Promise<OpenConnection> => {
    said.push(JSON.stringify(request));
    return {
      from: { address: '192.0.2.1', port: 40000 },
      to: { address: '198.51.100.1', port: 7000 },
      isOpen: true,
      send: (payload) => void said.push(Buffer.from(payload).toString()),
      close: (abort) => void said.push(abort ? 'abort' : 'close'),
    };
  };
  const server = new ControlServer({
    endpoint: driver.endpoint,
    canSendFrom: (address, port) => (onHost || port === 7000) && address === LOCAL,
    now: () => driver.now,
    flush: () => {},
    ...(onHost ? { connect } : {}),
  });
  return {
    driver,
    said,
    ask: async (request: unknown): Promise<Answer> => {
      const answer = (await server.answer(typeof request === 'string' ? request : JSON.stringify(request))) as Answer;
      assert.ok(isAnswer(answer), JSON.stringify(isAnswer.errors));
      if (answer.ok) assert.ok(isRequest(request), JSON.stringify(isRequest.errors));
      return answer;
    },
  };
}

test('send lets the host send datagrams, with queries beside them', async () => {
  const { driver, ask } = controlled();
  assert.deepEqual(
    await ask({ id: 7, command: 'send', to: '198.51.100.1:40000', port: 7000, text: 'hello', count: 2 }),
    {
      id: 7,
      ok: true,
      result: { datagrams: 2 },
    },
  );
  const sent = driver.sent();
  assert.deepEqual(
    sent.map(({ payload, cm }) => [payload, cm?.flags]),
    [
      ['hello', undefined],
      ['hello', Flags.enable],
      ['hello', undefined],
      ['hello', Flags.enable],
    ],
  );
  assert.equal(sent[0]!.tuple.destination, REMOTE);
});

test('addresses and rules take effect; status shows them', async () => {
  const { driver, ask } = controlled();
  await ask({ command: 'addresses', addresses: ['192.0.2.9', '192.0.2.1'] });
  await ask({ command: 'rules', rules: [{ protocol: 'udp', endSize: 200, priority: 'responsiveness' }] });
  assert.equal(driver.endpoint.state.routing.priority(1, 2, 17, 100), 'responsiveness');
  const { result } = await ask({ command: 'status' });
  assert.deepEqual(result.addresses, ['192.0.2.9', '192.0.2.1']);
  assert.deepEqual(result.rules, [{ protocol: 'udp', endSize: 200, priority: 'responsiveness' }]);
});

test('one address and one rule are added and removed', async () => {
  const { driver, ask } = controlled();
  const addresses = () => driver.endpoint.addresses.map(formatIpv4);
  const [own] = addresses();
  assert.deepEqual((await ask({ command: 'add-address', address: '192.0.2.9' })).result, {
    addresses: [own, '192.0.2.9'],
  });
  await ask({ command: 'add-address', address: '192.0.2.8', primary: true });
  assert.deepEqual(addresses(), ['192.0.2.8', own, '192.0.2.9']);
  await ask({ command: 'remove-address', address: '192.0.2.8' });
  await ask({ command: 'remove-address', address: '192.0.2.9' });
  assert.deepEqual(addresses(), [own]);
  assert.match((await ask({ command: 'remove-address', address: own })).error, /only address; add another one first/);
  assert.match((await ask({ command: 'remove-address', address: '192.0.2.9' })).error, /does not use 192\.0\.2\.9/);

  const rules = () => driver.endpoint.state.routing.rules.map(({ port }) => port);
  const rule = (port: number) => ({ port, priority: 'responsiveness' });
  await ask({ command: 'add-rule', rule: rule(1) });
  assert.deepEqual((await ask({ command: 'add-rule', rule: rule(2) })).result, { rules: 2 });
  await ask({ command: 'add-rule', rule: rule(3), at: 0 });
  assert.deepEqual(rules(), [3, 1, 2]);
  assert.deepEqual((await ask({ command: 'remove-rule', at: 1 })).result, { rules: 2, removed: rule(1) });
  assert.deepEqual(rules(), [3, 2]);
});

test('what dump shows of Table 6 is what the command rules takes', async () => {
  const { ask } = controlled();
  const rules = [
    { destination: '10.9.0.7', port: 22, protocol: 'tcp', priority: 'responsiveness' },
    { protocol: 'udp', startSize: 1, endSize: 200, priority: 'throughput' },
  ];
  await ask({ command: 'rules', rules });
  const dumped = (await ask({ command: 'dump', tables: ['rules'] })).result;
  assert.deepEqual(dumped.rules, rules);
  assert.deepEqual((await ask({ command: 'rules', ...dumped })).result, { rules: 2 });
});

test('dump gives the tables that are asked for', async () => {
  const { ask } = controlled();
  await ask({ command: 'send', to: '198.51.100.1:40000', port: 7000, text: 'x' });
  const { result } = await ask({ command: 'dump', tables: ['availability', 'counters'] });
  assert.deepEqual(Object.keys(result), ['availability', 'counters']);
  assert.equal((result.availability as { port: number }[])[0]!.port, 40000);
  assert.equal(Object.keys((await ask({ command: 'dump' })).result).length, 7);
});

test('a segment of the host’s own making, a connection that is opened, used and closed', async () => {
  const { driver, ask, said } = controlled(true);
  const segment = { command: 'send', protocol: 'tcp', to: '198.51.100.1:80', port: 5000, flags: ['syn'], sequence: 9 };
  assert.deepEqual((await ask(segment)).result, { segments: 1 });
  const [sent] = driver.sent();
  assert.equal(sent!.tuple.destinationPort, 80);
  const { result } = await ask({ command: 'open', protocol: 'tcp', to: '198.51.100.1:7000' });
  assert.deepEqual(result, { connection: 1, from: '192.0.2.1:40000', to: '198.51.100.1:7000' });
  assert.deepEqual((await ask({ command: 'send', connection: 1, text: 'abc', count: 2 })).result, { octets: 6 });
  assert.deepEqual((await ask({ command: 'close', connection: 1, abort: true })).result, { connections: 1 });
  assert.deepEqual(said.slice(1), ['abc', 'abc', 'abort']);
  assert.match(
    (await ask({ command: 'send', connection: 1, text: '' })).error,
    /no connection 1; open gives its number/,
  );
  assert.match((await ask({ command: 'add-address', address: '192.0.2.77' })).error, /none of the peer's interfaces/);
});

test('a session is closed, all are reset, and the peer may come again', async () => {
  const pair = new Pair();
  for (let i = 0; i < 10; i++) pair.exchange();
  const { endpoint } = pair.a;
  const server = new ControlServer({ endpoint, canSendFrom: () => true, now: () => pair.network.now, flush: () => {} });
  const ask = async (request: object) => (await server.answer(JSON.stringify(request))) as Answer;
  const size = () => [endpoint.sessions.size, endpoint.nodes.size > 0, endpoint.availability.size > 0];
  assert.deepEqual(size(), [1, true, true]);
  assert.match((await ask({ command: 'close', session: 9 })).error, /Table 7 has no session 9/);
  assert.match((await ask({ command: 'close', session: 1, nodeId: 'ff:ff' })).error, /no session 1/);
  assert.deepEqual((await ask({ command: 'close', session: 1 })).result, { sessions: 1 });
  assert.deepEqual(size(), [0, true, true]);
  assert.equal(statusOf(endpoint).paths.length, 0);
  for (let i = 0; i < 10; i++) pair.exchange();
  assert.deepEqual((await ask({ command: 'reset' })).result, { sessions: 1 });
  assert.deepEqual(size(), [0, false, false]);
  const { feedback, nodes } = statusOf(endpoint);
  assert.deepEqual([feedback.length, nodes.length], [0, 0]);
  for (let i = 0; i < 20; i++) pair.exchange();
  assert.equal(size()[0], 1);
  assert.ok(statusOf(endpoint).paths.length > 1);
});

const wrong: [string, unknown, RegExp][] = [
  ['no JSON', 'hello', /no JSON/],
  ['no object', '7', /JSON object/],
  ['an unknown command', { command: 'fly' }, /no command 'fly'/],
  ['no destination', { command: 'send', port: 7000 }, /to must be/],
  ['a destination without port', { command: 'send', to: '1.2.3.4', port: 7000 }, /such as "10\.0\.0\.2:7000", not "1/],
  ['a destination with too much', { command: 'send', to: '1.2.3.4:5:6', port: 7000 }, /address and a port/],
  ['a text that is none', { command: 'send', to: '1.2.3.4:5', port: 7000, text: {} }, /text must be a text/],
  ['text beside hex', { command: 'send', to: '1.2.3.4:5', port: 7000, text: 'a', hex: '61' }, /exclude each other/],
  ['a word for true', { command: 'add-address', address: '1.2.3.4', primary: 'yes' }, /true or false, not "yes"/],
  ['a port without a socket', { command: 'send', to: '1.2.3.4:5', port: 9 }, /cannot send from/],
  ['too many', { command: 'send', to: '1.2.3.4:5', port: 7000, count: 1e9 }, /count/],
  ['odd hex', { command: 'send', to: '1.2.3.4:5', port: 7000, hex: 'abc' }, /hex/],
  ['an unknown field', { command: 'status', verbose: true }, /status has no field 'verbose'; it has none/],
  ['an unknown table', { command: 'dump', tables: ['x'] }, /no table "x"; known are availability/],
  [
    'a segment on UDP sockets',
    { command: 'send', protocol: 'tcp', to: '1.2.3.4:5', port: 7000 },
    /start it with --interface/,
  ],
  ['a connection on UDP sockets', { command: 'open', to: '1.2.3.4:5' }, /does not carry connections/],
  [
    'a wrong protocol',
    { command: 'send', protocol: 'sctp', to: '1.2.3.4:5', port: 7000 },
    /'tcp' or 'udp', not "sctp"/,
  ],
  ['nothing to close', { command: 'close' }, /a connection or a session/],
  ['a rule that is not there', { command: 'remove-rule', at: 0 }, /no rule; add one/],
  [
    'a place beyond the rules',
    { command: 'add-rule', at: 5, rule: { priority: 'throughput' } },
    /at must be a whole number from 0 to 0/,
  ],
  ['to reload nothing', { command: 'reload' }, /without --rules/],
  ['an unknown reset', { command: 'reset', what: 'x' }, /'all' or 'sessions'/],
  ['no addresses', { command: 'addresses', addresses: [] }, /at least one address/],
  ['a rule with a wrong field', { command: 'rules', rules: [{ priority: 'throughput', prio: 1 }] }, /no field 'prio'/],
  ['a rule without priority', { command: 'rules', rules: [{}] }, /priority/],
];

for (const [what, request, message] of wrong) {
  test(`the control socket refuses ${what} with a sentence`, async () => {
    const answer = await controlled().ask(request);
    assert.equal(answer.ok, false);
    assert.match(answer.error, message);
  });
}

test('the status of a multipath connection has its tables, in JSON and in words', () => {
  const pair = new Pair();
  for (let i = 0; i < 30; i++) pair.exchange();
  const status = JSON.parse(JSON.stringify(statusOf(pair.a.endpoint))) as ReturnType<typeof statusOf>;
  assert.ok(isStatus(status), JSON.stringify(isStatus.errors));
  assert.equal(status.nodeId, '0a:01');
  assert.deepEqual(status.paths.map(({ pathId }) => pathId).sort(), [1, 2, 3, 4]);
  assert.ok(status.paths.every(({ delay, weight }) => typeof delay === 'number' && weight >= 1 && weight <= 1000));
  assert.deepEqual(
    status.sessions.map(({ sessionId, tuple }) => [sessionId, tuple.destination]),
    [[1, '10.1.0.2']],
  );
  assert.ok(status.availability.every(({ enabled }) => enabled));
  assert.ok(status.feedback.length >= 4);
  const text = statusText(status);
  for (const title of [
    'Sessions (Table 7)',
    'Paths (Table 3)',
    'Availability (Table 2)',
    'Nodes (Table 4)',
    'Feedback (Table 5)',
    'Counters',
  ])
    assert.ok(text.includes(title));
  assert.match(text, /10\.2\.0\.1:40000 → 10\.2\.0\.2:7000/);
});

test('mpip peer --control: it acts over the socket, mpip status shows it, the file goes with the peer', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-control-'));
  const path = join(folder, 'peer.sock');
  const receiver = createSocket('udp4');
  receiver.bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  const spare = createSocket('udp4');
  spare.bind(0, '127.0.0.1');
  await once(spare, 'listening');
  const { port } = spare.address();
  spare.close();
  const peer = spawn(
    process.execPath,
    [MPIP, 'peer', '--address', '127.0.0.1', '--port', String(port), '--control', path],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    await once(createInterface({ input: peer.stdout }), 'line');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const client = connect(path);
    client.write(
      `${JSON.stringify({ command: 'send', port, to: `127.0.0.1:${receiver.address().port}`, text: 'by order' })}\n`,
    );
    const [message] = (await once(receiver, 'message')) as [Uint8Array];
    assert.equal(
      look(buildUdp({ source: 1, sourcePort: 1, destination: 2, destinationPort: 2 }, message)).payload,
      'by order',
    );
    client.destroy();
    const { stdout, status } = spawnSync(process.execPath, [MPIP, 'status', '--control', path, '--format', 'json'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0);
    assert.equal(JSON.parse(stdout).availability[0].queries, 1);
  } finally {
    receiver.close();
    peer.kill('SIGTERM');
  }
  await once(peer, 'close');
  assert.ok(!existsSync(path));
  const { stderr, status } = spawnSync(process.execPath, [MPIP, 'status', '--control', path], { encoding: 'utf8' });
  assert.match(stderr, /No peer answers on .*ENOENT/);
  assert.equal(status, 4);
  rmSync(folder, { recursive: true });
});

test('the control socket takes the place of nothing but a dead peer’s socket, and only its owner may use it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-place-'));
  const open = async (path: string) => {
    const { endpoint } = new Driver();
    const server = new ControlServer({ endpoint, canSendFrom: () => true, now: () => 0, flush: () => {} });
    await server.open(path);
    return server;
  };
  try {
    const file = join(folder, 'precious');
    writeFileSync(file, 'data');
    await assert.rejects(open(file), /precious is there and no socket; give --control another path/);
    assert.equal(readFileSync(file, 'utf8'), 'data');
    await assert.rejects(open(folder), /no socket/);
    await assert.rejects(open(join(folder, 'none', 'x.sock')), /none of --control does not exist; make it first/);
    await assert.rejects(open(join(folder, 'x'.repeat(100))), /107 octets at most/);
    const path = join(folder, 'x.sock');
    const first = await open(path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await assert.rejects(open(path), /Another peer listens/);
    first.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
