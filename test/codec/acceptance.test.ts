import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Accept,
  attach,
  buildTcp,
  buildUdp,
  type CodecError,
  type ControlMessage,
  decode,
  encode,
  HeaderStatus,
  ipv4HeaderChecksum,
  octetSum,
  TrailerView,
} from '../../src/codec/index.js';
import { bytesOf } from '../support/hex.js';

/**
 * One test for each rule by which a receiver takes the end of a datagram for a CM. Every block is made from a good one by
 * breaking one rule and repairing the sum, so that only that rule can be the reason.
 */

const compact = bytesOf('199df8070305003073752efbffffc000020ac6336414003908');
const message: ControlMessage = { ...decode(compact, 'compact'), layout: 'full', nodeId: 0x525400000a01 };
const full = encode(message);
const tuple = { source: 0xc000020a, sourcePort: 40000, destination: 0xcb007107, destinationPort: 5001 };

/** `block` with octets changed and the sum that they ask for. */
function changed(block: Uint8Array, layout: 'compact' | 'full', edits: Record<number, number>): Uint8Array {
  const copy = block.slice();
  for (const [at, value] of Object.entries(edits)) copy[Number(at)] = value;
  const sum = octetSum(copy, 0, copy.length - 2);
  copy.set(layout === 'compact' ? [sum & 255, sum >> 8] : [sum >> 8, sum & 255], copy.length - 2);
  return copy;
}

const view = new TrailerView();

/** True when a UDP datagram whose payload is `payload` carries a CM. */
function carries(payload: Uint8Array, accept: number = Accept.both): boolean {
  return view.locate(buildUdp(tuple, payload), 0, undefined, accept);
}

const withFiller = (block: Uint8Array) => Uint8Array.from([0, ...block]);
const withByte = (block: Uint8Array) => Uint8Array.from([0x55, ...block]);

function refuses(block: Uint8Array, layout: 'compact' | 'full', code: string, offset: number): void {
  assert.equal(carries(withByte(block)), false);
  assert.throws(
    () => decode(block, layout),
    (error: CodecError) => {
      assert.equal(error.code, code);
      assert.equal(error.details.offset, offset);
      return true;
    },
  );
}

test('the good blocks are taken', () => {
  assert.ok(carries(withFiller(compact)));
  assert.equal(view.cm.layout, 'compact');
  assert.ok(carries(full));
  assert.equal(view.cm.layout, 'full');
});

test('compact: the length octet must be 25', () => {
  for (const value of [0, 15, 17, 24, 26, 0x99, 255])
    refuses(changed(compact, 'compact', { 0: value }), 'compact', 'length-marker', 0);
});

test('compact: flags above 5 make no CM, 0 to 5 do', () => {
  for (let flags = 0; flags < 256; flags++) {
    const block = changed(compact, 'compact', { 22: flags });
    if (flags <= 5) assert.ok(carries(withFiller(block)), String(flags));
    else refuses(block, 'compact', 'flags', 22);
  }
});

test('compact: the sum must match exactly, low octet first', () => {
  for (const [low, high] of [
    [0x38, 0x08],
    [0x3a, 0x08],
    [0x39, 0x09],
    [0x08, 0x39],
  ] as const) {
    const block = compact.slice();
    block.set([low, high], 23);
    refuses(block, 'compact', 'checksum', 23);
  }
});

test('compact: the sum counts the octets 0 to 22 and not the filler', () => {
  for (let filler = 0; filler < 256; filler++) assert.ok(carries(Uint8Array.from([filler, ...compact])));
});

test('compact: 26 octets behind the UDP header are enough, a tail of exactly 25 is not a CM', () => {
  assert.ok(carries(withFiller(compact)));
  assert.equal(carries(compact), false);
});

