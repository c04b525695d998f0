import type { Impairment } from './impairment.js';

/** The interfaces of the two hosts: a1 and a2 of the client, b1 and b2 of the server. */
export type Device = 'a1' | 'a2' | 'b1' | 'b2';

/** Every interface. */
export const DEVICES: readonly Device[] = ['a1', 'a2', 'b1', 'b2'];

/** The address of each interface. */
export const ADDRESSES: Readonly<Record<Device, string>> = {
  a1: '10.79.1.2',
  a2: '10.79.2.2',
  b1: '10.79.3.2',
  b2: '10.79.4.2',
};

/** A rate that changes, as that of a wireless link: every `period` another one, evenly between the two. */
export interface VaryingRate {
  readonly low: number;
  readonly high: number;
  /** Milliseconds. */
  readonly period: number;
}

/** What an interface and its link are like. */
export interface NicConditions {
  /** Mbit/s on the wire, in both directions, preamble, checksum and gap included; 0: unlimited. */
  readonly rate: number | VaryingRate;
  /** Mbit/s of what leaves the host by it, where that is less. */
  readonly outbound?: number;
  /** Octets that wait for the link at most; default `QUEUE_OCTETS`. */
  readonly queue?: number;
  /**
   * The link is a radio: one frame at a time is in the air, whatever its direction, and each takes as long as this many octets
   * more than it has. Both directions share `rate`. Default: each direction has it for itself.
   */
  readonly airtime?: number;
  /** What packets meet that leave the host by it. */
  readonly out?: Impairment;
  /** What packets meet that come to the host by it. */
  readonly in?: Impairment;
}

/** A limit on packets from one interface of the client to one of the server. */
export interface PairLimit {
  readonly from: 'a1' | 'a2';
  readonly to: 'b1' | 'b2';
  /** Mbit/s; 0 lets nothing pass, in either direction. */
  readonly rate: number;
}

/** What the network is like in an experiment. */
export interface Conditions {
  readonly nics: Readonly<Record<Device, NicConditions>>;
  readonly pairs?: readonly PairLimit[];
  /** The router masquerades what goes to the server. */
  readonly nat?: boolean;
  /** Interfaces of the hosts that are not connected. */
  readonly absent?: readonly Device[];
}

/** An Ethernet card of 100 Mbit/s, as each of the paper's. */
export const FAST_ETHERNET: NicConditions = { rate: 100 };

/** Queue of an interface, in octets: some 12 ms at 100 Mbit/s, about 100 full packets. */
export const QUEUE_OCTETS = 150_000;

/**
 * The paper's wireless card as far as it says what that is: its paths take about 0.5 ms there and back, those of two
 * wired cards 0.1 ms (4.2.1). The rest is ours: a rate between 20 and 40 Mbit/s that changes five times a second, up to
 * 0.3 ms of jitter each way, and one packet in 2000 lost.
 */
export const WIRELESS: NicConditions = {
  rate: { low: 20, high: 40, period: 200 },
  out: { delay: 200, jitter: 300, loss: 0.0005 },
  in: { delay: 200, jitter: 300, loss: 0.0005 },
};

/**
 * The same card as a radio, for what goes in both directions at once. A frame of IEEE 802.11g takes some 150 µs besides its octets
 * (DIFS 28, backoff 67.5 in the mean, preamble 20, SIFS 10, acknowledgement 28), at 54 Mbit/s as long as 1000 octets. Full packets
 * alone get 20 to 40 Mbit/s, as by `WIRELESS`; one of 100 octets costs nearly half as much as a full one.
 */
export const RADIO: NicConditions = { ...WIRELESS, rate: { low: 33, high: 66, period: 200 }, airtime: 1000 };

/** Four cards of one kind, with what is said of some. */
export function conditions(
  some: Partial<Record<Device, Partial<NicConditions>>> = {},
  rest: Omit<Conditions, 'nics'> = {},
): Conditions {
  const nics = Object.fromEntries(DEVICES.map((device) => [device, { ...FAST_ETHERNET, ...some[device] }]));
  return { nics: nics as Record<Device, NicConditions>, ...rest };
}

/** A delay without jitter or loss, milliseconds. */
export function late(milliseconds: number): Impairment {
  return { delay: milliseconds * 1000, jitter: 0, loss: 0 };
}
