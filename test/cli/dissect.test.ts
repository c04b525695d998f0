import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { runDissect } from '../../src/cli/commands/dissect.js';
import type { DissectRequest } from '../../src/cli/dissect-request.js';
import type { Output } from '../../src/cli/output.js';
import { compileFilter } from '../../src/dissector/filter/filter.js';
import { RECORD_FIELDS } from '../../src/dissector/record.js';
import { PcapngEncoder } from '../../src/io/pcapng-writer.js';
import { A, B, cm, pcapOf, tuple, udp } from '../dissector/made-packets.js';
import { interruptDissect } from '../support/interrupted-dissect.js';

const MPIP = 'build/src/cli/mpip.js';
const UDP = 'fixtures/pcaps/linux-2015-udp.pcap';
const MOVED = 'fixtures/pcaps/linux-2015-link-down-up.pcap';
const PROBES = 'fixtures/pcaps/linux-2015-hand-made-probes.pcap';
const folder = mkdtempSync(join(tmpdir(), 'mpip-dissect-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs the command as a person does. */
function mpip(args: readonly string[], input?: Uint8Array): { code: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MPIP, 'dissect', ...args], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    env: { ...process.env, NO_COLOR: '' },
    ...(input === undefined ? {} : { input }),
  });
  return { code: status, out: stdout, error: stderr };
}

/** Runs it in this process. */
async function run(
  request: Partial<DissectRequest>,
  colour = false,
): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const output: Output = {
    out: (text) => {
      out += text;
    },
    octets: (bytes) => {
      out += Buffer.from(bytes).toString();
    },
    error: (text) => {
      error += text;
    },
    flush: async () => {},
    isOpen: true,
    colour,
  };
  const defaults = {
    files: [],
    format: 'text',
    fields: [],
    all: false,
    summary: false,
    conversations: false,
    checksums: false,
  } as const;
  const code = await runDissect({ ...defaults, ...request }, output);
  return { code, out, error };
}

