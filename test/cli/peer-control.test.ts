import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Ajv } from 'ajv';
import { ControlClient } from '../../src/cli/control-client.js';
import type { HostStatus } from '../../src/cli/interface-peer.js';
import type { EndpointStatus } from '../../src/endpoint/index.js';
import { NamespaceLab, type Running, whyNoNamespaces } from '../support/namespaces.js';

const MPIP = 'build/src/cli/mpip.js';
const TRAFFIC = 'build/test/support/traffic.js';
const ECHO = '10.77.3.2:7000';

const reason = whyNoNamespaces();

describe('the control socket of mpip peer --interface', { skip: reason }, () => {
  let lab: NamespaceLab;
  const clients: ControlClient[] = [];
  before(async () => {
    lab = new NamespaceLab();
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7000'], /serving/);
  });
  after(() => lab?.close());
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await lab.endPeers();
  });

  const peer = (host: string, ...more: string[]): Promise<Running> => {
    const [first, second] = host === lab.hostA ? ['a1', 'a2'] : ['b1', 'b2'];
    const all = [MPIP, 'peer', '--interface', first!, '--interface', second!, ...more];
    return lab.start(host, process.execPath, all, /^ready /, true);
  };
  const statusOfA = (...more: string[]) => lab.exec(lab.hostA, process.execPath, MPIP, 'status', ...more);
  type Status = EndpointStatus & { host: HostStatus };
  /** Sockets in the file system are the same in every network namespace. */
  const open = async () => {
    const namespace = /\d+/.exec(lab.exec(lab.hostA, 'readlink', '/proc/self/ns/net'))![0];
    const running = await peer(lab.hostA);
    const client = await ControlClient.open(`/run/mpip/${namespace}-${running.pid}.sock`);
    clients.push(client);
    const ask = async <T>(request: object) => (await client.request(request)) as T;
    return { ask, status: () => ask<Status>({ command: 'status' }) };
  };
  const until = async (isTrue: () => Promise<boolean>) => {
    while (!(await isTrue())) await setTimeout(50);
  };

  test('connections of both protocols are opened, used and closed; sessions follow; addresses and tables too', async () => {
    await peer(lab.hostB);
    const { ask, status } = await open();
    for (const protocol of ['tcp', 'udp'] as const) {
      const opened = await ask<{ connection: number; from: string }>({ command: 'open', protocol, to: ECHO });
      const number = protocol === 'tcp' ? 6 : 17;
      const paths = async () => {
        await ask({ command: 'send', connection: opened.connection, text: 'x'.repeat(500), count: 5 });
        const { sessions, paths } = await status();
        const session = sessions.find((row) => row.protocol === number);
        return paths.filter(({ sessionId }) => sessionId === session?.sessionId);
      };
      await until(async () => (await paths()).length === 4);
      const all = await paths();
      assert.deepEqual(
        [...new Set(all.map(({ encapsulation }) => encapsulation))].sort(),
        protocol === 'tcp' ? ['fake-tcp', 'original'] : ['addresses', 'original'],
      );
      assert.ok(all.some(({ packetsSent, octetsSent }) => packetsSent > 0 && octetsSent > 500 * packetsSent * 0.1));
      await ask({ command: 'close', connection: opened.connection });
    }
    await assert.rejects(
      ask({ command: 'open', protocol: 'tcp', to: '10.77.3.2:1' }),
      /10\.77\.3\.2:1 cannot be reached \(ECONNREFUSED\)/,
    );
    await assert.rejects(ask({ command: 'add-address', address: '10.77.9.9' }), /none of the peer's interfaces/);
    assert.deepEqual(await ask({ command: 'remove-address', address: '10.77.2.2' }), { addresses: ['10.77.1.2'] });
    assert.deepEqual(await ask({ command: 'add-address', address: '10.77.2.2' }), {
      addresses: ['10.77.1.2', '10.77.2.2'],
    });
    assert.deepEqual(
      await ask({ command: 'send', protocol: 'tcp', to: ECHO, port: 5555, flags: ['syn'], sequence: 1 }),
      { segments: 1 },
    );
    assert.deepEqual(await ask({ command: 'send', to: ECHO, port: 5556, text: 'x', count: 3 }), { datagrams: 3 });
    const before = (await status()).sessions.map(({ tuple }) => tuple.sourcePort);
    assert.equal((await ask<{ sessions: number }>({ command: 'reset' })).sessions, before.length);
    // A retransmission may have begun one again.
    assert.ok((await status()).sessions.length < before.length);
  });

  test('mpip status finds the only peer; of several it lists them', async () => {
    const first = await lab.start(lab.hostA, process.execPath, [MPIP, 'peer', '--interface', 'a1'], /^ready /, true);
    assert.match(statusOfA(), /^node .* addresses 10\.77\.1\.2$/m);
    const ajv = new Ajv({ formats: { ipv4: true, 'date-time': true } });
    const isStatus = ajv.compile(JSON.parse(readFileSync('docs/schema/status.schema.json', 'utf8')));
    assert.ok(isStatus(JSON.parse(statusOfA('--json'))), JSON.stringify(isStatus.errors));
    const second = await lab.start(lab.hostA, process.execPath, [MPIP, 'peer', '--interface', 'a2'], /^ready /, true);
    await assert.rejects(
      async () => statusOfA(),
      new RegExp(
        `2 peers run here; choose one: (?=.*--control /run/mpip/\\d+-${first.pid}\\.sock \\(process ${first.pid} on a1\\)).*process ${second.pid} on a2`,
      ),
    );
    await lab.endPeers();
    await assert.rejects(async () => statusOfA(), /No peer with --interface runs here/);
  });

  test('--max-paths keeps the fastest, over a real kernel', async () => {
    await peer(lab.hostB);
    const running = await peer(lab.hostA, '--max-paths', '2');
    const stream = await lab.start(lab.hostA, process.execPath, [TRAFFIC, 'stream', '10.77.3.2', '7000'], /connected/);
    const paths = () => (JSON.parse(statusOfA('--json')) as Status).paths;
    await until(async () => paths().filter(({ samples }) => samples > 20).length === 2);
    for (let i = 0; i < 5; i++) {
      stream.signal('SIGUSR1');
      await stream.until(new RegExp(`mark ${i + 1}$`));
      assert.ok(paths().length <= 4);
    }
    await until(async () => paths().length === 2);
    stream.signal('SIGUSR2');
    assert.match(await stream.until(/^\{/), /"intact":true/);
    assert.equal((await running.end('SIGTERM')).code, 0);
  });
});
