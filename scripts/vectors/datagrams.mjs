// Vectors that are whole IPv4 datagrams: datagrams.json.
import { compact, full, hex, octets } from './blocks.mjs';
import { judgeDatagram, seal, stripped } from './judge.mjs';

const WORKED =
  '4500003b1234400040112a6cc000020acb0071079c4013890027621b68656c6c6f00199df8070305003073752efbffffc000020ac6336414003908';
const FAKE_SYN =
  '4500004262000000 4006b266c6336414cb0071079e40138900000000000000005002ffffeb33000000199df807000000307375' +
  '00000000c000020ac6336414050f05';
const R1 = '45000028000140004006 1fb50a0000190a000702004013890000000000000000501001000003 6c01';

/** A sealed datagram from its parts. */
function datagram({ protocol = 17, ipOptions = [], tcpOptions = [], payload = [], sealed = {} }) {
  const ip = [...octets('4500000012344000401100 00c000020acb007107'.replaceAll(' ', '')), ...ipOptions];
  ip[0] = 0x40 + ip.length / 4;
  ip[9] = protocol;
  const ports = octets('9c401389');
  const l4 =
    protocol === 6
      ? [
          ...ports,
          ...octets('0000000100000002'),
          ((20 + tcpOptions.length) / 4) * 16,
          0x18,
          255,
          255,
          0,
          0,
          0,
          0,
          ...tcpOptions,
        ]
      : [...ports, 0, 0, 0, 0];
  return seal([...ip, ...l4, ...payload], sealed);
}

const text = (words) => [...Buffer.from(words)];
const trailer = (edits) => [0, ...compact(edits)];