function scratch(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const objects = (out: string) =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const expected = objects(readFileSync(UDP.replace('.pcap', '.expected.ndjson'), 'utf8'));

test('NDJSON: one object a line for each packet with a CM, exit 0, nothing on stderr', () => {
  const { code, out, error } = mpip(['--format', 'ndjson', UDP]);
  assert.deepEqual([code, error], [0, '']);
  assert.deepEqual(
    objects(out).map((record) => [record['frame.number'], record['mpip.timestamp']]),
    expected.map((record) => [record['frame.number'], record['mpip.timestamp']]),
  );
});

test('text is the default: a header and a readable line for each packet with a CM', async () => {
  const { code, out } = await run({ files: [UDP] });
  const lines = out.trimEnd().split('\n');
  assert.equal(code, 0);
  assert.equal(lines.length, 1 + expected.length);
  assert.match(
    lines[0]!,
    /^ +no +time +source +destination +carrier +flag +node +session +path +feedback +timestamp +data +addresses$/,
  );
  const start = / 4 +0\.035271 +10\.1\.0\.1:40000 +→ +10\.1\.0\.2:7000 +UDP +enable +0a:01 +- +0 +- +1870674232 +20/;
  assert.match(lines[1]!, new RegExp(`^ +${start.source} +10\\.2\\.0\\.1 10\\.1\\.0\\.1$`));
  assert.match(lines[2]!, /! udp-length$/);
  assert.match(lines[8]!, / 3: -4716 /);
  assert.match(lines[9]!, / 3: \+11025 /);
  assert.ok(!out.includes('\u001b'), 'no colours unless on a terminal');
  // The header stands over what it names: left-aligned titles start where their cells do.
  for (const title of ['source', 'flag', 'node', 'feedback', 'addresses']) {
    const at = lines[0]!.indexOf(title);
    assert.match(lines[1]!.slice(at - 1, at + 1), /^ \S$/, title);
  }
});

test('an address list is printed when it is new or has changed', async () => {
  const { out } = await run({ files: ['fixtures/pcaps/linux-2015-link-down-up.pcap'] });
  const listed = out
    .split('\n')
    .filter((line) => /^ +\d/.test(line) && / \d+\.\d+\.\d+\.\d+( \d+\.\d+\.\d+\.\d+)?( {2}!.*)?$/.test(line));
  assert.ok(listed.length >= 3 && listed.length < 20, `${listed.length} lists`);
});

test('colours are only painted when wanted, and change nothing else', async () => {
  const plain = await run({ files: [UDP, PROBES], all: true });
  const coloured = await run({ files: [UDP, PROBES], all: true }, true);
  assert.notEqual(coloured.out, plain.out);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the colours
  assert.equal(coloured.out.replaceAll(/\u001b\[\d+m/g, ''), plain.out);
});

test('text with --all shows ordinary packets and near-CMs', async () => {
  const { out } = await run({ files: [PROBES], all: true });
  assert.match(out, /near-cm: flags are 6, above 5/);
  const wrongSum = udp(cm());
  wrongSum[wrongSum.length - 2]! ^= 1;
  const made = await run({ files: [scratch('sum.pcap', pcapOf(udp(cm()), wrongSum))], all: true });
  assert.match(made.out, /near-cm: checksum is \d+, the octets before it add up to \d+/);
  assert.match(out, /not IPv4/);
});

test('-e selects and orders fields in every format; what a packet has not is left out or empty', async () => {
  const fields = ['mpip.local_addr', 'tcp.srcport', 'frame.number'] as const;
  const first = async (format: DissectRequest['format']) =>
    (await run({ files: [UDP], format, fields })).out.split('\n');
  assert.equal((await first('ndjson'))[0], '{"mpip.local_addr":["10.2.0.1","10.1.0.1"],"frame.number":4}');
  assert.deepEqual((await first('csv')).slice(0, 2), [
    'mpip.local_addr,tcp.srcport,frame.number',
    '"10.2.0.1,10.1.0.1",,4',
  ]);
  assert.equal((await first('text'))[0], '10.2.0.1,10.1.0.1\t\t4');
  assert.equal((await first('json'))[1], '{"mpip.local_addr":["10.2.0.1","10.1.0.1"],"frame.number":4},');
  const { code, out } = mpip(['-e', 'mpip.flags', UDP, '-e', 'frame.number']);
  assert.equal(code, 0);
  assert.equal(out.split('\n')[0], '3\t4');
});

test('JSON is one well-formed array, also without packets', async () => {
  const { out } = await run({ files: [UDP], format: 'json' });
  assert.equal((JSON.parse(out) as unknown[]).length, expected.length);
  const none = await run({ files: ['fixtures/pcaps/linux-2015-disabled.pcap'], format: 'json' });
  assert.deepEqual(JSON.parse(none.out), []);
  assert.match(none.error, /packets read: \d+; none carries a control message/);
  assert.equal(none.code, 0);
});

test('CSV has one header and as many cells in every line, quoted where needed', async () => {
  const { out } = await run({ files: [UDP], format: 'csv', all: true });
  const lines = out.trimEnd().split('\n');
  assert.deepEqual(lines[0]!.split(','), RECORD_FIELDS);
  for (const line of lines) {
    const cells = line.match(/("([^"]|"")*"|[^",]*)(,|$)/g)!;
    assert.equal(cells.length - (line.endsWith(',') ? 0 : 1), RECORD_FIELDS.length, line);
  }
});

test('standard input, gzip, and both; options and files in any order', () => {
  const plain = mpip(['--format', 'ndjson', UDP]).out;
  const file = readFileSync(UDP);
  assert.equal(mpip(['-', '--format', 'ndjson'], file).out, plain);
  assert.equal(mpip(['--format', 'ndjson', '-'], gzipSync(file)).out, plain);
  assert.equal(mpip([scratch('a.pcap.gz', gzipSync(file)), '--format=ndjson']).out, plain);
});

