/** The small services of a reference host: something to talk to above MPIP. */

/** Name of a service. */
export type ServiceName = 'echo' | 'discard' | 'chargen';

/** Names of all services. */
export const SERVICE_NAMES: readonly ServiceName[] = ['echo', 'discard', 'chargen'];

/** A service at a UDP port. */
export interface ServiceAddress {
  readonly name: ServiceName;
  readonly port: number;
}

/** What a service answers to a datagram's user data; undefined for nothing. */
export type Service = (payload: Uint8Array) => Uint8Array | undefined;

const LINE = 72;
const FIRST_PRINTABLE = 0x20;
const PRINTABLES = 95;

/** The services by name: echo (RFC 862), discard (RFC 863), chargen (RFC 864, as many octets as were asked with, at least one line). */
export const SERVICES: Readonly<Record<ServiceName, Service>> = {
  echo: (payload) => payload,
  discard: () => undefined,
  chargen: (payload) => {
    const size = Math.max(LINE + 2, Math.min(payload.length, 512));
    const text = new Uint8Array(size);
    for (let i = 0; i < size; i++) {
      const column = i % (LINE + 2);
      const line = Math.floor(i / (LINE + 2));
      text[i] = column === LINE ? 13 : column === LINE + 1 ? 10 : FIRST_PRINTABLE + ((line + column) % PRINTABLES);
    }
    return text;
  },
};
