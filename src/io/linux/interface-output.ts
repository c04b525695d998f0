import { writeU32be } from '../../codec/bytes.js';
import type { Ipv4 } from '../../codec/index.js';
import { DeviceOutput } from './device-output.js';
import type { PacketSink } from './packet-link.js';

/** Where an output leaves the host; without device and source, as the routing tables say. */
export interface OutputBinding {
  readonly device?: string;
  readonly source?: Ipv4;
  /** The mark of its packets: rules of routing tell the node's own packets from those of applications by it. */
  readonly mark: number;
  /** Datagrams of equal length that go the same way leave as one train, where the interface can do that. */
  readonly trains?: boolean;
  /** Called when the interface takes packets again after it was full. */
  readonly onRoom?: () => void;
}

/**
 * Sends whole IPv4 packets by one interface through the kernel's routing and neighbour tables. The kernel computes the
 * IP header's checksum and fills in an IP id of 0; everything else stays as it is. Nothing is fragmented. The outputs of
 * one interface share a queue, so that packets leave in the order in which they were given.
 */
export class InterfaceOutput implements PacketSink {
  /** The source address in the order of the network. */
  readonly #source = new Uint8Array(4);

  private constructor(
    private readonly shared: DeviceOutput,
    source: Ipv4,
    private readonly onRoom: (() => void) | undefined,
  ) {
    writeU32be(this.#source, 0, source);
    if (onRoom !== undefined) shared.whenRoom.add(onRoom);
  }

  /** @throws HostError */
  static open({ device, source, mark, trains, onRoom }: OutputBinding): InterfaceOutput {
    return new InterfaceOutput(DeviceOutput.open(device, mark, trains ?? false), source ?? 0, onRoom);
  }

  /** Packets that the kernel refused, of every output of the interface. */
  get refused(): number {
    return this.shared.lost;
  }

  get isFull(): boolean {
    return this.shared.isFull;
  }

  get backlogMicros(): number {
    return this.shared.backlogMicros;
  }

  send(packet: Uint8Array, length: number): void {
    this.shared.send(packet, length, this.#source);
  }

  flush(): void {
    this.shared.flush();
  }

  close(): void {
    if (this.onRoom !== undefined) this.shared.whenRoom.delete(this.onRoom);
    this.shared.close();
  }
}
