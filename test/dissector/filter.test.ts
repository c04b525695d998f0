import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { Dissector } from '../../src/dissector/dissector.js';
import { compileFilter } from '../../src/dissector/filter/filter.js';
import { FilterError } from '../../src/dissector/filter/filter-error.js';
import { FILTER_FIELDS } from '../../src/dissector/filter/filter-fields.js';
import { PacketView } from '../../src/dissector/packet-view.js';
import { RECORD_FIELDS } from '../../src/dissector/record.js';
import { runs } from '../support/runs.js';
import { captured, cm, tcp, tuple, udp } from './made-packets.js';

/** The numbers of the packets that a filter selects. */
function selected(filter: string, ...datagrams: Uint8Array[]): number[] {
  const { matches } = compileFilter(filter);
  const view = new PacketView(new Dissector({ nearCms: true }), { checksums: true });
  return datagrams.flatMap((datagram, index) => {
    if (view.inspect(captured(datagram, index + 1))) view.analysis;
    return matches(view) ? [index + 1] : [];
  });
}

const wrongUdpChecksum = udp(cm());
wrongUdpChecksum[26]! ^= 1;
const PACKETS = [
  udp(undefined),
  udp(cm({ sessionId: 7, pathId: 3, flags: 0, localAddresses: [0x0a010001, 0x0a020001] })),
  udp(cm({ flags: 3 })),
  tcp(cm({ sessionId: 9, pathId: 1 })),
  tcp(undefined, new Uint8Array(3)),
  udp(cm({ layout: 'full', nodeId: 0x5254_0000_0a01, sessionId: 700, pathDelay: -5 }), undefined, tuple(1, 2)),
  wrongUdpChecksum,
];

test('relations, logic, sets, slices, networks, bits, words', () => {
  const rows: [string, number[]][] = [
    ['mpip', [2, 3, 4, 6, 7]],
    ['!mpip', [1, 5]],
    ['udp and not mpip', [1]],
    ['mpip.flags == 3', [3]],
    ['mpip.flags == "Enable" || tcp', [3, 4, 5]],
    ['mpip.flags != 3', [2, 4, 6, 7]],
    ['not mpip.flags == 3', [1, 2, 4, 5, 6, 7]],
    ['mpip.session_id in {7, 600..800}', [2, 6]],
    ['mpip.session_id >= 7 && mpip.session_id lt 10', [2, 4]],
    ['0 < mpip.session_id <= 9', [2, 4]],
    ['mpip.session_id == 7 or mpip.session_id == 9 and mpip.path_id == 3', [2]],
    ['(mpip.session_id == 7 or mpip.session_id == 9) and tcp', [4]],
    ['mpip.path_delay < 0', [6]],
    ['mpip.path_delay == -5', [6]],
    ['mpip.node_id == 52:54:00:00:0a:01', [6]],
    ['mpip.node_id[0:2] == 52:54', [6]],
    ['mpip.node_id[-1] == 01 && mpip.node_id[0] == 0a', [2, 3, 4, 7]],
    ['mpip.node_id contains 00:00', [6]],
    ['mpip.local_addr == 10.2.0.0/16', [2]],
    ['mpip.local_addr != 10.2.0.1', []],
    ['mpip.local_addr !== 10.2.0.1', [2]],
    ['ip.addr == 203.0.113.7', [1, 2, 3, 4, 5, 6, 7]],
    ['udp.port == 7000', [1, 2, 3, 7]],
    ['tcp.port in {5001}', [4, 5]],
    ['tcp.flags & 0x10', [4, 5]],
    ['tcp.flags & 0x10 == 16', [4, 5]],
    ['tcp.flags & 020 == 0b10000', [4, 5]],
    ['mpip.path_delay & 0x7fffffff == 2147483643', [6]],
    ['mpip.path_delay in {-2147483648..-5}', [6]],
    ['udp.port <= 65535', [1, 2, 3, 6, 7]],
    ['tcp.flags.push == true and tcp.flags.syn == 0', [4, 5]],
    ['mpip.layout matches "^FULL$"', [6]],
    ['mpip.analysis.path_tuple contains "192.0.2.1:1 "', [6]],
    ['mpip.analysis.path_tuple', [2, 4, 6]],
    ['udp.checksum.status == "Bad"', [7]],
    ['mpip.expert', [7]],
    ['mpip.expert.udp_checksum', [7]],
    ['mpip.expert == "udp-checksum"', [7]],
    ['mpip.path_id == mpip.feedback_path_id', [3, 6, 7]],
    ['frame.number ^^ tcp', [1, 2, 3, 6, 7]],
    ['frame.time_relative >= 2.0 and frame.time_relative < 4', [3, 4]],
    ['frame.time_epoch == 1795376193.000001', [2]],
  ];
  for (const [filter, numbers] of rows) assert.deepEqual(selected(filter, ...PACKETS), numbers, filter);
});

