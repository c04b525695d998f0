import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { buildUdp, Flags, parseIpv4 } from '../../src/codec/index.js';
import { look, withCm } from '../support/peer-driver.js';

const MPIP = 'build/src/cli/mpip.js';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

function start(args: string[]): {
  child: ChildProcess;
  line: Promise<string>;
  ended: Promise<{ code: number | null; stderr: string }>;
} {
  const child = spawn(process.execPath, [MPIP, 'peer', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const line = once(createInterface({ input: child.stdout! }), 'line').then(([first]) => first as string);
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  return { child, line, ended };
}

test('mpip peer says ready, echoes, answers a query at once and stops cleanly', async () => {
  const port = await freePort();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { child, line, ended } = start([
      '--address',
      '127.0.0.1',
      '--port',
      String(port),
      '--service',
      'echo',
      '--node-id',
      '9d:f8',
    ]);
    const socket = createSocket('udp4');
    try {
      assert.equal(await line, `ready addresses 127.0.0.1 services echo:${port} node-id 9d:f8 profile paper`);
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      const tuple = {
        source: parseIpv4('127.0.0.1'),
        sourcePort: socket.address().port,
        destination: parseIpv4('127.0.0.1'),
        destinationPort: port,
      };
      socket.send(withCm(buildUdp(tuple, new Uint8Array(0)), { flags: Flags.enable }).subarray(28), port, '127.0.0.1');
      const [confirmation] = (await once(socket, 'message')) as [Uint8Array];
      const { cm } = look(buildUdp(tuple, confirmation));
      assert.equal(cm!.flags, Flags.enabled);
      assert.equal(cm!.nodeId, 0x9df8);
      socket.send('hello', port, '127.0.0.1');
      const [answer] = (await once(socket, 'message')) as [Uint8Array];
      const seen = look(buildUdp(tuple, answer));
      assert.equal(seen.payload, 'hello');
      assert.equal(seen.cm!.sessionId, 1);
    } finally {
      socket.close();
      child.kill(signal);
    }
    const { code, stderr } = await ended;
    assert.equal(code, 0);
    assert.match(stderr, new RegExp(`stopped by ${signal}`));
  }
});

const refused: [string, string[], number, RegExp][] = [
  ['no address', [], 2, /Give the peer an address/],
  ['a control socket without a path', ['--address', '127.0.0.1', '--control', ''], 2, /--control needs a path/],
  ['an address twice', ['--address', '127.0.0.1', '--address', '127.0.0.1'], 2, /given twice/],
  ['IPv6', ['--address', '::1'], 2, /IPv4 only/],
  ['no value', ['--address'], 2, /Not enough arguments/],
  ['an unknown constant', ['--address', '127.0.0.1', '--set', 'foo=1'], 2, /no constant 'foo'/],
  ['a constant out of bounds', ['--address', '127.0.0.1', '--set', 'query-limit=0'], 2, /query-limit must be from 1/],
  ['an unknown service', ['--address', '127.0.0.1', '--service', 'ecko'], 2, /did you mean echo/],
  [
    'two services on a port',
    ['--address', '127.0.0.1', '--service', 'echo', '--service', 'discard'],
    2,
    /both use port/,
  ],
  ['a port out of range', ['--address', '127.0.0.1', '--port', '70000'], 2, /from 1 to 65535/],
  ['a multicast node id', ['--address', '127.0.0.1', '--node-id', '01:00:00:00:00:01'], 2, /unicast/],
  ['an option that does not exist', ['--address', '127.0.0.1', '--fake-udp'], 2, /fake-udp/],
  ['an option of --interface', ['--address', '127.0.0.1', '--fake-tcp'], 2, /--fake-tcp needs --interface/],
  ['a route without interface', ['--address', '127.0.0.1', '--route', '10.0.0.0/8'], 2, /--route needs --interface/],
  ['an address beside an interface', ['--address', '127.0.0.1', '--interface', 'lo'], 2, /--address does not go with/],
  ['a service beside an interface', ['--service', 'echo', '--interface', 'lo'], 2, /--service does not go with/],
  ['an interface twice', ['--interface', 'lo', '--interface', 'lo'], 2, /lo was given twice/],
  ['both TCP modes', ['--interface', 'lo', '--fake-tcp', '--udp-wrapper'], 2, /exclude each other/],
  ['no network as a route', ['--interface', 'lo', '--route', '10.0.0.0/33'], 2, /no IPv4 network/],
  ['a number of paths out of range', ['--interface', 'lo', '--max-paths', '0'], 2, /--max-paths must be .* from 1/],
  ['cleanup with anything else', ['--cleanup', '--interface', 'lo'], 2, /--cleanup stands alone/],
  ['cleanup with how the node would be', ['--cleanup', '--udp-wrapper'], 2, /alone; leave --udp-wrapper out/],
  ['cleanup with a limit', ['--cleanup', '--limit', 'sessions=1'], 2, /alone; leave --limit out/],
  ['a word for a switch', ['--address', '127.0.0.1', '--no-reordering=yes'], 2, /takes no value; leave '=yes' out/],
  ['a leftover word', ['--address', '127.0.0.1', '--', 'x'], 2, /Unknown argument: x/],
  ['an address of nobody', ['--address', '192.0.2.1'], 4, /EADDRNOTAVAIL/],
];

for (const [what, args, exitCode, message] of refused) {
  test(`mpip peer refuses ${what} with one sentence and exit code ${exitCode}`, async () => {
    const { code, stderr } = await start(args).ended;
    assert.match(stderr, message);
    assert.equal(stderr.trim().split('\n').length, 1);
    assert.equal(code, exitCode);
  });
}
