import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decode, encode, l4Checksum, parseIpv4 } from '../../src/codec/index.js';
import { Dissector } from '../../src/dissector/dissector.js';
import { formatTime, type PacketRecord, RECORD_FIELDS, recordOf } from '../../src/dissector/record.js';
import { runs } from '../support/runs.js';
import { A, ambiguousBlock, B, captured, cm, numbered, segmentOf, tcp, tuple, udp, withCm } from './made-packets.js';

/** The records of the datagrams, looked at one after the other with everything switched on. */
function records(...datagrams: readonly Uint8Array[]): PacketRecord[] {
  const dissector = new Dissector({ nearCms: true });
  return datagrams.map((datagram, index) => {
    const packet = captured(datagram, index + 1);
    dissector.inspect(packet);
    return recordOf(dissector, packet, { checksums: true });
  });
}

test('a compact CM: every field, and nothing of the other layout', () => {
  const message = cm({
    sessionId: 7,
    pathId: 3,
    feedbackPathId: 5,
    pathDelay: -1234,
    localAddresses: [A],
    flags: 1,
    filler: 9,
  });
  const [record] = records(udp(message));
  assert.deepEqual(record, {
    'frame.number': 1,
    'frame.time_epoch': '1795376192.000001000',
    'frame.len': 74,
    'ip.src': '192.0.2.1',
    'ip.dst': '203.0.113.7',
    'ip.proto': 17,
    'ip.checksum.status': 'good',
    'udp.srcport': 40000,
    'udp.dstport': 7000,
    'udp.length': 54,
    'udp.checksum.status': 'good',
    'mpip.layout': 'compact',
    'mpip.filler': 9,
    'mpip.length': 25,
    'mpip.node_id': '0a:01',
    'mpip.session_id': 7,
    'mpip.path_id': 3,
    'mpip.feedback_path_id': 5,
    'mpip.timestamp': 1000,
    'mpip.path_delay': -1234,
    'mpip.local_addr': ['192.0.2.1'],
    'mpip.flags': 1,
    'mpip.checksum': decodeSum(message),
    'mpip.checksum.status': 'good',
    'mpip.analysis.data_length': 20,
    'mpip.analysis.path_tuple': '192.0.2.1:40000 > 203.0.113.7:7000',
    'mpip.expert': [],
  });
});

function decodeSum(message: Parameters<typeof encode>[0]): number {
  const block = encode(message);
  decode(block, message.layout);
  return block[block.length - 2]! | (block[block.length - 1]! << 8);
}

test('a full CM has a version and no filler nor length; three addresses are listed', () => {
  const localAddresses = [A, B, parseIpv4('10.0.0.1')];
  const [record] = records(udp(cm({ layout: 'full', nodeId: 0x0204_0608_0a0c, sessionId: 700, localAddresses })));
  assert.equal(record!['mpip.layout'], 'full');
  assert.equal(record!['mpip.version'], 0xa2);
  assert.equal(record!['mpip.node_id'], '02:04:06:08:0a:0c');
  assert.equal(record!['mpip.session_id'], 700);
  assert.deepEqual(record!['mpip.local_addr'], ['192.0.2.1', '203.0.113.7', '10.0.0.1']);
  assert.equal('mpip.filler' in record!, false);
  assert.equal('mpip.length' in record!, false);
});

test('the keys of a record stand in the order of RECORD_FIELDS', () => {
  const session = { sessionId: 2, localAddresses: [A] };
  const all = records(
    udp(cm()),
    tcp(cm(session)),
    udp(cm(session), segmentOf(tcp(undefined)), tuple(9, 9)),
    udp(cm({ layout: 'full', nodeId: 2 }), undefined, tuple(1)),
    udp(undefined, new Uint8Array(40)),
  );
  for (const record of all) {
    const positions = Object.keys(record).map((key) => (RECORD_FIELDS as readonly string[]).indexOf(key));
    assert.ok(!positions.includes(-1));
    // tcp.* of a wrapper comes after udp.*, as in the list.
    assert.deepEqual(
      positions,
      [...positions].sort((a, b) => a - b),
    );
  }
  assert.equal(all[2]!['mpip.wrapper'], true);
});