/** datagrams.json */
export function datagrams() {
  const vectors = [];
  const add = (id, flags, notes, list, more = {}) => {
    const { result, ...expected } = judgeDatagram(list);
    vectors.push({
      id: `datagram-${id}`,
      kind: 'datagram',
      flags,
      notes,
      hex: hex(list),
      result,
      ...expected,
      ...more,
    });
  };
  /** A datagram with right lengths and checksums: also what is left of it. */
  const addWhole = (id, flags, notes, list, sealed) => {
    const { trailerOffset } = judgeDatagram(list);
    add(id, flags, notes, list, { detached: hex(stripped(list, trailerOffset, sealed)) });
  };

  addWhole('worked', ['Worked'], 'the worked datagram', octets(WORKED));
  addWhole(
    'worked-fake-syn',
    ['Worked'],
    'a fake SYN of 2015 on a second NIC, with a right checksum',
    octets(FAKE_SYN),
  );
  const fullWorked = datagram({ payload: [...text('hello'), ...full()] });
  addWhole('worked-full', ['Worked'], 'the worked datagram with a full trailer', fullWorked);

  const broken = { compact: octets(WORKED), full: fullWorked };
  broken.tcp = datagram({ protocol: 6, tcpOptions: octets('01010101'), payload: [...text('hello'), ...trailer()] });
  for (const [name, list] of Object.entries(broken)) {
    for (let length = 0; length < list.length; length++)
      add(`${name}-cut-${length}`, ['Truncated'], `the first ${length} octets`, list.slice(0, length));
    for (let at = 0; at < list.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const flipped = [...list];
        flipped[at] ^= 1 << bit;
        add(`${name}-flip-${at}.${bit}`, ['BitFlip'], `bit ${bit} of octet ${at} is the other way round`, flipped);
      }
  }

  for (const [name, tail] of Object.entries({ compact: trailer({ 22: 0 }), full: full() })) {
    for (let length = 0; length <= 9; length++) {
      const payload = [...text('abcdefghi').slice(0, length), ...tail];
      addWhole(`${name}-udp-${length}`, ['Valid'], `UDP, ${length} octets of user data`, datagram({ payload }));
      addWhole(
        `${name}-tcp-${length}`,
        ['Valid'],
        `TCP, ${length} octets of user data`,
        datagram({ protocol: 6, payload }),
      );
    }
    const sealed = { udpChecksum: false };
    const payload = [...text('hello'), ...tail];
    addWhole(
      `${name}-udp-no-checksum`,
      ['Valid'],
      'a UDP checksum of 0 stays 0',
      datagram({ payload, sealed }),
      sealed,
    );
    for (let words = 1; words <= 10; words++) {
      const options = Array.from({ length: words * 4 }, () => 1);
      const withOptions = (protocol, more) => datagram({ protocol, payload, ...more });
      addWhole(
        `${name}-udp-ip-options-${words}`,
        ['IpOptions'],
        `${words * 4} octets of IP options`,
        withOptions(17, { ipOptions: options }),
      );
      addWhole(
        `${name}-tcp-ip-options-${words}`,
        ['IpOptions'],
        `${words * 4} octets of IP options`,
        withOptions(6, { ipOptions: options }),
      );
      addWhole(
        `${name}-tcp-options-${words}`,
        ['TcpOptions'],
        `${words * 4} octets of TCP options`,
        withOptions(6, { tcpOptions: options }),
      );
    }
    add(`${name}-padding`, ['Padding'], 'six octets of link padding behind', [
      ...datagram({ payload }),
      0,
      0,
      0,
      0,
      0,
      0,
    ]);
  }
  add('in-padding', ['Padding'], 'a CM that stands wholly in the link padding', [
    ...datagram({ payload: [1] }),
    ...trailer(),
  ]);

  const two = [1, ...trailer(), ...trailer({ 22: 3 })];
  addWhole(
    'two-compact',
    ['TwoTrailers'],
    'the rest ends in another valid CM: one is removed',
    datagram({ payload: two }),
  );
  addWhole('two-full', ['TwoTrailers'], 'two full trailers', datagram({ payload: [...full(), ...full({ flags: 2 })] }));
  addWhole(
    'full-then-compact',
    ['TwoTrailers'],
    'full before compact',
    datagram({ payload: [...full(), ...trailer()] }),
  );
  addWhole(
    'compact-then-full',
    ['TwoTrailers'],
    'compact before full',
    datagram({ payload: [...trailer(), ...full()] }),
  );

  for (let flags = 0; flags <= 5; flags++)
    add(
      `tail-25-udp-${flags}`,
      ['ExactTail'],
      'R2: exactly 25 octets after the UDP header',
      datagram({ payload: compact({ 22: flags }) }),
    );
  add(
    'tail-25-tcp',
    ['ExactTail'],
    'exactly 25 octets after the TCP header',
    datagram({ protocol: 6, payload: compact() }),
  );
  add('tail-32-full', ['ExactTail'], 'a full CM that lacks its first octet', datagram({ payload: full().slice(1) }));
  add('r1', ['Overlay'], 'R1: a TCP segment of 40 octets whose own headers read as a block', octets(R1));
  for (let kept = 0; kept <= 7; kept++) {
    const list = [...datagram({ payload: [] }).slice(0, 20 + kept), ...compact()];
    list.splice(2, 2, 0, list.length);
    add(`r2-overlay-${kept}`, ['Overlay'], `R2: a CM that would begin at octet ${kept} of the UDP header`, list);
  }
  for (let value = 0; value <= 40; value++) {
    const list = datagram({ payload: [...text('hello'), ...trailer()] });
    list[24] = 0;
    list[25] = value;
    add(`r3-udp-length-${value}`, ['UdpLength'], `R3: UDP length ${value} with an IP payload of 39`, list);
  }
  for (const value of [0x0800, 0x7fff, 0xffff]) {
    const list = datagram({ payload: [...text('hello'), ...trailer()] });
    list.splice(24, 2, value >> 8, value & 255);
    add(`r3-udp-length-${value}`, ['UdpLength'], `R3: UDP length ${value} with an IP payload of 39`, list);
  }
  for (const field of [0x2000, 0x2001, 0x0001, 0x1fff, 0x00b9, 0x8000, 0x4000, 0xc000, 0x0000]) {
    const list = datagram({ payload: [...text('hello'), ...trailer()] });
    list.splice(6, 2, field >> 8, field & 255);
    add(`fragment-${field}`, ['Fragment'], `flags and fragment offset 0x${field.toString(16).padStart(4, '0')}`, list);
  }
  for (let protocol = 0; protocol < 256; protocol += protocol < 20 ? 1 : 47) {
    const list = datagram({ payload: [...text('hello, here is data '), ...trailer()] });
    list[9] = protocol;
    add(`protocol-${protocol}`, ['Protocol'], `IP protocol ${protocol}`, list);
  }
  for (let words = 0; words < 16; words++) {
    const tcp = datagram({ protocol: 6, payload: [...text('hello, here is data '), ...trailer()] });
    tcp[32] = words * 16;
    add(`data-offset-${words}`, ['DataOffset'], `TCP data offset ${words}`, tcp);
    const ip = datagram({ payload: [...text('hello'), ...trailer()] });
    ip[0] = 0x40 + words;
    add(`ihl-${words}`, ['IpHeaderLength'], `IP header length ${words}`, ip);
  }
  // Sum of the whole block 0x0605, of its last 23 octets before the sum 0x0506: both layouts hold.
  const both = full({
    node: '02fd00001900',
    session: 0xffff,
    path: 0xffff,
    feedback: 0x43,
    timestamp: 0,
    delay: 0,
    list: ['0a000001'],
  });
  add(
    'ambiguous',
    ['Ambiguous'],
    'a block that satisfies both layouts is read as compact',
    datagram({ payload: [7, ...both] }),
  );
  add('empty', ['NoData'], 'UDP without user data', datagram({ payload: [] }));
  add(
    'ordinary-text',
    ['NoData'],
    'ordinary text',
    datagram({ payload: text('GET / HTTP/1.1\r\nHost: example.net\r\n\r\n') }),
  );
  return {
    title: 'IPv4 datagrams read by a receiver that accepts both layouts',
    flags: {
      Worked: "a worked datagram of the wire format or of the notes on the authors' kernels",
      Truncated: 'a proper prefix of a good datagram',
      BitFlip: 'a good datagram with one bit the other way round; nothing is repaired',
      Valid: 'good datagrams of all payload parities, with what is left when the trailer is removed',
      IpOptions: 'the IP header has options; what stands in them does not matter',
      TcpOptions: 'the TCP header has options',
      Padding: 'octets behind the IP total length',
      TwoTrailers: 'two trailers stand at the end; exactly one is removed',
      ExactTail: 'the user data is one octet too short for a trailer',
      Overlay: 'octets of the headers would have to be part of the CM',
      UdpLength: 'the UDP length lies; it is not used to find the trailer',
      Fragment: 'values of the flags and fragment offset field',
      Protocol: 'values of the IP protocol',
      DataOffset: 'values of the TCP data offset; those that do not fit make the segment ordinary',
      IpHeaderLength: 'values of the IP header length',
      Ambiguous: 'both layouts hold',
      NoData: 'ordinary datagrams',
    },
    vectors,
  };
}