test('the highest bit of 32 is a bit as the others', () => {
  const segment = tcp(undefined);
  segment[24] = 0xf1;
  assert.deepEqual(selected('tcp.seq_raw & 0x80000000 == 0x80000000', segment, tcp(undefined)), [1]);
  assert.deepEqual(selected('tcp.seq_raw & 0xff000000 > 0xf0000000', segment, tcp(undefined)), [1]);
});

test('whether the packets before a packet matter', () => {
  assert.equal(compileFilter('mpip.flags == 3 || udp').needsAnalysis, false);
  for (const field of ['mpip.analysis.delay > 3', 'mpip.expert', 'mpip.expert.path_zero', 'mpip.analysis.response_to'])
    assert.equal(compileFilter(field).needsAnalysis, true, field);
});

test('a wrong filter: one sentence, and the place of the first thing that is wrong', () => {
  const rows: [string, number, number, RegExp][] = [
    ['mpip.flag == 3', 0, 9, /there is no field 'mpip\.flag'/],
    ['udp && ', 7, 1, /the filter ends where a field/],
    ['udp && mpip.flags == four', 21, 4, /mpip\.flags takes a number.*or one of normal, ip-change/],
    ['udp.port == 70000', 12, 5, /^udp\.port is a number from 0 to 65535$/],
    ['mpip.path_delay < -2147483649', 18, 11, /^mpip\.path_delay is a number from -2147483648 to 2147483647$/],
    ['mpip.session_id in {1, 65536..70000}', 23, 5, /from 0 to 65535$/],
    ['tcp.flags & 0x10000', 12, 7, /^tcp\.flags is a number from 0 to 65535$/],
    ['ip.ttl == -1', 10, 2, /^ip\.ttl is a number from 0 to 255$/],
    ['mpip.flags == true', 14, 4, /mpip\.flags takes a number/],
    ['ip.ttl == 08', 10, 2, /ip\.ttl takes a number/],
    ['ip.src == 10.0.0.999', 10, 10, /takes an IPv4 address/],
    ['mpip.node_id == 5', 16, 1, /takes octets in hex/],
    ['mpip.flags in {1, }', 18, 1, /a value is missing/],
    ['mpip.flags in 3', 14, 1, /'\{' is missing/],
    ['(udp', 4, 1, /'\)' is missing/],
    ['udp)', 3, 1, /stands where 'and', 'or' or the end/],
    ['mpip.flags[0] == 1', 10, 3, /no octets to take a part of/],
    ['mpip.node_id[a] == 1', 12, 3, /'a' is no range of octets/],
    ['mpip.node_id[0 == 1', 12, 1, /bracket that is not closed/],
    ['mpip.layout == "full', 15, 5, /string that is not closed/],
    ['mpip.layout == "\\q"', 16, 2, /no escape '\\q'/],
    ['mpip.layout matches "("', 20, 3, /no regular expression/],
    ['mpip.flags matches "a"', 0, 10, /is no text/],
    ['mpip.flags contains 3', 11, 8, /neither text nor octets/],
    ['mpip == 3', 0, 4, /has no value/],
    ['mpip.flags == mpip.layout', 11, 2, /not of one kind/],
    ['"a" == "b"', 0, 3, /neither side is a field/],
    ['"a"', 0, 3, /a string alone/],
    ['udp # tcp', 4, 1, /'#' means nothing here$/],
    ['udp.port = 7000', 9, 1, /'=' means nothing here; equal is ==$/],
    ['', 0, 1, /an empty filter/],
    [`${'('.repeat(300)}udp${')'.repeat(300)}`, 200, 1, /nested too deeply/],
  ];
  for (const [filter, at, length, words] of rows) {
    assert.throws(
      () => compileFilter(filter),
      (error) => {
        assert.ok(error instanceof FilterError, filter);
        assert.match(error.message, words, filter);
        assert.deepEqual([error.at, error.length], [at, length], filter);
        const [shown, carets] = error.pointed.split('\n');
        const column = carets!.indexOf('^');
        if (filter[at] !== undefined) assert.equal(shown![column], filter[at], filter);
        return true;
      },
    );
  }
});