test('several files are merged by time, and each packet says which it comes from', async () => {
  const links = ['link1', 'link2'].map((link) => `fixtures/pcaps/linux-2015-udp.${link}.pcap`);
  const records = objects((await run({ files: links, format: 'ndjson' })).out);
  const whole = objects((await run({ files: [UDP], format: 'ndjson' })).out);
  assert.deepEqual([...new Set(records.map((record) => record['frame.file']))], links);
  const of = (list: Record<string, unknown>[], field: string) => list.map((record) => record[field]);
  for (const field of ['frame.time_epoch', 'mpip.timestamp', 'mpip.analysis.feedback_tuple', 'mpip.analysis.delay'])
    assert.deepEqual(of(records, field), of(whole, field), field);
  const { out } = await run({ files: links });
  assert.match(out, /^file +no +time +source/);
  assert.match(out, /link1\.pcap +10 +0\.092533 .*\n.*link2\.pcap +3 +0\.141851 /);
});

test('a frame is an answer to one of its own file only', async () => {
  const back = { ...tuple(), ...{ source: B, destination: A, sourcePort: 7000, destinationPort: 40000 } };
  const query = udp(cm({ flags: 3 }));
  const answer = udp(cm({ flags: 4, nodeId: 0x0b01 }), undefined, back);
  const files = [scratch('asked.pcap', pcapOf(query)), scratch('both.pcap', pcapOf(udp(undefined), query, answer))];
  const records = objects(
    (await run({ files, format: 'ndjson', fields: ['frame.file', 'mpip.analysis.response_to'] })).out,
  );
  assert.deepEqual(records.at(-1), { 'frame.file': files[1], 'mpip.analysis.response_to': 2 });
  const apart = [files[0]!, scratch('answered.pcap', pcapOf(udp(undefined), answer))];
  const split = objects((await run({ files: apart, format: 'ndjson', fields: ['mpip.analysis.response_to'] })).out);
  assert.deepEqual(split, [{}, {}]);
});

test('-Y selects packets, ordinary ones too, in every output', async () => {
  const filter = compileFilter('udp.dstport == 7000 and not mpip.flags');
  const chosen = objects((await run({ files: [UDP], format: 'ndjson', filter })).out);
  assert.ok(chosen.length > 0);
  assert.ok(chosen.every((record) => record['udp.dstport'] === 7000 && record['mpip.flags'] === undefined));
  const heartbeats = compileFilter('mpip.flags == heartbeat');
  const summary = await run({ files: [UDP], summary: true, format: 'json', filter: heartbeats });
  const count = expected.filter((record) => record['mpip.flags'] === 2).length;
  assert.equal((JSON.parse(summary.out) as { packets: number }).packets, count);
  const nothing = await run({ files: [UDP], filter: compileFilter('mpip.flags == 5') });
  assert.match(nothing.error, /^mpip: packets read: 260; none matches the filter\.$/m);
  assert.deepEqual([nothing.code, nothing.out], [0, '']);
});

test('-Y does not change what packets mean beside those before them', async () => {
  const all = objects((await run({ files: [UDP], format: 'ndjson' })).out);
  const some = objects(
    (await run({ files: [UDP], format: 'ndjson', filter: compileFilter('mpip.node_id == 0b:01') })).out,
  );
  assert.deepEqual(
    some,
    all.filter((record) => record['mpip.node_id'] === '0b:01'),
  );
});