test('compact: 26 octets behind the TCP header are enough, 25 are not, options of the header do not count', () => {
  const segment = (payload: Uint8Array, words: number) => {
    const packet = buildTcp(
      tuple,
      { sequence: 1, flags: 16 },
      Uint8Array.from([...new Uint8Array(words * 4), ...payload]),
    );
    packet[32] = (5 + words) << 4;
    return view.locate(packet);
  };
  for (let words = 0; words <= 10; words++) {
    assert.ok(segment(withFiller(compact), words), String(words));
    assert.equal(view.userDataLength, 0);
    assert.equal(segment(compact, words), false, String(words));
  }
});

test('full: the version octet must be 0xa2', () => {
  const at = full.length - 4;
  for (const value of [0, 0xa1, 0xa3, 25, 255]) refuses(changed(full, 'full', { [at]: value }), 'full', 'version', at);
});

test('full: flags above 5 make no CM, 0 to 5 do', () => {
  const at = full.length - 3;
  for (let flags = 0; flags < 256; flags++) {
    const block = changed(full, 'full', { [at]: flags });
    if (flags <= 5) assert.ok(carries(block), String(flags));
    else refuses(block, 'full', 'flags', at);
  }
});

test('full: 0 to 16 addresses, not 17', () => {
  for (let n = 0; n <= 16; n++) {
    const block = encode({ ...message, localAddresses: Array.from({ length: n }, (_, i) => i + 1) });
    assert.equal(block.length, 25 + 4 * n);
    assert.ok(carries(block), String(n));
  }
  const sixteen = encode({ ...message, localAddresses: Array.from({ length: 16 }, (_, i) => i + 1) });
  const seventeen = Uint8Array.from([...sixteen.subarray(0, 20), 1, 1, 1, 1, ...sixteen.subarray(20)]);
  refuses(changed(seventeen, 'full', { 88: 17 }), 'full', 'address-count', 88);
});

test('full: all octets that the number of addresses asks for must be behind the header', () => {
  assert.ok(carries(full));
  assert.equal(carries(full.subarray(1)), false);
  // The octet before the user data is what the CM lacks: the low octet of the UDP checksum.
  const packet = buildUdp(tuple, full.subarray(1));
  packet[27] = full[0]!;
  assert.equal(view.locate(packet), false);
});

test('full: a zero or multicast node id makes no CM', () => {
  refuses(changed(full, 'full', { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0 }), 'full', 'node-id', 0);
  refuses(changed(full, 'full', { 0: 0x53 }), 'full', 'node-id', 0);
  refuses(changed(full, 'full', { 0: 255, 1: 255, 2: 255, 3: 255, 4: 255, 5: 255 }), 'full', 'node-id', 0);
  for (let at = 0; at < 6; at++) {
    const id = [0, 0, 0, 0, 0, 0];
    id[at] = 2;
    assert.ok(carries(changed(full, 'full', Object.fromEntries(id.entries()))), String(at));
  }
});

test('full: the sum must match exactly, high octet first', () => {
  const at = full.length - 2;
  for (let bit = 0; bit < 16; bit++) {
    const block = full.slice();
    block[at + (bit >> 3)]! ^= 1 << (bit & 7);
    refuses(block, 'full', 'checksum', at);
  }
});

test('a receiver looks only for the layouts it accepts', () => {
  assert.equal(carries(withFiller(compact), Accept.full), false);
  assert.equal(carries(full, Accept.compact), false);
  assert.equal(carries(full, Accept.none), false);
  assert.ok(carries(withFiller(compact), Accept.compact));
  assert.ok(carries(full, Accept.full));
});

/** A good datagram with a trailer, after `edit`, with the header checksum that the rest asks for. */
function edited(edit: (packet: Uint8Array) => void): boolean {
  const packet = buildUdp(tuple, withFiller(compact));
  edit(packet);
  const checksum = ipv4HeaderChecksum(packet, 0, 20);
  packet.set([checksum >> 8, checksum & 255], 10);
  return view.locate(packet);
}

