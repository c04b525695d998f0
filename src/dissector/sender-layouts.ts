import type { Ipv4 } from '../codec/index.js';

/** More senders than this are no longer remembered: a flood of forged sources must not fill the memory. */
const MAX_SENDERS = 1 << 20;

/**
 * Which layout each address:port has used. An open-addressing table of integers: one look-up for every packet with a CM is on the
 * path that must not allocate.
 */
export class SenderLayouts {
  #addresses = new Uint32Array(1024);
  #ports = new Uint16Array(1024);
  /** 0 = slot unused. */
  #layouts = new Uint8Array(1024);
  #mask = 1023;
  #count = 0;

  /** The layout bit (`Accept.compact` or `Accept.full`) that the sender has used; 0 when it has sent none. */
  get(address: Ipv4, port: number): number {
    return this.#layouts[this.#slot(address, port)]!;
  }

  /** Remembers the layout bit that a sender uses. */
  set(address: Ipv4, port: number, layout: number): void {
    const slot = this.#slot(address, port);
    if (this.#layouts[slot] === 0) {
      if (this.#count >= MAX_SENDERS) return;
      this.#count++;
    }
    this.#addresses[slot] = address;
    this.#ports[slot] = port;
    this.#layouts[slot] = layout;
    if (this.#count * 2 > this.#mask) this.#grow();
  }

  #slot(address: Ipv4, port: number): number {
    const mask = this.#mask;
    let slot = (Math.imul(address ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b) >>> 8) & mask;
    while (this.#layouts[slot] !== 0 && (this.#addresses[slot] !== address || this.#ports[slot] !== port)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const [addresses, ports, layouts] = [this.#addresses, this.#ports, this.#layouts];
    const size = layouts.length * 2;
    this.#addresses = new Uint32Array(size);
    this.#ports = new Uint16Array(size);
    this.#layouts = new Uint8Array(size);
    this.#mask = size - 1;
    for (let old = 0; old < layouts.length; old++) {
      if (layouts[old] === 0) continue;
      const slot = this.#slot(addresses[old]!, ports[old]!);
      this.#addresses[slot] = addresses[old]!;
      this.#ports[slot] = ports[old]!;
      this.#layouts[slot] = layouts[old]!;
    }
  }
}
