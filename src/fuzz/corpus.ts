import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeU16be, writeU32be } from '../codec/bytes.js';
import { fieldOf, HeaderStatus, repairChecksum, TCP, TrailerView, type Tuple, UDP } from '../codec/index.js';
import { writeIpv4Header } from '../codec/packet.js';
import { capturePackets } from '../io/capture-reader.js';
import { ipv4Offset } from '../io/link-type.js';
import { fieldPlaces, writeField } from './field-values.js';
import type { NodeIds } from './fuzz-node.js';
import { partsOf, repairSums } from './packet-parts.js';

/** A packet to start from: what follows the IP header, as it was recorded. */
export interface CorpusPacket {
  /** Where it is from, for people. */
  readonly name: string;
  readonly protocol: number;
  /** The TCP or UDP header and everything behind it. */
  readonly octets: Uint8Array;
}

/** Most packets taken from one file. */
const MOST_OF_A_FILE = 2000;

/**
 * Reads every capture (pcap, pcapng, also gzipped) and every vector file (JSON with `hex`) of a folder, by name. Of captures the
 * packets with a CM are taken, of vectors the datagrams and blocks.
 * @throws the system's error when the folder cannot be read, CaptureError for a damaged capture, SyntaxError for damaged JSON.
 */
export async function readCorpus(folder: string): Promise<CorpusPacket[]> {
  const packets: CorpusPacket[] = [];
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (/\.(pcap|pcapng|cap)(\.gz)?$/.test(name)) packets.push(...(await fromCapture(path, name)));
    else if (name.endsWith('.json')) packets.push(...fromVectors(readFileSync(path, 'utf8'), name));
  }
  return packets;
}

async function fromCapture(path: string, name: string): Promise<CorpusPacket[]> {
  const view = new TrailerView();
  const packets: CorpusPacket[] = [];
  for await (const { number, linkType, buffer, offset, capturedLength } of capturePackets(path)) {
    const at = ipv4Offset(linkType, buffer, offset, capturedLength);
    if (at < 0 || !view.locate(buffer, at, offset + capturedLength - at)) continue;
    const octets = buffer.slice(view.l4Offset, view.end);
    packets.push({ name: `${name}:${number}`, protocol: view.protocol, octets });
    if (packets.length >= MOST_OF_A_FILE) break;
  }
  return packets;
}

function fromVectors(text: string, name: string): CorpusPacket[] {
  const { vectors } = JSON.parse(text) as { vectors?: { id?: string; kind?: string; hex?: string }[] };
  const view = new TrailerView();
  const packets: CorpusPacket[] = [];
  for (const { id, kind, hex } of vectors ?? []) {
    if (typeof hex !== 'string' || packets.length >= MOST_OF_A_FILE) continue;
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    if (kind === 'datagram') {
      view.parse(bytes);
      if (view.status !== HeaderStatus.ok) continue;
      packets.push({ name: `${name}:${id}`, protocol: view.protocol, octets: bytes.slice(view.l4Offset, view.end) });
    } else if (bytes.length > 0) {
      const octets = new Uint8Array(8 + 12 + bytes.length);
      octets.set(bytes, 20);
      packets.push({ name: `${name}:${id}`, protocol: UDP, octets });
    }
  }
  return packets;
}

/**
 * A packet of the corpus with other addresses and ports, and with `adopt` the node and session id of a fuzzed node; its lengths and
 * checksums fit.
 */
export function adoptedPacket(
  { protocol, octets }: CorpusPacket,
  tuple: Tuple,
  adopt: { readonly ids: NodeIds; readonly session: number } | undefined,
): Uint8Array {
  const packet = new Uint8Array(20 + octets.length);
  packet.set(octets, 20);
  writeIpv4Header(packet, tuple, protocol === TCP ? TCP : UDP, octets.length);
  writeU16be(packet, 20, tuple.sourcePort);
  writeU16be(packet, 22, tuple.destinationPort);
  writeU32be(packet, 12, tuple.source);
  if (protocol === UDP) writeU16be(packet, 24, octets.length);
  const parts = adopt === undefined ? undefined : partsOf(packet);
  if (adopt !== undefined && parts?.cm !== undefined) {
    const { layout, start } = parts.cm;
    for (const { field, offset } of fieldPlaces(layout, parts.addresses)) {
      if (field.name === 'nodeId') writeField(packet, start + offset, field, adopt.ids[layout.name]);
      if (field.name === 'sessionId') writeField(packet, start + offset, fieldOf(layout, 'sessionId')!, adopt.session);
    }
    repairChecksum(packet, start, parts.end, layout.name);
  }
  return repairSums(packet, 20, protocol);
}
