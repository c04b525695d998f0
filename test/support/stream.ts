import type { Path } from '../../src/endpoint/paths.js';
import type { Node } from './endpoint-pair.js';
import { TcpHost, type TcpHostOptions } from './tcp-host.js';
import { WidePair, type WidePairOptions } from './wide-pair.js';

/** How a `Stream` is made. */
export interface StreamOptions extends WidePairOptions {
  /** The host that opens the connection. */
  readonly client?: TcpHostOptions;
  readonly server?: TcpHostOptions;
}

const ACCESS = { delayMicros: 2000, rate: 20_000_000, queueOctets: 100_000 };

/** One TCP connection between the hosts of a `WidePair` whose links carry 20 Mb/s and 1500 octets. */
export class Stream {
  readonly pair: WidePair;
  readonly client: TcpHost;
  readonly server: TcpHost;

  constructor({ client = {}, server = {}, ...options }: StreamOptions) {
    this.pair = new WidePair({
      access: ACCESS,
      ...options,
      a: { linkMtu: 1500, ...options.a },
      b: { linkMtu: 1500, ...options.b },
    });
    this.client = new TcpHost(this.pair.a, () => this.pair.toB, client);
    this.server = new TcpHost(this.pair.b, () => this.pair.toA, server);
    this.client.connect(this.pair.network.now);
  }

  /** Lets the hosts work for so long. */
  run(millis: number): void {
    for (let i = 0; i < millis; i++) this.#step();
  }

  /** Lets the hosts work until all their data is acknowledged. @throws Error when that takes longer than `seconds`. */
  finish(seconds = 120): void {
    const end = this.pair.network.now + seconds * 1e6;
    while (!(this.client.isDone && this.server.isDone)) {
      if (this.pair.network.now >= end) throw new Error('The stream stands still.');
      this.#step();
    }
  }

  /** What a node's paths of the connection are. */
  paths(node: 'a' | 'b'): readonly Path[] {
    return pathsOf(this.pair[node]);
  }

  #step(): void {
    const { network } = this.pair;
    this.client.work(network.now);
    this.server.work(network.now);
    this.pair.run(1);
  }
}

/** The paths of a node's only session. */
export function pathsOf(node: Node): readonly Path[] {
  return [...node.endpoint.sessions.rows()].flatMap(({ paths }) => paths);
}