test('--write: the packets selected, as they were, with findings as comments', async () => {
  const path = join(folder, 'written.pcapng');
  const { code, out, error } = mpip(['--write', path, '-Y', 'mpip.expert.udp_length', '--checksums', UDP]);
  assert.deepEqual([code, out], [0, '']);
  assert.match(error, /^mpip: \d+ of 260 packets written to /);
  const chosen = objects(
    (await run({ files: [UDP], format: 'ndjson', filter: compileFilter('mpip.expert.udp_length'), checksums: true }))
      .out,
  );
  const again = objects((await run({ files: [path], format: 'ndjson', all: true, checksums: true })).out);
  const same = ['frame.time_epoch', 'frame.len', 'mpip.timestamp', 'udp.checksum.status'];
  assert.deepEqual(
    again.map((record) => same.map((key) => record[key])),
    chosen.map((record) => same.map((key) => record[key])),
  );
  const comments = again.map((record) => record['frame.comment'] as string[]);
  assert.ok(comments.every((list) => list.includes('mpip: udp-length: the UDP length is not that of the IP payload')));
});

test('--write, interrupted: a whole file of what was read until then, code 4', async () => {
  const path = join(folder, 'interrupted.pcapng');
  const error = await interruptDissect(['--write', path], readFileSync(MOVED), path);
  const said = /mpip: (\d+) of \d+ packets written/.exec(error);
  const read = mpip(['--format', 'ndjson', '-e', 'mpip.timestamp', path]);
  assert.deepEqual([read.code, read.error], [0, '']);
  const all = objects(mpip(['--format', 'ndjson', '-e', 'mpip.timestamp', MOVED]).out);
  const kept = objects(read.out);
  assert.equal(kept.length, Number(said?.[1]), error);
  assert.ok(kept.length > all.length / 4 && kept.length < all.length, `${kept.length} of ${all.length}`);
  assert.deepEqual(kept, all.slice(0, kept.length));
});

test('--write keeps link types, interfaces, comments and cut packets of several files', async () => {
  const encoder = new PcapngEncoder();
  const data = udp(cm({ sessionId: 1 }));
  const frame = Buffer.concat([new Uint8Array(12), Uint8Array.from([8, 0]), data]);
  const blocks = [
    encoder.section(),
    encoder.interface({ linkType: 101 }).bytes,
    encoder.interface({ linkType: 1 }).bytes,
    encoder.packet({ interfaceId: 1, seconds: 5, nanoseconds: 123456789, data: frame, comments: ['seen'] }),
    encoder.packet({
      interfaceId: 0,
      seconds: 7,
      nanoseconds: 1,
      data: data.subarray(0, 40),
      originalLength: data.length,
    }),
  ];
  const files = [scratch('two-links.pcapng', Buffer.concat(blocks)), scratch('raw.pcap', pcapOf(data))];
  const path = join(folder, 'kept.pcapng');
  assert.equal((await run({ files, all: true, write: path })).code, 0);
  const fields = ['frame.time_epoch', 'frame.len', 'frame.comment', 'mpip.session_id', 'mpip.expert'] as const;
  const records = async (list: string[]) =>
    objects((await run({ files: list, format: 'ndjson', all: true, fields })).out);
  const before = await records(files);
  const after = await records([path]);
  const cut = 'mpip: cut-short: cut short by the capture, so that a CM cannot be seen';
  before[1]!['frame.comment'] = [cut];
  assert.deepEqual(after, before);
  const bad = mpip(['--write', join(folder, 'none', 'x.pcapng'), UDP]);
  assert.deepEqual([bad.code, bad.out], [4, '']);
  assert.match(bad.error, /^mpip: .*x\.pcapng cannot be written: .*\n$/);
});

