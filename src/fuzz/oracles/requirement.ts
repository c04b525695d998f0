import { judgePackets } from '../../conformance/passive/index.js';
import { blankPacket, type CapturedPacket } from '../../io/captured-packet.js';
import { LINKTYPE_RAW } from '../../io/link-type.js';
import type { Exchange } from '../exchange.js';
import type { Oracle } from '../oracle.js';
import type { Received } from '../received.js';
import { BYSTANDER, type Sent } from '../sent.js';

/** In virtual time one exchange of so many is judged: the predicates take as long as the exchange. */
const ONE_OF = 16;

/**
 * The requirements of the paper, as `mpip check --capture` judges them, over what the bystander and the peer said to each other. The
 * bystander's packets are all sound, so that a breach is the peer's, whatever the fuzzed nodes did to make it.
 */
export class Requirement implements Oracle {
  readonly id = 'requirement';
  #packets: CapturedPacket[] = [];
  /** Frames of the exchange, by the position in `#packets`. */
  #frames: number[] = [];
  #isJudged = true;

  begin(exchange: Exchange): void {
    this.#packets = [];
    this.#frames = [];
    this.#isJudged = exchange.target.kind !== 'virtual' || exchange.seed % ONE_OF === 0;
  }

  sent(exchange: Exchange, { node, time }: Sent, packet: Uint8Array): void {
    if (node === BYSTANDER) this.#keep(packet, time, exchange.frame);
  }

  received(_exchange: Exchange, { owner, packet, time, frame }: Received): void {
    if (owner === BYSTANDER) this.#keep(packet, time, frame);
  }

  end(exchange: Exchange): void {
    if (!this.#isJudged) return;
    for (const { predicate, verdict, finding, place } of judgePackets(this.#packets, {
      address: exchange.surroundings.peer,
    })) {
      if (verdict === 'none') continue;
      exchange.judged(predicate.requirement);
      if (verdict !== 'fail' || finding === undefined) continue;
      exchange.report({
        oracle: this.id,
        severity: 'medium',
        code: `${predicate.id} ${finding.code}`,
        title: `${predicate.requirement}: ${finding.text}`,
        requirements: [predicate.requirement],
        frame: place === undefined ? undefined : this.#frames[place.frame - 1],
      });
    }
  }

  #keep(packet: Uint8Array, time: number, frame: number): void {
    if (!this.#isJudged) return;
    this.#frames.push(frame);
    this.#packets.push({
      ...blankPacket(),
      number: this.#frames.length,
      seconds: Math.floor(time / 1_000_000),
      nanoseconds: (time % 1_000_000) * 1000,
      linkType: LINKTYPE_RAW,
      buffer: packet,
      capturedLength: packet.length,
      originalLength: packet.length,
    });
  }
}
