import type { Ipv4 } from '../codec/index.js';

/** Routing priority of a packet (paper, section 3.6.2): the weighted choice, or the path of the lowest delay. */
export type Priority = 'throughput' | 'responsiveness';

/** A row of Table 6. An absent field is the wildcard `*`. */
export interface RoutingRule {
  readonly destination?: Ipv4;
  readonly port?: number;
  /** 6 or 17. */
  readonly protocol?: number;
  /** Smallest IP length before the CM, in octets; default 0. */
  readonly startSize?: number;
  /** First IP length that no longer matches; default unbounded. */
  readonly endSize?: number;
  readonly priority: Priority;
}

/** Table 6: the first row that matches a packet says its priority; no row, throughput. Rows may change at any time. */
export class RoutingTable {
  #rules: readonly RoutingRule[] = [];

  get rules(): readonly RoutingRule[] {
    return this.#rules;
  }

  /** Replaces all rows. */
  replace(rules: readonly RoutingRule[]): void {
    this.#rules = [...rules];
  }

  /** The priority of a packet of the host, `length` octets long before the CM. */
  priority(destination: Ipv4, port: number, protocol: number, length: number): Priority {
    for (const rule of this.#rules) {
      if (
        (rule.destination === undefined || rule.destination === destination) &&
        (rule.port === undefined || rule.port === port) &&
        (rule.protocol === undefined || rule.protocol === protocol) &&
        length >= (rule.startSize ?? 0) &&
        length < (rule.endSize ?? Number.POSITIVE_INFINITY)
      ) {
        return rule.priority;
      }
    }
    return 'throughput';
  }
}