test('--reassemble: fragments are put together before a CM is looked for', async () => {
  const file = 'fixtures/pcaps/linux-2015-udp-bigsizes.pcap';
  const fields = ['frame.number', 'mpip.expert', 'mpip.analysis.data_length', 'mpip.timestamp'] as const;
  const plain = objects((await run({ files: [file], format: 'ndjson', all: true, fields })).out);
  const whole = objects((await run({ files: [file], format: 'ndjson', all: true, fields, reassemble: true })).out);
  assert.equal(whole.length, plain.length, 'a record for each frame');
  const hidden = plain.filter((record) => (record['mpip.expert'] as string[] | undefined)?.includes('cm-in-fragment'));
  const found = whole.filter(
    (record, at) => record['mpip.timestamp'] !== undefined && plain[at]!['mpip.timestamp'] === undefined,
  );
  assert.ok(found.length > 0);
  // Some had the whole CM in the last fragment, others were cut in the middle of it.
  const numbers = new Set(found.map((record) => record['frame.number']));
  assert.ok(hidden.length > 0 && hidden.length < found.length);
  for (const record of hidden) assert.ok(numbers.has(record['frame.number']));
  for (const record of found) assert.ok((record['mpip.analysis.data_length'] as number) > 1400);
  const counted = async (reassemble: boolean) =>
    JSON.parse((await run({ files: [file], summary: true, format: 'json', reassemble })).out) as {
      mpip: number;
      packets: number;
    };
  const [before, after] = [await counted(false), await counted(true)];
  assert.deepEqual([after.packets, after.mpip - before.mpip], [before.packets, found.length]);
});

test('a wrong filter: exit 2, a sentence and a caret under the place', () => {
  const { code, out, error } = mpip(['-Y', 'udp && mpip.flag == 3', UDP]);
  assert.deepEqual([code, out], [2, '']);
  const lines = [
    "mpip: The filter is wrong: there is no field 'mpip.flag'; did you mean mpip.flags?",
    '  udp && mpip.flag == 3',
    '         ^^^^^^^^^',
  ];
  assert.equal(error, `${lines.join('\n')}\n`);
});

test('a truncated file: every packet before, then one sentence with the offset, exit 4', async () => {
  const whole = readFileSync(UDP);
  const path = scratch('cut.pcap', whole.subarray(0, whole.length - 7));
  const { code, out, error } = mpip(['--format', 'ndjson', path]);
  assert.equal(code, 4);
  assert.equal(objects(out).length, expected.length - 1);
  assert.match(error, /^mpip: .*cut\.pcap: The capture is truncated: it ends at byte \d+, .*\.\n$/);
  const summary = await run({ files: [path], summary: true, format: 'json' });
  assert.equal(summary.code, 4);
  assert.equal((JSON.parse(summary.out) as { mpip: number }).mpip, expected.length - 1);
  const two = await run({ files: [path, UDP], format: 'json' });
  assert.equal(two.code, 4);
  assert.equal((JSON.parse(two.out) as unknown[]).length, 2 * expected.length - 1, 'the files after it are read');
});

test('every prefix of a small capture: records of whole packets, exit 0 at a boundary and 4 elsewhere', async () => {
  const datagrams = [udp(cm()), udp(undefined), udp(cm({ layout: 'full', nodeId: 2 }))];
  const file = pcapOf(...datagrams);
  const boundaries = [24];
  for (const { length } of datagrams) boundaries.push(boundaries.at(-1)! + 16 + length);
  for (let length = 0; length <= file.length; length++) {
    const path = scratch('prefix.pcap', file.subarray(0, length));
    const whole = boundaries.filter((boundary) => boundary <= length).length - 1;
    const { code, out, error } = await run({ files: [path], format: 'ndjson', all: true });
    assert.equal(objects(out).length, Math.max(0, whole), `prefix ${length}`);
    assert.equal(code, boundaries.includes(length) ? 0 : 4, `prefix ${length}`);
    assert.equal(error.includes('truncated') || error.includes('empty'), code === 4, `prefix ${length}`);
  }
});

test('files that are none: exit 4 and a sentence', () => {
  const text = scratch('notes.txt', Buffer.from('just some words'));
  for (const [path, pattern] of [
    [text, /notes\.txt: This is no capture file/],
    [join(folder, 'missing.pcap'), /missing\.pcap cannot be read: there is no such file\./],
    [folder, /cannot be read: it is a directory\./],
  ] as const) {
    const { code, out, error } = mpip(['--format', 'ndjson', path]);
    assert.deepEqual([code, out], [4, '']);
    assert.match(error, pattern);
    assert.equal(error.trimEnd().split('\n').length, 1);
  }
});

