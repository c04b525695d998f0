import { sameOctets } from '../../codec/bytes.js';
import type { Exchange } from '../exchange.js';
import type { Oracle, Severity } from '../oracle.js';
import type { Received } from '../received.js';
import { BYSTANDER, expectationOf, type Sent } from '../sent.js';

/**
 * User data comes back to whom it belongs, octet for octet, once for each time it was sent; control messages and what cannot be
 * delivered never do; what the bystander says is not lost.
 */
export class UserData implements Oracle {
  readonly id = 'user-data';
  /** Datagrams of the bystander that have to come back. */
  #owed: Sent[] = [];

  begin(): void {
    this.#owed = [];
  }

  sent(_exchange: Exchange, sent: Sent): void {
    if (sent.node === BYSTANDER && sent.number !== 0) this.#owed.push(sent);
  }

  received(exchange: Exchange, received: Received, sent: Sent | undefined): void {
    const { cm, mark, owner, frame, data, destination } = received;
    if (mark === undefined) return;
    const senders = exchange.marked(mark);
    const from = sent ?? senders[0];
    if (from === undefined) return;
    if (senders.every(({ node }) => node !== owner)) {
      // A node that sends from an address has it, as far as a peer can tell, for as long as the peer remembers: a path of the node.
      if (from.node !== BYSTANDER && exchange.surroundings.forged.includes(destination)) return;
      if (owner === BYSTANDER && exchange.passesForBystander(from.node)) return;
      // A copy of what the peer returns, sent as a query to a place that it heard of, has user data too.
      const whose = from.node === BYSTANDER ? 'the bystander' : `node ${from.node}`;
      const to =
        owner === undefined ? 'nobody of the exchange' : owner === BYSTANDER ? 'the bystander' : `node ${owner}`;
      if (from.node !== BYSTANDER && owner !== BYSTANDER && from.step >= 0 && owner !== undefined) {
        // Fuzzed nodes pass for one another: what they get of each other is their own doing.
        return;
      }
      const code =
        from.node === BYSTANDER ? 'of-the-bystander' : owner === undefined ? 'to-nobody' : 'to-the-bystander';
      this.#report(exchange, 'data-misdelivered', 'critical', code, `User data of ${whose} went to ${to}.`, frame, [
        'MPIP-RX-03',
      ]);
      return;
    }
    if (sent === undefined) return;
    const { fate, whole, stripped } = expectationOf(sent);
    if (fate === 'any') return;
    exchange.judged(cm === undefined ? 'MPIP-GEN-03' : 'MPIP-CM-08');
    if (fate === 'never') {
      const title =
        'The peer delivered a packet that no host delivers: its headers are broken, or it is a query or confirmation.';
      this.#report(exchange, 'delivered-ignorable', 'medium', 'control', title, frame, ['MPIP-AV-12']);
      return;
    }
    const isWhole = sameOctets(data, whole);
    const isStripped = sameOctets(data, stripped);
    if (!isWhole && !isStripped) {
      const title = `User data of ${whole.length} octets with its trailer came back altered, ${data.length} octets long.`;
      this.#report(exchange, 'data-altered', 'high', sent.isPure ? 'pure' : 'mutated', title, frame, ['MPIP-RX-04']);
      return;
    }
    if (fate === 'whole' && !isWhole) {
      const title =
        'The peer took a trailer off a packet that is none of its own: no CM, or one that must not be delivered.';
      this.#report(exchange, 'delivered-ignorable', 'medium', 'stripped', title, frame, ['MPIP-CK-03', 'MPIP-HB-03']);
    }
    const echoes = exchange.echoes(mark);
    const copies = exchange.marked(mark).reduce((sum, each) => sum + each.copies, 0);
    if (echoes > copies && exchange.marked(mark).every(({ isWhole }) => isWhole)) {
      const title = `User data that was sent ${copies === 1 ? 'once' : `${copies} times`} came back ${echoes} times.`;
      this.#report(
        exchange,
        'data-duplicated',
        'medium',
        sent.node === BYSTANDER ? 'bystander' : 'fuzzed',
        title,
        frame,
        ['MPIP-GEN-03'],
      );
    }
  }

  async end(exchange: Exchange): Promise<void> {
    const missing = () => this.#owed.filter((sent) => sent.echoes === 0);
    if (missing().length > 0) await exchange.until(() => missing().length === 0);
    const lost = missing();
    // All of it is silence, which another oracle reports.
    if (lost.length > 0 && lost.length < this.#owed.length) {
      const title = `${lost.length} of ${this.#owed.length} datagrams of the bystander did not come back.`;
      this.#report(exchange, 'data-lost', 'high', 'bystander', title, undefined, ['MPIP-GEN-03', 'MPIP-EX-02']);
    }
    const fault = exchange.stream?.fault;
    if (fault === undefined) return;
    const titles = {
      altered: "The octets of the bystander's TCP stream came back altered.",
      stalled: "The bystander's TCP stream did not go on, though everything was sent again.",
      reset: "The bystander's TCP connection was reset.",
    };
    const codes = { altered: 'data-altered', stalled: 'data-lost', reset: 'data-lost' } as const;
    this.#report(exchange, codes[fault.kind], 'high', `stream-${fault.kind}`, titles[fault.kind], fault.frame, [
      'MPIP-GEN-03',
      ...(fault.kind === 'stalled' ? ['MPIP-OO-03'] : []),
    ]);
  }

  #report(
    exchange: Exchange,
    oracle: string,
    severity: Severity,
    code: string,
    title: string,
    frame: number | undefined,
    requirements: readonly string[],
  ): void {
    exchange.report({ oracle, severity, code, title, requirements, frame });
  }
}
