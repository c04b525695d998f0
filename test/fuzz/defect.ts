import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseIpv4, TrailerView } from '../../src/codec/index.js';
import { ReferenceHost } from '../../src/endpoint/index.js';
import { HostTarget, virtualSurroundings } from '../../src/fuzz/targets/host-target.js';
import { onReceipt } from '../conformance/mutant.js';

/**
 * A peer with one planted defect: the unmodified reference plus one patch; the file's name is the defect. The fuzzer and its oracles
 * know nothing of these files.
 */
export interface Defect {
  readonly name: string;
  /** What goes wrong, in one sentence. */
  readonly defect: string;
  /** What kind of defect it is. */
  readonly kind:
    | 'crash'
    | 'hang'
    | 'leak'
    | 'poisoning'
    | 'amplification'
    | 'confusion'
    | 'stall'
    | 'corruption'
    | 'parsing';
  /** The hole of the authors' kernels that it is like (docs/security.md). */
  readonly like?: string;
  apply(host: ReferenceHost): void;
}

const FOLDER = join(fileURLToPath(new URL('.', import.meta.url)), 'defects');

/** Names of all defects. */
export function defectNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.js'))
    .map((name) => name.slice(0, -3))
    .sort();
}

/** The defect of a name. */
export async function loadDefect(name: string): Promise<Defect> {
  const module = (await import(pathToFileURL(join(FOLDER, `${name}.js`)).href)) as { defect: Defect };
  return module.defect;
}

const ADDRESSES = ['192.0.2.1', '192.0.2.2'].map((text) => parseIpv4(text));

/** The reference, with a defect when one is given, as a target in virtual time. */
export function defectiveTarget(defect?: Defect): HostTarget {
  return new HostTarget({
    name: defect?.name ?? 'the reference',
    surroundings: virtualSurroundings(ADDRESSES[0]!, 7000, 7001),
    createPeer: (seed) => {
      const host = new ReferenceHost({
        addresses: ADDRESSES,
        services: [
          { name: 'echo', port: 7000 },
          { name: 'discard', port: 7001 },
        ],
        seed,
      });
      defect?.apply(host);
      return host;
    },
  });
}

/** Calls `look` with each datagram that is received and has a CM, before the endpoint sees it. */
export function onCm(host: ReferenceHost, look: (view: TrailerView, packet: Uint8Array, now: number) => void): void {
  const view = new TrailerView();
  onReceipt(host.endpoint, (packet, now) => {
    if (view.locate(packet)) look(view, packet, now);
    return packet;
  });
}

/** Lets the host send another packet of its own with the next batch. */
export function alsoSends(host: ReferenceHost): (packet: Uint8Array) => void {
  const extra: Uint8Array[] = [];
  const { drain } = host;
  host.drain = (send) => {
    drain.call(host, send);
    for (const packet of extra.splice(0)) send(packet);
  };
  return (packet) => void extra.push(packet.slice());
}
