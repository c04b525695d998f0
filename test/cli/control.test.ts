import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { statusText } from '../../src/cli/commands/status.js';
import { ControlServer } from '../../src/cli/control-server.js';
import { buildUdp, Flags } from '../../src/codec/index.js';
import { statusOf } from '../../src/endpoint/index.js';
import { Pair } from '../support/endpoint-pair.js';
import { Driver, LOCAL, look, REMOTE } from '../support/peer-driver.js';

const MPIP = 'build/src/cli/mpip.js';

function controlled() {
  const driver = new Driver();
  const server = new ControlServer({
    endpoint: driver.endpoint,
    canSendFrom: (address, port) => address === LOCAL && port === 7000,
    now: () => driver.now,
    flush: () => {},
  });
  return {
    driver,
    ask: (request: unknown) => server.answer(typeof request === 'string' ? request : JSON.stringify(request)),
  };
}

test('send lets the host send datagrams, with queries beside them', () => {
  const { driver, ask } = controlled();
  assert.deepEqual(ask({ id: 7, command: 'send', to: '198.51.100.1:40000', port: 7000, text: 'hello', count: 2 }), {
    id: 7,
    ok: true,
    result: { datagrams: 2 },
  });
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

test('addresses and rules take effect; status shows them', () => {
  const { driver, ask } = controlled();
  ask({ command: 'addresses', addresses: ['192.0.2.9', '192.0.2.1'] });
  ask({ command: 'rules', rules: [{ protocol: 'udp', endSize: 200, priority: 'responsiveness' }] });
  assert.equal(driver.endpoint.state.routing.priority(1, 2, 17, 100), 'responsiveness');
  const { result } = ask({ command: 'status' }) as { result: ReturnType<typeof statusOf> };
  assert.deepEqual(result.addresses, ['192.0.2.9', '192.0.2.1']);
  assert.deepEqual(result.rules, [{ protocol: 17, endSize: 200, priority: 'responsiveness' }]);
});

const wrong: [string, unknown, RegExp][] = [
  ['no JSON', 'hello', /no JSON/],
  ['no object', '7', /JSON object/],
  ['an unknown command', { command: 'fly' }, /no command 'fly'/],
  ['no destination', { command: 'send', port: 7000 }, /to must be/],
  ['a port without a socket', { command: 'send', to: '1.2.3.4:5', port: 9 }, /no socket/],
  ['too many', { command: 'send', to: '1.2.3.4:5', port: 7000, count: 1e9 }, /count/],
  ['odd hex', { command: 'send', to: '1.2.3.4:5', port: 7000, hex: 'abc' }, /hex/],
  ['no addresses', { command: 'addresses', addresses: [] }, /at least one address/],
  ['a rule with a wrong field', { command: 'rules', rules: [{ priority: 'throughput', prio: 1 }] }, /no field 'prio'/],
  ['a rule without priority', { command: 'rules', rules: [{}] }, /priority/],
];

for (const [what, request, message] of wrong) {
  test(`the control socket refuses ${what} with a sentence`, () => {
    const answer = controlled().ask(request) as { ok: boolean; error: string };
    assert.equal(answer.ok, false);
    assert.match(answer.error, message);
  });
}

test('the status of a multipath connection has its tables, in JSON and in words', () => {
  const pair = new Pair();
  for (let i = 0; i < 30; i++) pair.exchange();
  const status = JSON.parse(JSON.stringify(statusOf(pair.a.endpoint))) as ReturnType<typeof statusOf>;
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
