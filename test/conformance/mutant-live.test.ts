import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { parseIpv4 } from '../../src/codec/index.js';
import { CASES } from '../../src/conformance/cases/index.js';
import { runSuite } from '../../src/conformance/engine.js';
import { RawLink } from '../../src/conformance/raw-link.js';
import { SocketLink } from '../../src/conformance/socket-link.js';

const ADDRESS = '127.0.0.1';

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, ADDRESS);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

async function startMutant(name: string, port: number, ...more: readonly string[]): Promise<ChildProcess> {
  const options = ['--address', ADDRESS, '--port', String(port), '--service', 'echo', ...more];
  const child = spawn(process.execPath, ['scripts/mutant.mjs', name, 'peer', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: child.stdout! }), 'line');
  assert.match(line as string, /^ready /);
  return child;
}

test('a mutant runs as a live process, and the case about its defect fails it over sockets', async () => {
  const port = await freePort();
  const child = await startMutant('takes-unknown-flags-for-data', port);
  try {
    const address = parseIpv4(ADDRESS);
    const link = await SocketLink.open({ peer: { address, port } });
    const cases = CASES.filter(({ id }) => ['CK-unknown-flags-ordinary', 'CK-sum-of-octets'].includes(id));
    const run = await runSuite({ link, address, services: new Map([['echo', port]]), cases, catalogue: CASES });
    link.close();
    assert.deepEqual(
      run.cases.map(({ id, verdict }) => [id, verdict]),
      [
        ['CK-sum-of-octets', 'pass'],
        ['CK-unknown-flags-ordinary', 'fail'],
      ],
    );
  } finally {
    child.kill('SIGTERM');
    await once(child, 'close');
  }
});

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

test('with --tcp a mutant has TCP, and what is wrong with its segments shows over packet sockets', {
  skip: !isRoot && 'Packet sockets are for root.',
}, async () => {
  const port = await freePort();
  const child = await startMutant('segments-with-stale-checksum', port, '--tcp');
  try {
    const address = parseIpv4(ADDRESS);
    const link = await RawLink.open({ peer: { address, port } });
    const cases = CASES.filter(({ id }) => ['WF-segments-are-sound', 'CM-stream-keeps-every-octet'].includes(id));
    const run = await runSuite({
      link,
      address,
      services: new Map([['echo', port]]),
      tcpPort: port,
      cases,
      catalogue: CASES,
    });
    link.close();
    assert.deepEqual(
      run.cases.map(({ id, verdict, warnings }) => [id, verdict, warnings.map(({ code }) => code)]),
      [
        ['WF-segments-are-sound', 'pass', ['l4-checksum']],
        ['CM-stream-keeps-every-octet', 'pass', []],
      ],
    );
  } finally {
    child.kill('SIGTERM');
    await once(child, 'close');
  }
});

test('an unknown mutant is refused with the list of those there are', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/mutant.mjs', 'no-such'], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /no mutant 'no-such'/);
  assert.match(stderr, /queries-for-ever/);
});
