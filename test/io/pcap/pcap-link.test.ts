import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildUdp, parseIpv4 } from '../../../src/codec/index.js';
import { PcapError, PcapLink } from '../../../src/io/pcap/pcap-link.js';
import { CAP } from '../../support/cap.js';

const LOOPBACK = parseIpv4('127.0.0.1');

/** Waits until `read` has a frame. */
async function next(link: PcapLink): Promise<Buffer> {
  for (;;) {
    const frame = link.read();
    if (frame !== undefined) return Buffer.from(frame.octets);
    assert.ok(!link.isOver, link.failure);
    await new Promise<void>((resolve) => {
      link.onReady = resolve;
    });
  }
}

async function untilOver(link: PcapLink): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  for (;;) {
    for (let frame = link.read(); frame !== undefined; frame = link.read()) frames.push(Buffer.from(frame.octets));
    if (link.isOver) return frames;
    await new Promise<void>((resolve) => {
      link.onReady = resolve;
    });
  }
}

const refuses = (code: PcapError['code'], sentence: RegExp) => (error: unknown) => {
  assert.ok(error instanceof PcapError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, sentence);
  return true;
};

test('without the package cap: one sentence says how to have it', async () => {
  await assert.rejects(
    PcapLink.open(['lo'], { module: '/nonexistent/cap' }),
    refuses(
      'install',
      /^libpcap is used through the optional package cap, which is not in \/nonexistent\/cap: npm install --prefix DIR cap@0\.2\.1, then MPIP_CAP=/,
    ),
  );
});

test('a package that was not compiled, or whose libpcap is missing, is told from none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-cap-'));
  writeFileSync(join(folder, 'index.js'), "throw new Error('libpcap.so.0.8: cannot open shared object file');");
  await assert.rejects(
    PcapLink.open(['lo'], { module: folder }),
    refuses(
      'install',
      /^The package cap is installed but cannot be loaded \(libpcap\.so\.0\.8: cannot open .*npm rebuild cap\.$/,
    ),
  );
  rmSync(folder, { recursive: true });
});

test('frames that nobody reads in time are counted, and those that were kept are in order', async () => {
  const sent = 900;
  const folder = mkdtempSync(join(tmpdir(), 'mpip-cap-'));
  const done = join(folder, 'done');
  // As cap does while frames come: one after the other, without a return to the event loop. 54 MB, of which the process keeps 32.
  writeFileSync(
    join(folder, 'index.js'),
    `exports.Cap = class {
      on(_, listener) { this.listener = listener; }
      open(_, __, ___, buffer) {
        setImmediate(() => {
          for (let i = 0; i < ${sent}; i++) {
            buffer.writeUInt16BE(i);
            this.listener(60000, false);
          }
          require('node:fs').writeFileSync(${JSON.stringify(done)}, '');
        });
        return 'Unknown linktype 147';
      }
    };`,
  );
  const link = await PcapLink.open(['lo'], { module: folder });
  assert.deepEqual(link.linkTypes, [147]);
  while (!existsSync(done)) await new Promise((resolve) => setTimeout(resolve, 10));
  link.end();
  const numbers = (await untilOver(link)).map((frame) => frame.readUInt16BE());
  assert.ok(link.lost > 0);
  assert.equal(numbers.length + link.lost, sent);
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => a - b),
  );
  rmSync(folder, { recursive: true });
});

// Nothing is registered, and so nothing skipped, where verify could not compile the package.
if (CAP !== undefined) {
  const module = CAP;
  const open = (filter: string) => PcapLink.open(['lo'], { module, filter });

  test('what is refused is one sentence: no such interface and which there are, a wrong filter, no privilege', async () => {
    await assert.rejects(
      PcapLink.open(['mpip-none'], { module }),
      refuses('device', /^There is no interface 'mpip-none'; choose from .*\blo\b.*\.$/),
    );
    await assert.rejects(
      open('udp and'),
      refuses('refused', /^libpcap does not open lo with the filter 'udp and': .*\.$/),
    );
  });

  test('what the filter takes is read with the time of reading, and nothing else', async () => {
    const link = await open('udp dst port 7411');
    assert.deepEqual(link.linkTypes, [1]);
    const socket = createSocket('udp4').bind(7412, '127.0.0.1');
    await once(socket, 'listening');
    const before = Date.now() - 1;
    for (const port of [7410, 7411]) socket.send(`to ${port}`, port, '127.0.0.1');
    const frame = await next(link);
    assert.equal(frame.subarray(14 + 28).toString(), 'to 7411');
    socket.send('last', 7411, '127.0.0.1');
    await new Promise<void>((resolve) => {
      link.onReady = resolve;
    });
    const { micros, octets } = link.read()!;
    assert.equal(
      Buffer.from(octets)
        .subarray(14 + 28)
        .toString(),
      'last',
    );
    assert.ok(micros >= before * 1000 && micros <= (Date.now() + 1) * 1000, `${micros}`);
    socket.close();
    link.close();
  });

  test('at the end what came until then is read, then it is over without a failure', async () => {
    const link = await open('udp dst port 7413');
    const socket = createSocket('udp4');
    // It finds the end and what came before at the same time.
    process.kill(link.pid!, 'SIGSTOP');
    for (let i = 0; i < 100; i++) await new Promise((sent) => socket.send(Buffer.of(i), 7413, '127.0.0.1', sent));
    link.end();
    process.kill(link.pid!, 'SIGCONT');
    const frames = await untilOver(link);
    assert.deepEqual(
      frames.map((frame) => frame[14 + 28]),
      Array.from({ length: 100 }, (_, i) => i),
    );
    assert.deepEqual([link.failure, link.lost], [undefined, 0]);
    socket.close();
  });

  test('a frame is sent as it is; what libpcap does not send is counted', async () => {
    const link = await open('udp dst port 7415');
    const tuple = { source: LOOPBACK, sourcePort: 7414, destination: LOOPBACK, destinationPort: 7415 };
    const frame = Buffer.concat([new Uint8Array(12), Uint8Array.of(8, 0), buildUdp(tuple, Buffer.from('by libpcap'))]);
    link.send(frame);
    assert.deepEqual(await next(link), frame);
    // No frame at all, then one that shows that this was not the end.
    link.send(new Uint8Array(0));
    link.send(frame);
    assert.deepEqual(await next(link), frame);
    assert.equal(link.refused, 1);
    link.end();
    link.send(frame);
    assert.deepEqual(await untilOver(link), []);
  });

  test('when its process is killed, what came before is kept, and a sentence says so', async () => {
    const link = await open('udp dst port 7416');
    const socket = createSocket('udp4');
    await new Promise((sent) => socket.send('kept', 7416, '127.0.0.1', sent));
    while (!link.isReady)
      await new Promise<void>((resolve) => {
        link.onReady = resolve;
      });
    process.kill(link.pid!, 'SIGKILL');
    const frames = await untilOver(link);
    assert.deepEqual(
      frames.map((frame) => frame.subarray(14 + 28).toString()),
      ['kept'],
    );
    assert.equal(link.failure, 'The process that uses libpcap for lo ended (SIGKILL).');
    // Nothing crashes.
    link.send(frames[0]!);
    link.end();
    link.close();
    socket.close();
  });

  test('several at once, opened and closed many times, leave no process', async () => {
    const links = await Promise.all(Array.from({ length: 4 }, () => open('udp dst port 7417')));
    const pids = links.map(({ pid }) => pid!);
    for (const link of links) link.close();
    const isAlive = (pid: number) => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 10));
  });
}
