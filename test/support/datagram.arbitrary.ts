import fc from 'fast-check';
import { ipv4HeaderChecksum, l4Checksum, TCP, UDP } from '../../src/codec/index.js';

/** What the datagrams of `datagram` look like. */
export interface DatagramShape {
  readonly protocol: number;
  /** `valid`, any `wrong` value, or `none` (UDP only: 0). */
  readonly checksum: 'valid' | 'wrong' | 'none';
}

/** A datagram and what is known of it. */
export interface MadeDatagram extends DatagramShape {
  readonly packet: Uint8Array;
  readonly ipHeaderLength: number;
  readonly l4HeaderLength: number;
}

/** Four-octet words of options. */
const options = fc.oneof(
  { weight: 2, arbitrary: fc.constant(new Uint8Array(0)) },
  fc.integer({ min: 1, max: 10 }).chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
);

const shape: fc.Arbitrary<DatagramShape> = fc.constantFrom(
  { protocol: UDP, checksum: 'valid' },
  { protocol: UDP, checksum: 'wrong' },
  { protocol: UDP, checksum: 'none' },
  { protocol: TCP, checksum: 'valid' },
  { protocol: TCP, checksum: 'wrong' },
);

/** Well-formed, unfragmented IPv4 datagrams with TCP or UDP, with and without options, any payload length. */
export const datagram: fc.Arbitrary<MadeDatagram> = fc
  .record({
    shape,
    ipOptions: options,
    tcpOptions: options,
    header: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    l4Header: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    payload: fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ minLength: 1300, maxLength: 1600 })),
    wrong: fc.integer({ min: 1, max: 0xfffe }),
  })
  .map(({ shape, ipOptions, tcpOptions, header, l4Header, payload, wrong }) => {
    const isTcp = shape.protocol === TCP;
    const ipHeaderLength = 20 + ipOptions.length;
    const l4HeaderLength = isTcp ? 20 + tcpOptions.length : 8;
    const total = ipHeaderLength + l4HeaderLength + payload.length;
    const packet = new Uint8Array(total);
    const words = new DataView(packet.buffer);
    packet.set(header);
    packet.set(ipOptions, 20);
    packet[0] = 0x40 | (ipHeaderLength / 4);
    words.setUint16(2, total);
    words.setUint16(6, words.getUint16(6) & 0xc000);
    packet[9] = shape.protocol;
    words.setUint16(10, ipv4HeaderChecksum(packet, 0, ipHeaderLength));
    packet.set(isTcp ? l4Header : l4Header.subarray(0, 8), ipHeaderLength);
    if (isTcp) {
      packet.set(tcpOptions, ipHeaderLength + 20);
      packet[ipHeaderLength + 12] = (l4HeaderLength / 4) << 4;
    } else words.setUint16(ipHeaderLength + 4, 8 + payload.length);
    packet.set(payload, ipHeaderLength + l4HeaderLength);
    const checksumAt = ipHeaderLength + (isTcp ? 16 : 6);
    const right = l4Checksum(packet, 0, shape.protocol, ipHeaderLength, total);
    words.setUint16(checksumAt, shape.checksum === 'valid' ? right : shape.checksum === 'none' ? 0 : wrong);
    return { ...shape, packet, ipHeaderLength, l4HeaderLength };
  });

/** Datagrams whose header fields lie in every way: random octets behind a plausible first octet and protocol. */
export const wildDatagram: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.uint8Array({ maxLength: 120 }),
    fc.constantFrom(0x45, 0x46, 0x4f, 0x44, 0x65),
    fc.constantFrom(TCP, UDP, 1),
    fc.option(fc.integer({ min: 0, max: 140 })),
    fc.boolean(),
  )
  .map(([bytes, first, protocol, totalLength, whole]) => {
    const at = (index: number, value: number) => {
      if (index < bytes.length) bytes[index] = value;
    };
    at(0, first);
    at(9, protocol);
    if (totalLength !== null) {
      at(2, 0);
      at(3, totalLength);
    }
    if (whole) {
      at(6, 0x40);
      at(7, 0);
    }
    return bytes;
  });