test('once an address:port has sent one layout, the other is not tried for it, but for others it is', () => {
  const compact = udp(cm());
  const full = udp(cm({ layout: 'full', nodeId: 2, localAddresses: [A] }));
  const fullElsewhere = udp(cm({ layout: 'full', nodeId: 2 }), undefined, tuple(40001));
  const layouts = (...datagrams: Uint8Array[]) => records(...datagrams).map((record) => record['mpip.layout']);
  assert.deepEqual(layouts(compact, full, compact, fullElsewhere), ['compact', undefined, 'compact', 'full']);
  assert.deepEqual(layouts(full, compact, full), ['full', undefined, 'full']);
});

test('the layouts of many senders are remembered', () => {
  const dissector = new Dissector();
  const from = (index: number) => tuple(1000 + (index % 50000), 7000, (A + Math.floor(index / 7)) >>> 0);
  for (let index = 0; index < 5000; index++) {
    const message = index % 2 === 0 ? cm() : cm({ layout: 'full', nodeId: 2 });
    assert.ok(dissector.inspect(captured(udp(message, undefined, from(index)))));
  }
  for (let index = 0; index < 5000; index++) {
    const other = index % 2 === 1 ? cm() : cm({ layout: 'full', nodeId: 2 });
    assert.equal(dissector.inspect(captured(udp(other, undefined, from(index)))), false, `sender ${index}`);
  }
});

test('a block of both layouts is compact, full for a known user of full, and always reported; it teaches nothing', () => {
  const block = ambiguousBlock();
  decode(block, 'full');
  decode(block.slice(-25), 'compact');
  const ambiguous = udp(undefined, new Uint8Array([...new Uint8Array(5), ...block]));
  const full = udp(cm({ layout: 'full', nodeId: 2 }));
  const compact = udp(cm());
  const [first, taught, again] = records(ambiguous, full, ambiguous);
  assert.deepEqual([first!['mpip.layout'], first!['mpip.node_id']], ['compact', '02:00']);
  assert.deepEqual(first!['mpip.expert'], ['ambiguous-layout']);
  assert.equal(taught!['mpip.layout'], 'full');
  assert.deepEqual([again!['mpip.layout'], again!['mpip.node_id']], ['full', 'fe:01:00:00:19:02']);
  assert.deepEqual(again!['mpip.expert'], ['ambiguous-layout']);
  const known = records(compact, ambiguous)[1]!;
  assert.deepEqual([known['mpip.layout'], known['mpip.expert']], ['compact', ['ambiguous-layout']]);
});

test('a fragment never carries a CM, whatever its octets', () => {
  for (const field of [0x2000, 0x0001, 0x1fff]) {
    const fragment = udp(cm());
    fragment[6] = field >> 8;
    fragment[7] = field & 255;
    const [record] = records(fragment);
    assert.equal(record!['mpip.flags'], undefined);
    assert.equal(record!['udp.srcport'], field === 0x2000 ? 40000 : undefined);
  }
});

test('link padding is not part of the datagram; a wrong UDP length does not hide the CM and is told', () => {
  const padded = new Uint8Array([...udp(cm()), 0, 0, 0, 0]);
  assert.equal(records(padded)[0]!['mpip.flags'], 0);
  for (const length of [28, 80, 0, 65535]) {
    const lying = udp(cm());
    lying[24] = length >> 8;
    lying[25] = length & 255;
    const [record] = records(lying);
    assert.equal(record!['udp.length'], length);
    assert.ok(record!['mpip.expert']!.includes('udp-length'));
  }
});

test('checksum status: good, bad, none computed, and what the UDP length covers', () => {
  const bad = udp(cm());
  bad[26]! ^= 0x55;
  const none = udp(cm());
  none[26] = 0;
  none[27] = 0;
  const short = udp(cm());
  short[25] = 28;
  const sum = l4Checksum(short, 0, 17, 20, 48);
  // The pseudo-header counts the shorter length too.
  short[26] = sum >> 8;
  short[27] = sum & 255;
  const header = udp(cm());
  header[10]! ^= 1;
  const segment = tcp(cm());
  segment[36]! ^= 1;
  const seen = records(udp(cm()), bad, none, short, header, tcp(cm()), segment).map((record) => [
    record['ip.checksum.status'],
    record['udp.checksum.status'] ?? record['tcp.checksum.status'],
    record['mpip.expert']!.join(),
  ]);
  assert.deepEqual(seen, [
    ['good', 'good', ''],
    ['good', 'bad', 'udp-checksum'],
    ['good', 'unverified', ''],
    ['good', 'good', 'udp-length'],
    ['bad', 'good', 'ip-checksum'],
    ['good', 'good', ''],
    ['good', 'bad', 'tcp-checksum'],
  ]);
});