test('wrong words: exit 2, one sentence, nothing on standard output', () => {
  const cases: [string[], RegExp][] = [
    [[], /needs a capture/],
    [['--format', 'xml', UDP], /--format cannot be 'xml'; choose text, ndjson, json, csv/],
    [['-e', 'mpip.flag', UDP], /no field 'mpip\.flag'; did you mean mpip\.flags\?/],
    [
      ['-e', 'something.else.entirely', UDP],
      /no field 'something\.else\.entirely'; mpip dissect --help lists them all\./,
    ],
    [['--summary', '-e', 'mpip.flags', UDP], /leave one out/],
    [['--summary', '--format', 'csv', UDP], /--summary has no csv/],
    [['-', '-'], /only once/],
    [['--findings', '--all', UDP], /--findings is a report of its own/],
    [['--sumary', UDP], /sumary/],
  ];
  for (const [args, message] of cases) {
    const { code, out, error } = mpip(args);
    assert.equal(code, 2, `${args.join(' ')}: ${error}`);
    assert.equal(out, '');
    assert.match(error, message);
    assert.equal(error.trimEnd().split('\n').length, 1, error);
  }
});

test('--summary: aligned tables of flags, nodes, sessions and paths; one object in JSON and NDJSON', async () => {
  const { code, out } = await run({ files: [UDP], summary: true });
  assert.equal(code, 0);
  assert.match(out, /^\d[\d,]* packets, [\d,]+ bytes, [\d.]+ s; [\d,]+ IPv4; \d+ with a CM \([\d.]+ %\)$/m);
  assert.match(out, /^node +layout +packets +normal +ip-change +heartbeat +enable +enabled +handshake +addresses$/m);
  assert.match(out, /^0a:01 +compact +\d+ .*10\.1\.0\.1 10\.2\.0\.1$/m);
  assert.match(out, /^node +session +path +packets +data bytes$/m);
  assert.match(out, /packets with a CM have a wrong UDP length$/m);
  const ndjson = await run({ files: [UDP], summary: true, format: 'ndjson' });
  assert.equal(objects(ndjson.out).length, 1);
  const json = await run({ files: [UDP], summary: true, format: 'json' });
  assert.deepEqual(JSON.parse(json.out), objects(ndjson.out)[0]);
  const verified = await run({ files: [UDP], summary: true, checksums: true });
  assert.match(verified.out, /packets with a CM have a wrong UDP checksum$/m);
  const empty = await run({ files: [scratch('none.pcap', pcapOf())], summary: true });
  assert.match(empty.out, /^0 packets, 0 bytes; 0 IPv4; 0 with a CM\n$/);
});

