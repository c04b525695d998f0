import { readU16be } from '../../codec/bytes.js';
import {
  COMPACT,
  Flags,
  fieldOf,
  fieldOffset,
  HeaderStatus,
  ipv4HeaderChecksum,
  l4Checksum,
  TCP,
  UDP,
} from '../../codec/index.js';
import type { Exchange } from '../exchange.js';
import type { Oracle } from '../oracle.js';
import type { Received } from '../received.js';

/** What the peer sends is well formed: lengths, checksums, a CM whose sum fits, no ids where there are none. */
export class Wire implements Oracle {
  readonly id = 'malformed-answer';
  readonly severity = 'medium';
  #peerId: number | undefined;

  begin(): void {
    this.#peerId = undefined;
  }

  received(exchange: Exchange, received: Received): void {
    const { cm, packet, frame, status, protocol, l4Offset, payloadOffset } = received;
    if (status !== HeaderStatus.ok) {
      if (protocol !== TCP && protocol !== UDP && status !== HeaderStatus.badIpHeader) return;
      this.#report(exchange, 'header', 'A packet of the peer has headers that cannot be read.', frame, ['MPIP-WF-01']);
      return;
    }
    const end = readU16be(packet, 2);
    // What sockets give has rebuilt headers, which say nothing of the peer.
    if (exchange.target.kind !== 'socket') this.#headers(exchange, received, end);
    if (cm !== undefined) {
      this.#peerId ??= cm.layout === 'compact' ? cm.nodeId : undefined;
      this.#ids(exchange, received);
    } else if (this.#peerId !== undefined && end - payloadOffset > COMPACT.baseSize)
      this.#nearCm(exchange, received, end);
    if (l4Offset !== 20) this.#report(exchange, 'ip-options', 'A packet of the peer has IP options.', frame, []);
  }

  end(): void {}

  #headers(exchange: Exchange, { packet, protocol, l4Offset, cm, frame }: Received, end: number): void {
    exchange.judged('MPIP-WF-01');
    if (ipv4HeaderChecksum(packet, 0, l4Offset) !== readU16be(packet, 10))
      this.#report(exchange, 'ip-checksum', 'The IP header checksum of the peer is wrong.', frame, ['MPIP-WF-01']);
    if (protocol === UDP) {
      exchange.judged('MPIP-WF-02');
      if (readU16be(packet, l4Offset + 4) !== end - l4Offset) {
        this.#report(exchange, 'udp-length', 'The UDP length of the peer is not that of its datagram.', frame, [
          'MPIP-WF-02',
        ]);
        return;
      }
    }
    // Copies of segments carry a wrong sum on purpose (docs/decisions.md 1).
    if (protocol === TCP && cm !== undefined && (cm.flags === Flags.enable || cm.flags === Flags.enabled)) return;
    const sum = readU16be(packet, l4Offset + (protocol === TCP ? 16 : 6));
    if (protocol === UDP && sum === 0) return;
    exchange.judged('MPIP-WF-03');
    if (l4Checksum(packet, 0, protocol, l4Offset, end) !== sum)
      this.#report(exchange, 'l4-checksum', 'The TCP or UDP checksum of the peer is wrong.', frame, ['MPIP-WF-03']);
  }

  #ids(exchange: Exchange, { cm, frame }: Received): void {
    const { flags, sessionId, pathId, feedbackPathId } = cm!;
    exchange.judged('MPIP-CM-07');
    if (flags === Flags.enable || flags === Flags.enabled) {
      if (sessionId !== 0 || pathId !== 0)
        this.#report(exchange, 'query-ids', 'A query or confirmation of the peer has a session or path id.', frame, []);
    } else if (sessionId === 0 && flags <= Flags.ipChange) {
      const title = 'A data packet of the peer has a CM without a session id.';
      this.#report(exchange, 'no-session', title, frame, ['MPIP-SS-01']);
    }
    if (feedbackPathId === 0 && cm!.pathDelay !== 0)
      this.#report(exchange, 'delay-of-nothing', 'The peer feeds back a delay without a path.', frame, ['MPIP-FB-05']);
  }

  /** The mark, flags and node id of the peer's CM are there and the sum is not. */
  #nearCm(exchange: Exchange, { packet, frame }: Received, end: number): void {
    const start = end - COMPACT.baseSize;
    const at = (name: 'length' | 'nodeId' | 'flags') => start + fieldOffset(COMPACT, name);
    if (packet[at('length')] !== fieldOf(COMPACT, 'length')!.constant || packet[at('flags')]! > 5) return;
    if (readU16be(packet, at('nodeId')) !== this.#peerId || exchange.isReturned(packet)) return;
    this.#report(exchange, 'cm-checksum', 'The checksum of a CM of the peer is wrong.', frame, ['MPIP-CK-01']);
  }

  #report(exchange: Exchange, code: string, title: string, frame: number, requirements: readonly string[]): void {
    exchange.report({ oracle: this.id, severity: this.severity, code, title, requirements, frame });
  }
}