test('a wrapper: the session seen as TCP, a TCP header that fits, a port of the session', () => {
  const session = { sessionId: 2, localAddresses: [A] };
  const seen = tcp(cm(session), new Uint8Array(10));
  const inner = segmentOf(tcp(undefined, new Uint8Array(100)));
  const path = tuple(61000, 5001, parseIpv4('198.51.100.1'));
  const wrapped = udp(cm({ ...session, pathId: 4 }), inner, path);
  const record = records(seen, wrapped)[1]!;
  assert.equal(record['mpip.wrapper'], true);
  assert.deepEqual(
    [record['ip.proto'], record['udp.srcport'], record['udp.dstport'], record['udp.length']],
    [17, 61000, 5001, 8 + 120 + 26],
  );
  assert.deepEqual(
    [record['tcp.srcport'], record['tcp.dstport'], record['tcp.seq_raw'], record['tcp.ack_raw'], record['tcp.flags']],
    [50000, 5001, 1000, 2000, 0x18],
  );
  assert.equal(record['mpip.analysis.data_length'], 100);
  assert.equal(record['tcp.checksum.status'], 'unverified', 'the addresses it was computed with are not known');

  const isWrapper = (first: Uint8Array, second: Uint8Array) => records(first, second)[1]!['mpip.wrapper'] === true;
  assert.ok(isWrapper(seen, wrapped));
  assert.ok(!isWrapper(wrapped, wrapped), 'the session must have been seen as TCP');
  assert.ok(!isWrapper(seen, udp(cm({ ...session, sessionId: 3 }), inner, path)), 'another session');
  assert.ok(!isWrapper(seen, udp(cm({ ...session, nodeId: 5 }), inner, path)), 'another node');
  assert.ok(!isWrapper(seen, udp(cm(session), inner.slice(0, 19), path)), 'too short for a TCP header');
  const long = inner.slice();
  long[12] = 0xf0;
  assert.ok(isWrapper(seen, udp(cm(session), long, path)), 'options up to 60 octets fit 120');
  assert.ok(!isWrapper(seen, udp(cm(session), long.slice(0, 59), path)), 'a data offset that does not fit');
  long[12] = 0x40;
  assert.ok(!isWrapper(seen, udp(cm(session), long, path)), 'a data offset below 5');
  const foreign = segmentOf(tcp(undefined, new Uint8Array(100), tuple(1, 2)));
  assert.ok(!isWrapper(seen, udp(cm(session), foreign, path)), 'neither port is the session’s');
  const behindNat = segmentOf(tcp(undefined, new Uint8Array(100), tuple(1, 5001)));
  assert.ok(isWrapper(seen, udp(cm(session), behindNat, path)), 'a NAT changed one port');
  const noSession = tcp(cm({ sessionId: 0 }));
  assert.ok(!isWrapper(noSession, udp(cm({ sessionId: 0 }), inner, path)), 'session 0 is none');
});

test("a segment behind a TCP header of the path's own: the host's header is shown, the checksum is that of the whole", () => {
  const message = cm({ sessionId: 2, pathId: 4, localAddresses: [A] });
  const inner = segmentOf(tcp(undefined, new Uint8Array(100)));
  const [record] = records(numbered(message, inner, tuple(61000, 5001)));
  assert.deepEqual(
    [
      record!['ip.proto'],
      record!['mpip.wrapper'],
      record!['tcp.srcport'],
      record!['tcp.seq_raw'],
      record!['tcp.ack_raw'],
    ],
    [6, true, 50000, 1000, 2000],
  );
  assert.deepEqual([record!['mpip.analysis.data_length'], record!['tcp.checksum.status']], [100, 'good']);
  const isShown = (segment: Uint8Array) => records(numbered(message, segment))[0]!['mpip.wrapper'] === true;
  assert.ok(isShown(inner));
  assert.ok(!isShown(inner.slice(0, 19)), 'too short for a TCP header');
  const long = inner.slice();
  long[12] = 0xf0;
  assert.ok(!isShown(long.slice(0, 59)), 'a data offset that does not fit');
  const other = numbered(message, inner);
  other[43] = 0;
  assert.equal(records(other)[0]!['mpip.wrapper'], undefined, 'another experiment');
});