test('the caret stands under the place in a long filter too, and letters without a width do not move it', () => {
  const long = `${'udp && '.repeat(40)}mpip.flag == 3 ${'&& tcp '.repeat(40)}`;
  assert.throws(
    () => compileFilter(long),
    (error) => {
      const [shown, carets] = (error as FilterError).pointed.split('\n');
      assert.ok(shown!.length < 80);
      assert.equal(shown!.slice(carets!.indexOf('^'), carets!.length), 'mpip.flag');
      return true;
    },
  );
  assert.throws(
    () => compileFilter('mpip.layout == "\u0301\u4e2d" && nothing'),
    (error) => (error as FilterError).pointed.split('\n')[1]!.indexOf('^') === 23,
  );
});

const piece = fc.oneof(
  fc.constantFrom(...FILTER_FIELDS.keys()),
  fc.constantFrom(
    '==',
    '!=',
    '===',
    '!==',
    '<',
    '>=',
    'contains',
    'matches',
    '~',
    'in',
    '&',
    '&&',
    'or',
    'xor',
    '!',
    'not',
  ),
  fc.constantFrom(
    '(',
    ')',
    '{',
    '}',
    ',',
    '..',
    '[0]',
    '[1:]',
    '[-2:1]',
    '"a"',
    'r"\\d"',
    '10.1.0.1',
    '0a:01',
    '-3',
    '0x10',
    'true',
  ),
  fc.string({ maxLength: 4 }),
);

test('whatever is written: a predicate that answers for every packet, or a FilterError within the text', () => {
  let compiled = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
      const filter = pieces.join(' ');
      try {
        assert.ok(selected(filter, ...PACKETS).length <= PACKETS.length);
        compiled++;
      } catch (error) {
        assert.ok(error instanceof FilterError, `${filter}: ${String(error)}`);
        assert.ok(error.at >= 0 && error.at <= filter.length && error.length >= 1, filter);
      }
    }),
    runs(3000),
  );
  assert.ok(compiled > 30, `${compiled} of them are filters`);
});

test('laws of logic hold for any tests', () => {
  const plain = fc.tuple(fc.constantFrom(...FILTER_FIELDS.keys()), fc.constantFrom(...FILTER_FIELDS.keys()));
  fc.assert(
    fc.property(plain, ([a, b]) => {
      const both = selected(`${a} and ${b}`, ...PACKETS);
      assert.deepEqual(selected(`not (not ${a} or not ${b})`, ...PACKETS), both);
      assert.deepEqual(selected(`(${a} or ${b}) and not (${a} xor ${b})`, ...PACKETS), both);
    }),
    runs(100),
  );
});

test('docs/filters.md names every field', () => {
  const page = `${readFileSync('docs/filters.md', 'utf8')}${RECORD_FIELDS.map((name) => `\`${name}\``).join()}`;
  for (const name of FILTER_FIELDS.keys()) assert.ok(page.includes(`\`${name}\``), name);
});
