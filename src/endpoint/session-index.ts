import { addressKey, type Ipv4, TCP, type Tuple } from '../codec/index.js';
import { PairTable } from './pair-table.js';
import type { Session } from './sessions.js';

/** Finds rows of Table 7 by socket pair and protocol: in a table for each address of this node, by the rest of the pair. */
export class SessionIndex {
  readonly #tcp = new Map<Ipv4, PairTable<Session>>();
  readonly #udp = new Map<Ipv4, PairTable<Session>>();
  /** Rows with each remote address and port, by `addressKey`. */
  readonly #remotes = new Map<number, number>();

  /** The row with this socket pair and protocol. */
  get({ source, sourcePort, destination, destinationPort }: Tuple, protocol: number): Session | undefined {
    return this.at(source, sourcePort, destination, destinationPort, protocol);
  }

  /** The same, address by address. */
  at(source: Ipv4, sourcePort: number, destination: Ipv4, destinationPort: number, protocol: number) {
    return this.#of(protocol)
      .get(source | 0)
      ?.get(destination, portsOf(sourcePort, destinationPort));
  }

  /** True when a row has this remote address and port, as `addressKey`. */
  hasRemote(key: number): boolean {
    return this.#remotes.has(key);
  }

  /** Adds a row; it takes the place of one with the same socket pair and protocol. */
  add(session: Session): void {
    const { protocol } = session;
    const { source, sourcePort, destination, destinationPort } = session.tuple;
    const tables = this.#of(protocol);
    let table = tables.get(source | 0);
    if (table === undefined) {
      table = new PairTable();
      tables.set(source | 0, table);
    }
    table.set(destination, portsOf(sourcePort, destinationPort), session);
    const remote = addressKey(destination, destinationPort);
    this.#remotes.set(remote, (this.#remotes.get(remote) ?? 0) + 1);
  }

  /** Takes out a row that was added. */
  delete(session: Session): void {
    const { source, sourcePort, destination, destinationPort } = session.tuple;
    const tables = this.#of(session.protocol);
    const table = tables.get(source | 0);
    const ports = portsOf(sourcePort, destinationPort);
    if (table?.get(destination, ports) === session) table.delete(destination, ports);
    if (table?.isEmpty) tables.delete(source | 0);
    const remote = addressKey(destination, destinationPort);
    const left = (this.#remotes.get(remote) ?? 0) - 1;
    if (left > 0) this.#remotes.set(remote, left);
    else this.#remotes.delete(remote);
  }

  #of(protocol: number): Map<Ipv4, PairTable<Session>> {
    return protocol === TCP ? this.#tcp : this.#udp;
  }
}

function portsOf(source: number, destination: number): number {
  return (source << 16) | destination;
}
