import { readU32be } from '../../codec/bytes.js';
import { addressKey, Flags, formatIpv4, type Ipv4, UDP } from '../../codec/index.js';
import type { Exchange } from '../exchange.js';
import type { Oracle } from '../oracle.js';
import type { Received } from '../received.js';
import { BYSTANDER, type Sent } from '../sent.js';
import type { Micros } from '../target.js';

/** What went to and came from one address. */
interface Traffic {
  packetsIn: number;
  octetsIn: number;
  packetsOut: number;
  octetsOut: number;
}

/** Packets that one from outside may cause: an answer, a query, a heartbeat. */
const FACTOR = 3;
/** What retransmission and queries may add for each address, in packets: five queries to each of its ports, TCP's retries. */
const ALLOWANCE = 64;
/** Octets of a packet that the allowance covers. */
const LARGE = 1500;
/** Packets that nobody asked for in a long pause: retransmissions and fake SYNs end. */
const UNASKED = 60;
/** Confirmations that a query of the bystander may bring, and some that a network doubled. */
const CONFIRMATIONS = 2;
const DOUBLED = 1;
/** A pause shorter than this shows nothing. */
const LONG: Micros = 5_000_000;

/** The peer sends more than it is sent: to who asks, to others, or to nobody's asking. */
export class Amplification implements Oracle {
  readonly id = 'amplification';
  readonly severity = 'high';
  readonly #traffic = new Map<Ipv4, Traffic>();
  /** Confirmations that the bystander got, by address and port. */
  readonly #confirmations = new Map<number, number>();
  #packets = 0;

  begin(): void {
    this.#traffic.clear();
    this.#confirmations.clear();
    this.#packets = 0;
  }

  sent(_exchange: Exchange, _sent: Sent, packet: Uint8Array): void {
    this.#packets++;
    if (packet.length < 20) return;
    const traffic = this.#of(readU32be(packet, 12));
    traffic.packetsIn++;
    traffic.octetsIn += packet.length;
  }

  received(exchange: Exchange, received: Received): void {
    const { destination, packet, owner, frame } = received;
    const traffic = this.#of(destination);
    traffic.packetsOut++;
    traffic.octetsOut += packet.length;
    if (owner === BYSTANDER) {
      this.#confirmed(exchange, received);
      return;
    }
    // Who never sent gets probes alone, as many as all packets of the exchange may cause.
    const isStranger = traffic.packetsIn === 0;
    const packets = (isStranger ? this.#packets : FACTOR * traffic.packetsIn) + ALLOWANCE;
    const octets = (isStranger ? this.#packets * 100 : FACTOR * traffic.octetsIn) + ALLOWANCE * LARGE;
    if (traffic.packetsOut <= packets && traffic.octetsOut <= octets) return;
    const code = isStranger ? 'stranger' : 'sender';
    const title = `${traffic.packetsOut} packets of ${traffic.octetsOut} octets went to ${formatIpv4(destination)}, from which ${traffic.packetsIn} of ${traffic.octetsIn} octets came.`;
    this.#report(exchange, code, title, frame);
    this.#traffic.clear();
  }

  paused(exchange: Exchange, micros: Micros, packets: number): void {
    if (micros < LONG || packets <= UNASKED) return;
    const title = `In a pause of ${micros / 1_000_000} s in which nothing was sent, the peer sent ${packets} packets.`;
    this.#report(exchange, 'unasked', title, exchange.frame);
  }

  end(): void {}

  /** The bystander asks soundly and nobody asks in its name: it gets as many confirmations as it has asked for. */
  #confirmed(exchange: Exchange, { cm, protocol, destination, destinationPort, frame }: Received): void {
    if (cm?.flags !== Flags.enabled || protocol !== UDP) return;
    const key = addressKey(destination, destinationPort);
    const asked = exchange.bystander.asked.get(key);
    if (asked === undefined) return;
    const count = (this.#confirmations.get(key) ?? 0) + 1;
    this.#confirmations.set(key, count);
    if (count !== CONFIRMATIONS * asked + DOUBLED + 1) return;
    const title = `The peer has confirmed ${asked === 1 ? 'one query' : `${asked} queries`} of the bystander ${count} times.`;
    this.#report(exchange, 'confirmations', title, frame);
  }

  #of(address: Ipv4): Traffic {
    let traffic = this.#traffic.get(address);
    if (traffic === undefined) {
      traffic = { packetsIn: 0, octetsIn: 0, packetsOut: 0, octetsOut: 0 };
      this.#traffic.set(address, traffic);
    }
    return traffic;
  }

  #report(exchange: Exchange, code: string, title: string, frame: number): void {
    const requirements = code === 'unasked' ? ['MPIP-HB-07'] : [];
    exchange.report({ oracle: this.id, severity: this.severity, code, title, requirements, frame });
  }
}
