import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { Dissector } from '../../src/dissector/dissector.js';
import { Reassembler } from '../../src/dissector/follow/reassembler.js';
import { SessionFollower } from '../../src/dissector/follow/session-follower.js';
import { PacketView } from '../../src/dissector/packet-view.js';
import { readMerged } from '../../src/io/merged-captures.js';
import { runs } from '../support/runs.js';

const pcap = (name: string) => `fixtures/pcaps/${name}.pcap`;

/** What each end of a session says, by address and port, and the octets that are missing. */
async function followed(session: number, ...files: string[]) {
  const said = new Map<string, Buffer[]>();
  let missing = 0;
  const follower = new SessionFollower(session, {
    data: ({ name }, octets) => {
      const list = said.get(name) ?? [];
      said.set(name, list);
      list.push(Buffer.from(octets));
    },
    gap: (_, length) => {
      missing += length;
    },
  });
  const view = new PacketView(new Dissector());
  await readMerged(files, (packet) => {
    view.inspect(packet);
    follower.add(view);
  });
  follower.finish();
  return { said: new Map([...said].map(([name, list]) => [name, Buffer.concat(list)])), missing };
}

/** What the recordings' programs sent: a number, and the alphabet again and again. */
function message(number: number, length: number): string {
  const head = `#${String(number).padStart(6, '0')} `;
  const letters = Array.from({ length }, (_, at) => String.fromCharCode(97 + ((at + number) % 26))).join('');
  return head + letters.slice(head.length, length);
}

for (const name of ['linux-2015-tcp-wrapper-reqresp', 'linux-2015-tcp-fake-reqresp']) {
  test(`${name}: requests and replies over all paths, whole and in order`, async () => {
    const { said, missing } = await followed(2, pcap(name));
    assert.equal(missing, 0);
    const expected = Array.from({ length: 40 }, (_, number) => message(number, 600)).join('');
    assert.equal(said.size, 2);
    for (const [end, data] of said) assert.equal(data.toString(), expected, end);
  });
}

for (const name of ['linux-2015-tcp-fake', 'linux-2015-tcp-wrapper', 'linux-2015-tcp-fake-offload']) {
  test(`${name}: one and a half million octets, none missing, segments without a CM too`, async () => {
    const { said, missing } = await followed(2, pcap(name));
    assert.equal(missing, 0);
    const [client, server] = [...said].sort((a, b) => b[1].length - a[1].length);
    assert.equal(client![1].length, 1_500_000);
    assert.match(server![1].toString(), /1500000/);
  });
}

test('both links of a host merged say the same as the whole; one link alone lacks what the other carried', async () => {
  const links = [pcap('linux-2015-tcp-fake.link1'), pcap('linux-2015-tcp-fake.link2')];
  assert.deepEqual(await followed(2, ...links), await followed(2, pcap('linux-2015-tcp-fake')));
  assert.ok((await followed(2, links[0]!)).missing > 0);
});

test('datagrams: the user data of each, without queries and heartbeats', async () => {
  const { said } = await followed(2, pcap('linux-2015-udp'));
  assert.equal(said.size, 2);
  for (const data of said.values()) assert.match(data.toString(), /#000001 jkl/);
});

test('segments in any order, repeated, overlapping, with numbers that wrap, give the stream', () => {
  const stream = Uint8Array.from({ length: 600 }, (_, at) => (at * 7) & 255);
  const cuts = fc.array(fc.tuple(fc.integer({ min: 0, max: 599 }), fc.integer({ min: 1, max: 80 })), { maxLength: 40 });
  fc.assert(
    fc.property(cuts, fc.integer({ min: 0, max: 0xffffffff }), (extra, first) => {
      const got: number[] = [];
      const reassembler = new Reassembler({ data: (octets) => got.push(...octets), gap: () => assert.fail('a gap') });
      reassembler.begin((first - 1) >>> 0);
      const whole = Array.from({ length: 12 }, (_, index): [number, number] => [((index * 5) % 12) * 50, 50]);
      for (const [at, length] of [...extra, ...whole]) {
        reassembler.add((first + at) >>> 0, stream.subarray(at, Math.min(600, at + length)));
        assert.deepEqual(got, [...stream.subarray(0, got.length)], 'nothing is given out early');
      }
      assert.equal(got.length, 600);
    }),
    runs(200),
  );
});

test('what the other end has acknowledged and the capture lacks is a gap', () => {
  const events: string[] = [];
  const reassembler = new Reassembler({
    data: (octets) => events.push(Buffer.from(octets).toString()),
    gap: (length) => events.push(`[${length}]`),
  });
  reassembler.add(100, Buffer.from('ab'));
  reassembler.add(105, Buffer.from('fg'));
  assert.deepEqual(events, ['ab']);
  reassembler.acknowledged(102);
  assert.deepEqual(events, ['ab'], 'nothing beyond was acknowledged');
  reassembler.acknowledged(107);
  assert.deepEqual(events, ['ab', '[3]', 'fg']);
  reassembler.add(102, Buffer.from('cde'));
  assert.deepEqual(events, ['ab', '[3]', 'fg'], 'too late');
  reassembler.add(109, Buffer.from('i'));
  reassembler.end();
  assert.deepEqual(events.slice(3), ['[2]', 'i']);
});

test('mpip dissect --follow: text, hex and raw; what is wrong is said', () => {
  const mpip = (...args: string[]) =>
    spawnSync(process.execPath, ['build/src/cli/mpip.js', 'dissect', ...args], { encoding: 'latin1' });
  const file = pcap('linux-2015-tcp-fake-reqresp');
  const text = mpip('--follow', 'session=2', file);
  assert.equal(text.status, 0);
  assert.match(text.stdout, /^--- 10\.1\.0\.1:\d+\n#000000 ijk[a-z]+\n--- 10\.1\.0\.2:5001\n#000000 ijk/);
  assert.match(
    text.stderr,
    /^mpip: session 2: 10\.1\.0\.1:\d+ sent 24000 octets, 10\.1\.0\.2:5001 sent 24000 octets\.$/m,
  );
  const hex = mpip('--follow', 'session=2,hex', file);
  assert.match(hex.stdout, /\n00000000 {2}23 30 30 30 30 30 30 20 69 .* {2}#000000 i/);
  const raw = mpip('--follow', 'session=2,raw', file);
  assert.equal(raw.stdout, Array.from({ length: 40 }, (_, number) => message(number, 600).repeat(2)).join(''));
  assert.match(mpip('--follow', 'session=99', file).stderr, /no packet of session 99/);
  for (const wrong of ['2', 'session=0', 'session=2,octal', 'session=2,raw,x', 'path=2']) {
    const { status, stderr } = mpip('--follow', wrong, file);
    assert.equal(status, 2, stderr);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  }
  assert.equal(mpip('--follow', 'session=2', '--summary', file).status, 2);
});
