import { addressKey, type Tuple } from '../codec/index.js';
import type { Session } from './sessions.js';

/**
 * Finds rows of Table 7 by socket pair and protocol. The key is a number of 32 bits mixed from all five; rows that share
 * it are in a chain. Between two addresses no two pairs of ports of one protocol share a key, so that a peer gains nothing
 * by choosing its ports.
 */
export class SessionIndex {
  readonly #first = new Map<number, Session>();
  /** Rows with each remote address and port, by `addressKey`. */
  readonly #remotes = new Map<number, number>();

  /** The row with this socket pair and protocol. */
  get(tuple: Tuple, protocol: number): Session | undefined {
    let session = this.#first.get(keyOf(tuple, protocol));
    while (session !== undefined && !isOf(session, tuple, protocol)) session = session.nextOfKey;
    return session;
  }

  /** True when a row has this remote address and port, as `addressKey`. */
  hasRemote(key: number): boolean {
    return this.#remotes.has(key);
  }

  add(session: Session): void {
    const { tuple, protocol } = session;
    const key = keyOf(tuple, protocol);
    session.nextOfKey = this.#first.get(key);
    this.#first.set(key, session);
    const remote = addressKey(tuple.destination, tuple.destinationPort);
    this.#remotes.set(remote, (this.#remotes.get(remote) ?? 0) + 1);
  }

  /** Takes out a row that was added. */
  delete(session: Session): void {
    const { tuple, protocol } = session;
    this.#unlink(session, keyOf(tuple, protocol));
    const remote = addressKey(tuple.destination, tuple.destinationPort);
    const left = (this.#remotes.get(remote) ?? 0) - 1;
    if (left > 0) this.#remotes.set(remote, left);
    else this.#remotes.delete(remote);
  }

  #unlink(session: Session, key: number): void {
    const next = session.nextOfKey;
    session.nextOfKey = undefined;
    let before = this.#first.get(key);
    if (before === session && next !== undefined) this.#first.set(key, next);
    else if (before === session) this.#first.delete(key);
    while (before !== undefined && before.nextOfKey !== session) before = before.nextOfKey;
    if (before !== undefined) before.nextOfKey = next;
  }
}

function isOf(session: Session, tuple: Tuple, protocol: number): boolean {
  const own = session.tuple;
  return (
    own.sourcePort === tuple.sourcePort &&
    own.destinationPort === tuple.destinationPort &&
    own.destination === tuple.destination &&
    own.source === tuple.source &&
    session.protocol === protocol
  );
}

/** The key of a socket pair and protocol: a small integer for the engine, so that the map keeps it in place. */
export function keyOf({ source, sourcePort, destination, destinationPort }: Tuple, protocol: number): number {
  const addresses = Math.imul(source, 0x9e3779b1) ^ Math.imul(destination, 0x85ebca6b);
  return addresses ^ ((sourcePort << 16) | destinationPort) ^ (protocol << 27);
}
