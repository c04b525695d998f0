import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UsageError } from '../../src/cli/exit.js';
import { datagramFrom, messageFrom, parseFieldValues } from '../../src/cli/field-values.js';
import { parseHex, readOctets } from '../../src/cli/octet-input.js';
import { decode } from '../../src/codec/index.js';
import { bytesOf, hexOf } from '../support/hex.js';

const block = '199df8070305003073752efbffffc000020ac6336414003908';
const datagram = `4500003b1234400040112a6cc000020acb0071079c4013890027621b68656c6c6f00${block}`;
const folder = mkdtempSync(join(tmpdir(), 'mpip-decode-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs mpip. */
function mpip(args: string[], input?: string | Uint8Array) {
  const result = spawnSync(process.execPath, ['build/src/cli/mpip.js', ...args], { input: input ?? '' });
  return {
    status: result.status,
    stdout: result.stdout.toString(),
    stderr: result.stderr.toString(),
    raw: result.stdout,
  };
}

/** A file in the test's folder. */
function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('hex may have spaces, colons, commas, line ends, 0x and the offsets of a dump', () => {
  for (const text of [
    '199df8',
    '19 9d f8',
    '19:9D:F8',
    '0x19, 0x9d, 0xf8',
    '0x199df8',
    '19\n9d\r\nf8\n',
    '\t0x0000:  199d f8',
    '0x0000:  199d\n0x0010:  f8',
    '00000000: 199d\n00000002: f8',
  ])
    assert.equal(hexOf(parseHex(text)!), '199df8', text);
  for (const text of ['', '1', '199', 'xyz', '19 9d g8', '-19']) assert.equal(parseHex(text), undefined, text);
});

test('octets come from words, from files of raw octets and from files of hex', () => {
  assert.equal(hexOf(readOctets(['19', '9d', 'f8'])), '199df8');
  assert.equal(hexOf(readOctets([file('raw', bytesOf(block))])), block);
  assert.equal(hexOf(readOctets([file('hex.txt', `${block}\n`)])), block);
});

test('decode explains a datagram and exits 0', () => {
  const { status, stdout } = mpip(['decode', datagram]);
  assert.equal(status, 0);
  assert.match(stdout, /layout compact; trailer from 33 to 58/);
  assert.match(stdout, /26 {2}62 1b +Checksum +0x621b {2}good/);
  assert.match(stdout, /44 {2}2e fb ff ff +Path Delay +-1234 {2}µs/);
});

test('decode --format json gives every field with its offset', () => {
  const { status, stdout } = mpip(['decode', '--format', 'json', '-'], block);
  assert.equal(status, 0);
  const object = JSON.parse(stdout);
  assert.equal(object.isControlMessage, true);
  assert.equal(object.layout, 'compact');
  const delay = object.fields.find((field: { name: string }) => field.name === 'pathDelay');
  assert.deepEqual([delay.offset, delay.hex, delay.value, delay.filter], [10, '2efbffff', -1234, 'mpip.path_delay']);
});

test('decode of what is no CM says which rule fails where, and exits 4', () => {
  const { status, stdout } = mpip(['decode', `${block.slice(0, 44)}06${block.slice(46)}`]);
  assert.equal(status, 4);
  assert.match(stdout, /compact: flags at offset 22 is 6, needed 0 to 5\./);
  assert.match(stdout, /full: version at offset 21 is 20, needed 162\./);
  assert.match(stdout, /Path Delay +-1234/);
});

test('decode --layout looks for one layout only', () => {
  assert.equal(mpip(['decode', '--layout', 'full', block]).status, 4);
  assert.equal(mpip(['decode', '--layout', 'compact', block]).status, 0);
});

test('decode: no hex and no file, a wrong option: one sentence, exit 2; an unreadable file or a capture: exit 4', () => {
  const cases: [string[], number, RegExp][] = [
    [['decode', 'zz'], 2, /neither hex nor a file/],
    [['decode', '199'], 2, /3 hex digits, an odd number/],
    [['decode'], 2, /./],
    [['decode', '--layout', 'ful', block], 2, /did you mean full\?/],
    [['decode', '--format', 'xml', block], 2, /choose text, json/],
    [['decode', '--fromat', 'json', block], 2, /./],
    [['decode', folder], 4, /cannot be read/],
    [['decode', file('empty', '')], 4, /is empty/],
    [['decode', 'fixtures/pcaps/linux-2015-udp.pcap'], 4, /use mpip dissect/],
  ];
  for (const [args, status, message] of cases) {
    const result = mpip(args);
    assert.equal(result.status, status, args.join(' '));
    assert.match(result.stderr, message);
    assert.match(result.stderr, /^mpip: [^\n]+\n$/, args.join(' '));
    assert.equal(result.stdout, '');
  }
});

test('encode builds the worked block, from names of code and of the filters alike', () => {
  const { status, stdout } = mpip([
    'encode',
    'nodeId=9d:f8',
    'mpip.session_id=7',
    'path-id=3',
    'feedbackPathId=0x5',
    'timestamp=0x75733000',
    'pathDelay=-1234',
    'localAddresses=192.0.2.10,198.51.100.20',
    'flags=normal',
  ]);
  assert.equal(status, 0);
  assert.equal(stdout, `00${block}\n`);
});

test('encode --datagram puts the trailer behind a UDP datagram; --format raw gives octets that decode reads', () => {
  const built = mpip([
    'encode',
    '--datagram',
    'src=192.0.2.10:40000',
    'dst=203.0.113.7:5001',
    'payload=hello',
    'identification=0x1234',
    '--format',
    'raw',
    'nodeId=9df8',
    'sessionId=7',
    'pathId=3',
    'feedbackPathId=5',
    'timestamp=1970483200',
    'pathDelay=-1234',
    'mpip.local_addr=192.0.2.10',
    'mpip.local_addr=198.51.100.20',
  ]);
  assert.equal(built.stderr, '');
  assert.equal(hexOf(built.raw), datagram);
  assert.equal(mpip(['decode', '-'], built.raw).status, 0);
});

test('encode of layout full', () => {
  const values = parseFieldValues(['layout=full', 'nodeId=52:54:00:00:0a:01', 'sessionId=65535', 'flags=5'], false);
  const message = messageFrom(values);
  assert.equal(message.nodeId, 0x525400000a01);
  assert.equal(message.flags, 5);
  const { stdout } = mpip(['encode', 'layout=full', 'nodeId=525400000a01', 'sessionId=65535', 'flags=handshake']);
  assert.deepEqual(decode(bytesOf(stdout), 'full'), message);
});

test('encode: every wrong value is one sentence and exit 2', () => {
  const wrong: [string[], RegExp][] = [
    [['sessionId=256'], /^sessionId is 256; layout compact needs a whole number from 0 to 255\.$/],
    [['sessionId=x'], /sessionId cannot be 'x'/],
    [['session=1'], /did you mean sessionId\?/],
    [['nodeId=9d'], /nodeId cannot be '9d'/],
    [['nodeId=52:54:00:00:0a:01'], /layout=full/],
    [['flags=6'], /flags is 6/],
    [['flags=hartbeat'], /did you mean heartbeat\?/],
    [['layout=ful'], /did you mean full\?/],
    [['checksum=5'], /is computed/],
    [['pathId'], /is not FIELD=VALUE/],
    [['pathId=1', 'pathId=2'], /given twice/],
    [['localAddresses=1.2.3'], /localAddresses cannot be/],
    [['localAddresses=1.1.1.1,2.2.2.2,3.3.3.3'], /localAddresses is 3 addresses; layout compact needs at most 2\./],
    [['src=1.1.1.1:1'], /give --datagram too/],
    [['layout=full'], /nodeId is 0/],
    [['layout=full', 'filler=1'], /has no filler/],
    [['filler=256'], /filler is 256/],
    [['--datagram'], /needs src/],
    [['--datagram', 'src=1.1.1.1:1', 'dst=1.1.1.1'], /dst cannot be/],
  ];
  for (const [args, message] of wrong.slice(0, 3)) {
    const result = mpip(['encode', ...args]);
    assert.equal(result.status, 2, args.join(' '));
    assert.match(result.stderr.replace(/^mpip: /, '').trimEnd(), message);
    assert.equal(result.stdout, '');
  }
  for (const args of [['flags=6'], ['layout=full']]) assert.equal(mpip(['encode', ...args]).status, 2);
  for (const [args, message] of wrong) {
    const isDatagram = args.includes('--datagram');
    const words = args.filter((word) => word !== '--datagram');
    let text = '';
    try {
      const values = parseFieldValues(words, isDatagram);
      messageFrom(values);
      if (isDatagram) datagramFrom(values);
      // What only the codec refuses: seen through the command.
      text = mpip(['encode', ...args])
        .stderr.replace(/^mpip: /, '')
        .trimEnd();
    } catch (error) {
      assert.ok(error instanceof UsageError, String(error));
      text = error.message;
    }
    assert.match(text, message);
    assert.match(text, /^[^\n]+[.?]$/);
  }
});