test('what could not be looked into is said on standard error', async () => {
  const cut = pcapOf(udp(cm()).slice(0, 40));
  new DataView(cut.buffer).setUint32(24 + 12, 74, true);
  const { code, error } = await run({ files: [scratch('snap.pcap', cut)], format: 'ndjson' });
  assert.equal(code, 0);
  assert.match(error, /^mpip: 1 packet is cut by the capture's snap length/m);
  const foreign = pcapOf(udp(cm()));
  new DataView(foreign.buffer).setUint32(20, 147, true);
  assert.match((await run({ files: [scratch('usb.pcap', foreign)] })).error, /link type that is not read/);
});

test('comments of a pcapng are shown, without what would move the cursor', async () => {
  const encoder = new PcapngEncoder();
  const packet = { seconds: 1, nanoseconds: 5, comments: ['AV-query-cap: pass', 'two\nlines \u001b[2J'] };
  const blocks = [
    encoder.section({ application: 'mpip' }),
    encoder.interface({ linkType: 101 }).bytes,
    encoder.packet({ ...packet, data: udp(cm()) }),
    encoder.packet({ ...packet, data: udp(undefined) }),
  ];
  const files = [scratch('evidence.pcapng', Buffer.concat(blocks))];
  const { out } = await run({ files, all: true });
  assert.equal(out.match(/ {2}# AV-query-cap: pass # two lines +\[2J$/gm)?.length, 2);
  const [record] = objects((await run({ files, format: 'ndjson', fields: ['frame.comment', 'frame.time_epoch'] })).out);
  assert.deepEqual(record, { 'frame.comment': packet.comments, 'frame.time_epoch': '1.000000005' });
});

test('a reader that goes away ends it quietly', () => {
  const big = scratch('big.pcap', pcapOf(...Array.from({ length: 60_000 }, () => udp(cm()))));
  const script = `"$1" "$2" dissect "$3" | head -n 1; exit "\${PIPESTATUS[0]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', process.execPath, MPIP, big], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  assert.equal(stdout.split('\n').length, 2);
});

test('--conversations: files are merged by time, and what both sides of a link saw is one session', async () => {
  const files = [1, 2].map((link) => `fixtures/pcaps/linux-2015-udp.link${link}.pcap`);
  const merged = await run({ files, conversations: true, format: 'ndjson' });
  const whole = await run({ files: ['fixtures/pcaps/linux-2015-udp.pcap'], conversations: true, format: 'ndjson' });
  assert.equal(merged.code, 0);
  const sessions = (out: string) => objects(out).filter((line) => line.type === 'session');
  assert.equal(sessions(merged.out).length, 1);
  assert.deepEqual(sessions(merged.out), sessions(whole.out));
});

test('--conversations of a damaged file: what came before it is reported, then the damage; code 4', async () => {
  const bytes = readFileSync('fixtures/pcaps/linux-2015-udp.pcap');
  const path = scratch('cut.pcap', bytes.subarray(0, bytes.length - 7));
  const { code, out, error } = await run({ files: [path], conversations: true });
  assert.equal(code, 4);
  assert.match(out, /^259 packets/);
  assert.match(error, /truncated/);
});

test('--conversations -Y: only what the filter selects counts; --write has the same packets, with findings', async () => {
  const files = ['fixtures/pcaps/linux-2015-link-down-up.pcap'];
  const filter = compileFilter('mpip.path_id == 3 or mpip.expert');
  const listed = objects((await run({ files, filter, format: 'ndjson' })).out);
  const path = join(folder, 'selected.pcapng');
  const { code, out, error } = await run({ files, filter, conversations: true, format: 'ndjson', write: path });
  assert.equal(code, 0);
  const [capture] = objects(out) as [{ packets: number; mpip: number }];
  assert.deepEqual([capture.packets, capture.mpip], [listed.length, listed.length]);
  assert.match(error, new RegExp(`: ${listed.length} of \\d+ packets written to `));
  const paths = objects(out).flatMap(
    ({ directions }) => (directions ?? []) as { paths: { 'mpip.path_id': number }[] }[],
  );
  assert.ok(paths.some(({ paths }) => paths.some((one) => one['mpip.path_id'] === 3)));
  const written = objects((await run({ files: [path], all: true, format: 'ndjson' })).out);
  assert.deepEqual(
    written.map((record) => record['frame.time_epoch']),
    listed.map((record) => record['frame.time_epoch']),
  );
  const odd = written.filter((record) => (record['frame.comment'] as string[] | undefined) !== undefined);
  assert.equal(odd.length, listed.filter((record) => (record['mpip.expert'] as string[]).length > 0).length);
  assert.ok(odd.length > 0 && odd.every((record) => /mpip: [a-z-]+: /.test(String(record['frame.comment']))));
  const none = await run({ files, filter: compileFilter('mpip.path_id == 200'), conversations: true });
  assert.match(none.error, /; none matches the filter\.\n$/);
});
