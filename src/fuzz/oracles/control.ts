import { addressKey } from '../../codec/index.js';
import type { Exchange } from '../exchange.js';
import type { Oracle } from '../oracle.js';
import type { Received } from '../received.js';

/** How often each question is put before its silence counts. */
const TRIES = 4;

/**
 * After the steps, the peer still does what every peer does: it returns an ordinary datagram, it confirms the query of a node that
 * asks from a new port, it goes on with the connection of the bystander, and new connections get ids of their own.
 */
export class Control implements Oracle {
  readonly id = 'control-silent';
  readonly severity = 'critical';
  /** Session ids that the peer gave to connections from new ports, by port. */
  readonly #given = new Map<number, { readonly id: number; readonly frame: number }>();

  begin(): void {
    this.#given.clear();
  }

  received(exchange: Exchange, { cm, destination, destinationPort, frame }: Received): void {
    if (cm === undefined || cm.flags > 1 || cm.sessionId === 0) return;
    if (destination !== exchange.bystander.addresses[0]) return;
    if (destinationPort !== exchange.port(2) && destinationPort !== exchange.port(3)) return;
    if (!this.#given.has(destinationPort)) this.#given.set(destinationPort, { id: cm.sessionId, frame });
  }

  async end(exchange: Exchange): Promise<void> {
    const { bystander } = exchange;
    const address = bystander.addresses[0]!;
    for (const index of [2, 3]) {
      const port = exchange.port(index);
      const plain = () => bystander.sayPlain(12, port);
      if (!(await ask(exchange, plain))) {
        this.#silent(exchange, 'ordinary', 'The peer no longer returns an ordinary datagram from a new port.', []);
        return;
      }
      // Whether it speaks MPIP at all is for `mpip check` to say: here only what it did before counts.
      if (!bystander.isConfirmed) return;
      const isConfirmed = () => bystander.confirmed.has(addressKey(address, port));
      for (let i = 0; i < TRIES && !isConfirmed(); i++) {
        bystander.query(address, port);
        await exchange.until(isConfirmed);
      }
      if (!isConfirmed()) {
        this.#silent(exchange, 'query', 'The peer no longer confirms the query of a new port.', ['MPIP-AV-06']);
        return;
      }
      exchange.judged('MPIP-AV-06');
      if (!(await ask(exchange, plain))) {
        const title = 'The peer no longer returns the data of a port whose query it has confirmed.';
        this.#silent(exchange, 'after-query', title, ['MPIP-AV-13']);
        return;
      }
    }
    if (bystander.isHeard) {
      for (const path of bystander.addresses.keys()) {
        if (await ask(exchange, () => bystander.say(12, path))) continue;
        const title = `The peer no longer answers the bystander's connection by its path ${path + 1}.`;
        this.#silent(exchange, `session path ${path + 1}`, title, ['MPIP-RX-01']);
        return;
      }
    }
    this.#compareIds(exchange);
  }

  #compareIds(exchange: Exchange): void {
    const [first, second] = [...this.#given.values()];
    if (first === undefined || second === undefined) return;
    exchange.judged('MPIP-SS-02');
    if (
      first.id !== second.id &&
      first.id !== exchange.bystander.sessionId &&
      second.id !== exchange.bystander.sessionId
    )
      return;
    exchange.report({
      oracle: 'state-leak',
      severity: 'high',
      code: 'session-id-twice',
      title: `The peer gave the session id ${second.id} to two connections of one node.`,
      requirements: ['MPIP-SS-02'],
      frame: second.frame,
    });
  }

  #silent(exchange: Exchange, code: string, title: string, requirements: readonly string[]): void {
    exchange.report({ oracle: this.id, severity: this.severity, code, title, requirements, frame: undefined });
  }
}

/** Sends a datagram until one comes back; false when none of them does. */
async function ask(exchange: Exchange, send: () => number): Promise<boolean> {
  const numbers: number[] = [];
  const isBack = () => numbers.some((number) => exchange.echoes(number) > 0);
  for (let i = 0; i < TRIES && !isBack(); i++) {
    numbers.push(send());
    await exchange.until(isBack);
  }
  return isBack();
}