test('near-CM: a wrong sum counts only from a node already seen, flags above 5 with a right sum from any', () => {
  const known = udp(cm());
  const wrongSum = udp(cm());
  wrongSum[wrongSum.length - 2]! ^= 1;
  const stranger = udp(cm({ nodeId: 0x0b0b }));
  stranger[stranger.length - 2]! ^= 1;
  const flags = udp(cm());
  flags[flags.length - 3] = 6;
  flags[flags.length - 2]! += 6;
  const both = flags.slice();
  both[both.length - 2]! ^= 1;
  const near = (...datagrams: Uint8Array[]) =>
    records(...datagrams)
      .at(-1)!
      ['mpip.expert']?.find((id) => id === 'near-cm');
  assert.equal(near(known, wrongSum), 'near-cm');
  assert.equal(near(wrongSum), undefined);
  assert.equal(near(known, stranger), undefined);
  assert.equal(near(flags), 'near-cm');
  assert.equal(near(known, both), undefined);
  const full = udp(cm({ layout: 'full', nodeId: 2, localAddresses: [A] }), undefined, tuple(2));
  const wrongFull = full.slice();
  wrongFull[wrongFull.length - 1]! ^= 1;
  assert.equal(near(full, wrongFull), 'near-cm');
  assert.equal(near(known, wrongFull), undefined, 'node 00:02 of the other layout is another node');
  const fragment = flags.slice();
  fragment[6] = 0x20;
  assert.equal(near(fragment), undefined);
  assert.equal(near(known, wrongSum, udp(undefined)), undefined, 'nothing stays from the packet before');
  const record = records(known, wrongSum)[1]!;
  assert.equal(record['mpip.checksum.status'], 'bad');
  assert.match(record['mpip.analysis.near_cm']!, /^checksum is \d+, the octets before it add up to \d+$/);
  assert.equal(record['mpip.flags'], undefined);
  const dissector = new Dissector();
  dissector.inspect(captured(flags));
  assert.equal(dissector.nearCm, undefined, 'not looked for unless asked');
});

test('exactly 25 octets of user data are no compact CM; 26 are', () => {
  const block = encode(cm());
  assert.equal(records(udp(undefined, block.slice(1)))[0]!['mpip.flags'], undefined);
  assert.equal(records(udp(undefined, block))[0]!['mpip.flags'], 0);
});

test('what cannot be looked into is counted: unknown link types and packets cut by the snap length', () => {
  const dissector = new Dissector();
  dissector.inspect({ ...captured(udp(cm())), linkType: 147 });
  const cut = captured(udp(cm()));
  dissector.inspect({ ...cut, capturedLength: 40 });
  // A datagram that lies about its length on a link that gave everything is not the capture's doing.
  const lying = udp(cm());
  lying[3]! += 1;
  dissector.inspect(captured(lying));
  assert.deepEqual(dissector.unread, { unknownLinkType: 1, cutShort: 1 });
});

test('any octets, on any link type, cut anywhere, give a record and no exception', () => {
  const dissector = new Dissector({ nearCms: true });
  const good = [
    udp(cm()),
    tcp(cm({ sessionId: 2 })),
    udp(cm({ layout: 'full', nodeId: 2 })),
    withCm(udp(undefined), cm()),
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 12, 14, 101, 108, 113, 228, 276, 5),
      fc.oneof(
        fc.uint8Array({ maxLength: 120 }),
        fc
          .tuple(fc.constantFrom(...good), fc.nat(200), fc.nat(255), fc.nat(200))
          .map(([datagram, at, value, length]) => {
            const changed = datagram.slice(0, length);
            if (at < changed.length) changed[at] = value;
            return changed;
          }),
      ),
      (linkType, bytes) => {
        const packet = { ...captured(bytes), linkType };
        const hasCm = dissector.inspect(packet);
        const record = recordOf(dissector, packet, { checksums: true });
        assert.equal(record['mpip.flags'] !== undefined, hasCm);
        JSON.stringify(record);
      },
    ),
    runs(5000),
  );
});

test('a short packet after a whole one shows nothing of the whole one', () => {
  const dissector = new Dissector();
  dissector.inspect(captured(udp(cm())));
  const packet = { ...captured(udp(cm()).slice(0, 15)), originalLength: 74 };
  dissector.inspect(packet);
  assert.deepEqual(Object.keys(recordOf(dissector, packet)), ['frame.number', 'frame.time_epoch', 'frame.len']);
});

test('times have 9 decimals, also before 1970', () => {
  assert.equal(formatTime(1795376191, 114421000), '1795376191.114421000');
  assert.equal(formatTime(0, 7), '0.000000007');
  assert.equal(formatTime(-1, 250_000_000), '-0.750000000');
  assert.equal(formatTime(-5, 0), '-5.000000000');
});
