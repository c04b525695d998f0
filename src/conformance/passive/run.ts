import { type Constants, defaultConstants, formatIpv4, formatNodeId, HeaderStatus, TCP } from '../../codec/index.js';
import { l4ChecksumStatus } from '../../dissector/checksum-status.js';
import { Dissector } from '../../dissector/dissector.js';
import { Tracker } from '../../dissector/tracker/tracker.js';
import type { CapturedPacket } from '../../io/captured-packet.js';
import { AVAILABILITY } from './availability.js';
import { BEHAVIOUR } from './behaviour.js';
import { PATHS } from './paths.js';
import type { Finding, Judge, Place, Predicate, Sight, Watch } from './predicate.js';
import { SESSIONS } from './sessions.js';
import { WIRE } from './wire.js';

/** Every predicate, in the order of reports. */
export const PREDICATES: readonly Predicate[] = [...WIRE, ...AVAILABILITY, ...PATHS, ...SESSIONS, ...BEHAVIOUR];

/** What one predicate says of a capture. */
export interface PassiveVerdict {
  readonly predicate: Predicate;
  /** `none`: nothing in the capture shows it. */
  readonly verdict: 'pass' | 'fail' | 'inconc' | 'none';
  /** Times that it was kept and broken. */
  readonly passes: number;
  readonly breaches: number;
  /** The first breach (of the worst kind), and where. */
  readonly finding?: Finding;
  readonly place?: Place;
}

/** How a capture is judged. */
export interface PassiveOptions {
  /** PIXIT: constants in force at the nodes. */
  readonly constants?: Partial<Constants>;
  /** Only packets of nodes that use this address are judged. */
  readonly address?: number;
  /** Predicates to apply; default all. */
  readonly predicates?: readonly Predicate[];
}

/** Judges packets one by one, in the order of their times. */
export class PassiveRun {
  readonly tracker = new Tracker();
  readonly dissector = new Dissector({ nearCms: true });
  readonly #verdicts: Verdicts[];
  readonly #watches: Watch[];
  readonly #sight: MutableSight;

  constructor(options: PassiveOptions = {}) {
    const constants = { ...defaultConstants(), ...options.constants };
    const { address } = options;
    const judges = (node: number) => {
      if (address === undefined) return true;
      const { seen, announced } = this.tracker.nodes.get(node);
      return [...seen, ...announced].some((one) => one.address === address);
    };
    this.#verdicts = (options.predicates ?? PREDICATES).map((predicate) => new Verdicts(predicate, constants, judges));
    this.#watches = this.#verdicts.map((verdicts) => verdicts.predicate.watch(verdicts));
    this.#sight = new MutableSight(this.dissector, this.tracker);
  }

  /** Takes a packet. @param source position of its capture among those given, from 0 */
  see(packet: CapturedPacket, source = 0): void {
    this.dissector.inspect(packet);
    this.tracker.note(this.dissector, packet);
    this.#sight.show(packet, source);
    for (const watch of this.#watches) watch.see(this.#sight);
  }

  /** No more packets come. */
  end(): PassiveVerdict[] {
    for (const watch of this.#watches) watch.end?.(this.tracker);
    return this.#verdicts.map((verdicts) => verdicts.result());
  }
}

/** Judges packets at hand. */
export function judgePackets(packets: Iterable<CapturedPacket>, options: PassiveOptions = {}): PassiveVerdict[] {
  const run = new PassiveRun(options);
  for (const packet of packets) run.see(packet);
  return run.end();
}

/** One predicate's verdicts so far. */
class Verdicts implements Judge {
  #passes = 0;
  #fails = 0;
  #inconcs = 0;
  #failed: [Finding, Place] | undefined;
  #open: [Finding, Place] | undefined;

  constructor(
    readonly predicate: Predicate,
    readonly constants: Constants,
    readonly judges: (node: number) => boolean,
  ) {}

  pass(): void {
    this.#passes++;
  }

  fail(finding: Finding, place: Place): void {
    this.#fails++;
    this.#failed ??= [finding, place];
  }

  inconc(finding: Finding, place: Place): void {
    this.#inconcs++;
    this.#open ??= [finding, place];
  }

  result(): PassiveVerdict {
    const worst = this.#failed ?? this.#open;
    const verdict =
      this.#failed !== undefined ? 'fail' : this.#open !== undefined ? 'inconc' : this.#passes > 0 ? 'pass' : 'none';
    return {
      predicate: this.predicate,
      verdict,
      passes: this.#passes,
      breaches: this.#failed !== undefined ? this.#fails : this.#inconcs,
      ...(worst === undefined ? {} : { finding: worst[0], place: worst[1] }),
    };
  }
}

/** The one object that predicates look at. */
class MutableSight implements Sight {
  packet!: CapturedPacket;
  source = 0;
  #l4: Sight['l4Checksum'] | undefined;

  constructor(
    readonly dissector: Dissector,
    readonly tracker: Tracker,
  ) {}

  get trailer(): Sight['trailer'] {
    return this.dissector.trailer;
  }

  get seen(): Sight['seen'] {
    return this.tracker.seen;
  }

  get time(): number {
    return this.tracker.seen.time;
  }

  get l4Checksum(): Sight['l4Checksum'] {
    this.#l4 ??= checksumOf(this.dissector);
    return this.#l4;
  }

  show(packet: CapturedPacket, source: number): void {
    this.packet = packet;
    this.source = source;
    this.#l4 = undefined;
  }
}

function checksumOf({ trailer, isIpv4 }: Dissector): Sight['l4Checksum'] {
  if (!isIpv4 || trailer.status !== HeaderStatus.ok) return 'unverified';
  const status = l4ChecksumStatus(trailer);
  return status === 'bad' && isPartial(trailer) ? 'partial' : status;
}

/** The sum of the pseudo-header alone: what a kernel leaves to the device, as a capture on the sending host sees it. */
function isPartial(trailer: Sight['trailer']): boolean {
  const { bytes, offset, protocol, l4Offset, end } = trailer;
  let sum = protocol + (end - l4Offset);
  for (let at = 12; at < 20; at += 2) sum += (bytes[offset + at]! << 8) | bytes[offset + at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const at = l4Offset + (protocol === TCP ? 16 : 6);
  return ((bytes[at]! << 8) | bytes[at + 1]!) === sum;
}

/** A node in words: its id and the addresses it sends from. */
export function nodeWords(tracker: Tracker, index: number): string {
  if (index === 0) return 'a node that is not known';
  const node = tracker.nodes.get(index);
  const addresses = node.seen.map(({ address }) => formatIpv4(address)).join(', ');
  return `node ${formatNodeId(node.nodeId, node.isFull ? 6 : 2)} (${addresses})`;
}