test('fragments carry no CM: neither the more-fragments bit nor an offset; the other two bits do not matter', () => {
  assert.ok(edited((packet) => packet.set([0x00, 0], 6)));
  assert.ok(edited((packet) => packet.set([0x40, 0], 6)));
  assert.ok(edited((packet) => packet.set([0x80, 0], 6)));
  for (let bit = 0; bit < 14; bit++) {
    const found = edited((packet) => packet.set([(1 << bit) >> 8, (1 << bit) & 255], 6));
    assert.equal(found, false, String(bit));
    assert.equal(view.status, HeaderStatus.fragment);
  }
});

test('only IPv4 with TCP or UDP is looked at', () => {
  for (let protocol = 0; protocol < 256; protocol++) {
    const found = edited((packet) => {
      packet[9] = protocol;
      // As TCP, the octets behind the UDP header are read as the rest of a header of 20 octets.
      if (protocol === 6) packet[32] = 0;
    });
    assert.equal(found, protocol === 17, String(protocol));
  }
  for (let version = 0; version < 16; version++)
    assert.equal(
      edited((packet) => {
        packet[0] = (version << 4) | 5;
      }),
      version === 4,
    );
});

test('the IP header length is honoured', () => {
  const plain = buildUdp(tuple, withFiller(compact));
  const packet = new Uint8Array(plain.length + 40);
  packet.set(plain.subarray(0, 20));
  packet.set(plain.subarray(20), 60);
  packet[0] = 0x4f;
  packet[3] = packet.length;
  assert.ok(view.locate(packet));
  assert.equal(view.payloadOffset, 68);
  // With the payload one octet shorter the CM would reach into the UDP header.
  const short = new Uint8Array(packet.length - 1);
  short.set(packet.subarray(0, 68));
  short.set(compact, 68);
  short[3] = short.length;
  assert.equal(view.locate(short), false);
  assert.equal(
    edited((bytes) => {
      bytes[0] = 0x44;
    }),
    false,
  );
});

test('the TCP data offset is honoured; when it does not fit the segment is ordinary', () => {
  const packet = buildTcp(tuple, { sequence: 1, flags: 16 }, Uint8Array.from([1, 2, 3, 4, ...withFiller(compact)]));
  const found = (words: number) => {
    packet[32] = words << 4;
    return view.locate(packet);
  };
  for (let words = 0; words < 16; words++) {
    assert.equal(found(words), words === 5 || words === 6, String(words));
    // The segment has 50 octets: room for a header of 12 words.
    const fits = words >= 5 && words <= 12;
    assert.equal(view.status, fits ? HeaderStatus.ok : HeaderStatus.badL4Header, String(words));
  }
});

test('the trailer ends where the IP total length says: link padding is not part of it', () => {
  const packet = buildUdp(tuple, withFiller(compact));
  const padded = Uint8Array.from([...packet, 0, 0, 0, 0, 0, 0]);
  assert.ok(view.locate(padded));
  assert.equal(view.end, packet.length);
  const ordinary = buildUdp(tuple, bytesOf('01'));
  assert.equal(view.locate(Uint8Array.from([...ordinary, ...withFiller(compact)])), false);
});

test('a datagram cut short is not read', () => {
  const packet = buildUdp(tuple, withFiller(compact));
  for (let length = 0; length < packet.length; length++) assert.equal(view.locate(packet, 0, length), false);
});

test('a CM whose octets reach into the header is none', () => {
  // A TCP segment of 40 octets whose own header reads as a block (see the vectors, too-short-r1).
  const header = bytesOf('4500002800014000 4006 1fb5 0a000019 0a000702 00401389 00000000 00000000 50100100 0003 6c01');
  assert.equal(view.locate(header), false);
  assert.equal(view.status, HeaderStatus.ok);
});

test('what attach makes is taken, with every UDP payload length', () => {
  for (let length = 0; length < 60; length++) {
    const out = new Uint8Array(200);
    const total = attach(buildUdp(tuple, new Uint8Array(length).fill(0x19)), message, out);
    assert.ok(view.locate(out, 0, total));
    assert.equal(view.userDataLength, length);
  }
});
