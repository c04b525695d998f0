import type { Ipv4 } from '../../codec/index.js';
import type { HostInterface } from './host-routes.js';
import { OWN_MARK } from './host-setup.js';
import { InterfaceInput } from './interface-input.js';
import { InterfaceOutput } from './interface-output.js';
import { HostError } from './libc.js';
import type { Network } from './packet-filter.js';
import type { PacketSink, PacketSource } from './packet-link.js';

/** A packet socket of an interface, watched. */
interface Input {
  readonly index: number;
  readonly socket: InterfaceInput;
  readonly stop: () => void;
}

/** For packets of an address that is gone: applications may send a little longer than the interface has it. */
class Gone implements PacketSink {
  refused = 0;

  send(): void {
    this.refused++;
  }

  flush(): void {}
  close(): void {}
}

/** Former addresses that are remembered. */
const MOST_FORMER = 64;

/** A raw socket of an address, on the interface that has it. */
interface Output {
  readonly index: number;
  readonly socket: InterfaceOutput;
}

/**
 * The node's sockets on the interfaces: one that reads packets for each interface, one that sends for each address. They
 * follow the interfaces: `update` opens what is missing and closes what has become useless.
 */
export class HostLinks {
  /** Where packets go by their source address; those of an address that is gone are lost. */
  readonly outputs = new Map<Ipv4, PacketSink>();
  /** For packets of other addresses. */
  readonly unbound: InterfaceOutput;
  readonly #inputs = new Map<string, Input>();
  readonly #own = new Map<Ipv4, Output>();
  readonly #gone = new Gone();
  #filtered = '';

  /**
   * @param networks read only what comes from them; everything when there are none.
   * @param watch reads a source whenever packets wait there; returns how to stop.
   * @param onRoom called when an interface that was full takes packets again.
   * @throws HostError
   */
  constructor(
    private readonly networks: readonly Network[],
    private readonly trains: boolean,
    private readonly watch: (source: PacketSource) => () => void,
    private readonly onRoom: () => void,
  ) {
    this.unbound = InterfaceOutput.open({ mark: OWN_MARK });
  }

  /**
   * Follows the interfaces. What cannot be opened, because it vanishes in this moment, is left out: the kernel tells of
   * that next.
   * @param addresses those whose packets are read: of the interfaces, and former ones that are held.
   * @returns what failed.
   */
  update(interfaces: readonly HostInterface[], addresses: readonly Ipv4[]): HostError[] {
    const problems: HostError[] = [];
    const attempt = (doIt: () => void) => {
      try {
        doIt();
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        problems.push(error);
      }
    };
    const byName = new Map(interfaces.map((device) => [device.name, device]));
    for (const [name, { index }] of this.#inputs) if (byName.get(name)?.index !== index) this.#closeInput(name);
    const owner = new Map(
      interfaces.flatMap((device) => device.addresses.map(({ address }) => [address, device] as const)),
    );
    for (const [address, { index }] of this.#own) if (owner.get(address)?.index !== index) this.#closeOutput(address);
    if (addresses.length === 0) return problems;
    const filtered = addresses.join();
    if (filtered !== this.#filtered)
      for (const { socket } of this.#inputs.values()) attempt(() => socket.setFilter(addresses, this.networks));
    this.#filtered = filtered;
    for (const { name, index } of interfaces)
      if (!this.#inputs.has(name)) attempt(() => this.#openInput(name, index, addresses));
    for (const [address, { name, index }] of owner)
      if (!this.#own.has(address))
        attempt(() => {
          const { trains, onRoom } = this;
          const socket = InterfaceOutput.open({ device: name, source: address, mark: OWN_MARK, trains, onRoom });
          this.#own.set(address, { index, socket });
          this.outputs.set(address, socket);
        });
    return problems;
  }

  /** True for an address that packets can be sent from. */
  has(address: Ipv4): boolean {
    return this.#own.has(address);
  }

  /** Packets that could not be sent. */
  get refused(): number {
    let sum = this.#gone.refused + this.unbound.refused;
    for (const { socket } of this.#own.values()) sum += socket.refused;
    return sum;
  }

  close(): void {
    for (const name of [...this.#inputs.keys()]) this.#closeInput(name);
    for (const address of [...this.#own.keys()]) this.#closeOutput(address);
    this.unbound.close();
  }

  #openInput(name: string, index: number, addresses: readonly Ipv4[]): void {
    const socket = InterfaceInput.open(name, addresses, this.networks);
    this.#inputs.set(name, { index, socket, stop: this.watch(socket) });
  }

  #closeInput(name: string): void {
    const input = this.#inputs.get(name);
    input?.stop();
    input?.socket.close();
    this.#inputs.delete(name);
  }

  #closeOutput(address: Ipv4): void {
    const output = this.#own.get(address);
    this.#gone.refused += output?.socket.refused ?? 0;
    output?.socket.close();
    this.#own.delete(address);
    this.outputs.delete(address);
    const former = [...this.outputs.keys()].filter((other) => !this.#own.has(other));
    if (former.length >= MOST_FORMER) this.outputs.delete(former[0]!);
    this.outputs.set(address, this.#gone);
  }
}
