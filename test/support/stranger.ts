/**
 * A host that means no good, to run in the router's namespace: raw IPv4 packets of every malformed kind, from its own and
 * from invented addresses.
 *
 *     stranger.js COUNT NODE-ID DESTINATION...
 *
 * NODE-ID (decimal) is that of a real node, which the stranger heard of.
 */
import { setImmediate } from 'node:timers/promises';
import {
  attach,
  buildTcp,
  buildUdp,
  emptyControlMessage,
  Flags,
  type Ipv4,
  ipv4HeaderChecksum,
  parseIpv4,
  Random,
} from '../../src/codec/index.js';
import { InterfaceOutput } from '../../src/io/linux/interface-output.js';

const [countText, nodeIdText, ...destinations] = process.argv.slice(2);
const random = new Random(1);
const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
const octets = (most: number) => Uint8Array.from({ length: random.below(most + 1) }, () => random.below(256));
const PORTS = [1, 53, 7000, 7001, 40000, 65535];
const SOURCES = ['10.77.1.1', '10.77.3.1', '198.51.100.7', '203.0.113.255', '0.0.0.0', '127.0.0.1'].map(parseIpv4);

/** A datagram or segment with random user data. */
function packet(source: Ipv4, destination: Ipv4): Uint8Array {
  const tuple = { source, sourcePort: pick(PORTS), destination, destinationPort: pick(PORTS) };
  if (random.below(2) === 0) return buildUdp(tuple, octets(600));
  const number = () => random.below(2 ** 32);
  return buildTcp(tuple, { sequence: number(), acknowledgement: number(), flags: random.below(64) }, octets(600));
}

/** A CM of any kind; the known node id only where no user data can come with it. */
function withCm(inner: Uint8Array): Uint8Array {
  const layout = pick(['compact', 'full'] as const);
  const flags = random.below(8);
  const isKnown = flags >= Flags.heartbeat && layout === 'compact' && random.below(2) === 0;
  const out = new Uint8Array(inner.length + 200);
  const message = {
    ...emptyControlMessage(layout),
    nodeId: isKnown ? Number(nodeIdText) : 1 + random.below(0xfffe),
    sessionId: random.below(6),
    pathId: random.below(6),
    feedbackPathId: random.below(6),
    timestamp: random.below(2 ** 32),
    pathDelay: random.below(2 ** 31),
    // Never those of a real node: who has its id and addresses passes for it (docs/security.md, R7).
    localAddresses: [pick(SOURCES), pick(SOURCES)],
    flags: flags as never,
  };
  return out.slice(0, attach(inner, message, out));
}

/** Headers that lie, are cut or are noise. */
function damaged(whole: Uint8Array): Uint8Array {
  const bytes = whole.slice(0, Math.max(20, random.below(3) === 0 ? 20 + random.below(24) : whole.length));
  for (let i = random.below(4); i > 0 && bytes.length > 20; i--)
    bytes[20 + random.below(bytes.length - 20)] = random.below(256);
  if (random.below(4) === 0) {
    // More fragments, and an offset.
    bytes[6] = random.below(64);
    bytes[7] = random.below(256);
  }
  bytes[2] = bytes.length >>> 8;
  bytes[3] = bytes.length & 255;
  const sum = ipv4HeaderChecksum(bytes, 0, 20);
  bytes[10] = sum >>> 8;
  bytes[11] = sum & 255;
  return bytes;
}

const output = InterfaceOutput.open({ mark: 0 });
for (let i = 0; i < Number(countText); i++) {
  const plain = packet(pick(SOURCES), parseIpv4(pick(destinations)));
  const marked = random.below(4) === 0 ? plain : withCm(plain);
  const bytes = random.below(2) === 0 ? marked : damaged(marked);
  output.send(bytes, bytes.length);
  if (i % 32 === 31) {
    output.flush();
    await setImmediate();
  }
}
output.flush();
output.close();
console.log(JSON.stringify({ sent: Number(countText) - output.refused }));
