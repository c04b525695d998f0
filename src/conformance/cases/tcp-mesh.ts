import { type ControlMessage, Flags, type Ipv4, TcpFlags } from '../../codec/index.js';
import type { Destination } from '../link.js';
import { isData, type Observed, withFlags } from '../observed.js';
import type { TestStream } from '../test-stream.js';
import { cmOf, type Tester } from '../tester.js';
import { type ConnectionOptions, isOfStream, segmentIn, type TcpSession, tcpSession } from './tcp-moves.js';

/** A packet of a fake handshake (section 3.8.1). */
export const isHandshake = withFlags(Flags.handshake);

/** True for a packet of a fake handshake with exactly these TCP flags. */
export const isStep =
  (flags: number) =>
  (packet: Observed): boolean =>
    isHandshake(packet) && (segmentIn(packet).flags & 0x3f) === flags;

/** Octets of user data in each segment. */
const SIZE = 24;

/** A session over TCP of which the tester sees every path that the peer uses. */
export class TcpMesh {
  /** The first packet that came by each of the peer's paths, by path id. */
  readonly paths = new Map<number, Observed>();
  /** Paths that are not fed back. */
  readonly withheld = new Set<number>();
  /** What the control messages of segments say besides: while the tester's addresses change, the flag and its list. */
  further: Partial<ControlMessage> = {};
  #turn = 0;

  private constructor(
    private readonly t: Tester,
    readonly session: TcpSession,
  ) {
    const { stream } = session;
    for (const packet of stream.history) this.#note(packet);
    stream.onReceive((packet) => this.#note(packet));
    stream.acknowledgementCm = () => this.cm();
  }

  /** A connection of ours to the echo service, with a session that both ends hold. */
  static async open(t: Tester, options: ConnectionOptions = {}): Promise<TcpMesh> {
    return new TcpMesh(t, await tcpSession(t, options));
  }

  /** A session of a connection that the peer has opened. */
  static of(t: Tester, session: TcpSession): TcpMesh {
    return new TcpMesh(t, session);
  }

  get stream(): TestStream {
    return this.session.stream;
  }

  /** The control message of the next segment: the session, and the next path's feedback. */
  cm(): Partial<ControlMessage> {
    const ids = [...this.paths.keys()].filter((id) => !this.withheld.has(id));
    const feedbackPathId = ids.length === 0 ? 0 : ids[this.#turn++ % ids.length]!;
    return { sessionId: this.session.id, feedbackPathId, pathDelay: 0, ...this.further };
  }

  /**
   * Sends segments one after the other, each when the one before came back or after a while.
   * @returns data packets that arrived in that time.
   */
  async talk(count: number, pause = 0): Promise<Observed[]> {
    const { t, stream } = this;
    const from = stream.history.length;
    for (let i = 0; i < count; i++) {
      const whole = stream.data.length + SIZE;
      stream.send({ payload: t.payload(SIZE), cm: this.cm() });
      await t.until(() => stream.data.length >= whole, t.patience / 4);
      if (pause > 0) await t.sleep(pause);
    }
    await t.sleep(2 * t.slack);
    stream.forget();
    return stream.history
      .slice(from)
      .filter((packet) => packet.direction === 'received' && isOfStream(packet) && isData(packet));
  }

  /** Packets of the session's own tuple, among others. */
  isOriginal({ source, destination, sourcePort }: Observed): boolean {
    const { stream } = this;
    return (
      source === stream.peer.address && destination === stream.destination.address && sourcePort === stream.peer.port
    );
  }

  #note(packet: Observed): void {
    if (packet.direction !== 'received' || !isData(packet)) return;
    const { pathId, sessionId } = cmOf(packet);
    if (pathId !== 0 && sessionId === this.session.id && !this.paths.has(pathId)) this.paths.set(pathId, packet);
  }
}

/** A fake handshake that we begin. */
export interface OwnHandshake {
  readonly syn: Observed;
  readonly synAck: Observed | undefined;
  readonly sequence: number;
}

/** Sends the SYN of a fake handshake once. */
export function sendSyn(
  { session, stream }: TcpMesh,
  source: number,
  sequence: number,
  destination: Destination = stream.peer,
): Observed {
  const cm = { flags: Flags.handshake, sessionId: session.id };
  return stream.send({ source, destination, flags: TcpFlags.syn, sequence, cm });
}

/** Sends the SYN of a fake handshake from an address of ours, up to three times, and waits for the answer on that path. */
export async function beginHandshake(
  t: Tester,
  mesh: TcpMesh,
  source: number,
  destination: Destination = mesh.stream.peer,
): Promise<OwnHandshake> {
  const { stream } = mesh;
  const sequence = t.random.below(2 ** 32);
  for (let attempt = 1; ; attempt++) {
    const syn = sendSyn(mesh, source, sequence, destination);
    const synAck = await stream.receive(
      (packet) => isStep(TcpFlags.syn | TcpFlags.ack)(packet) && packet.destination === syn.source,
      { within: t.patience / 3 },
    );
    if (synAck !== undefined || attempt === 3) return { syn, synAck, sequence };
  }
}

/** What is wrong with a packet of a fake handshake; what is absent is right. */
export interface Wrong {
  /** Added to the number that it acknowledges. */
  readonly error?: number;
  readonly flags?: number;
  readonly sessionId?: number;
}

/** Sends the third packet of a fake handshake. */
export function completeHandshake(
  { session, stream }: TcpMesh,
  source: number,
  handshake: OwnHandshake,
  { error = 0, flags = TcpFlags.ack, sessionId = session.id }: Wrong = {},
): Observed {
  return stream.send({
    source,
    destination: { address: handshake.syn.destination, port: handshake.syn.destinationPort },
    flags,
    sequence: (handshake.sequence + 1) >>> 0,
    acknowledgement: (segmentIn(handshake.synAck!).sequence + 1 + error) >>> 0,
    cm: { flags: Flags.handshake, sessionId },
  });
}

/**
 * Lets the peer open a connection to us and learns of each other: its query on the SYN is confirmed, its session is heard
 * and answered, with `announced` as our addresses, all that the stream has unless given.
 */
export async function openedByPeer(
  t: Tester,
  sources: readonly number[],
  announced?: (stream: TestStream) => readonly Ipv4[],
): Promise<{ mesh: TcpMesh; handle: number; syn: Observed }> {
  const stream = await t.node().stream(sources);
  // Where a kernel opens it, it is open when we have answered the SYN, not before.
  const opening = t.upper.connect(stream.destination);
  opening.catch(() => {});
  const syn = await stream.accept();
  const handle = await opening;
  if (syn === undefined) t.inconc('no-connection', 'The peer was made to open a connection and sent no SYN.');
  const first = stream.next;
  const list = announced === undefined ? {} : { localAddresses: announced(stream) };
  // The confirmation is a copy of the SYN-ACK.
  for (let i = 0; i < 3; i++) {
    const cm = { flags: Flags.enabled, ...list };
    stream.send({ flags: TcpFlags.syn | TcpFlags.ack, sequence: (first - 1) >>> 0, cm });
  }
  await t.sleep(2 * t.slack);
  for (let attempt = 0; attempt < 3; attempt++) {
    await t.upper.write(handle, t.payload(SIZE));
    const packet = await stream.receive((one) => isOfStream(one) && isData(one) && cmOf(one).sessionId !== 0);
    if (packet === undefined) continue;
    const session = { id: cmOf(packet).sessionId, stream, first: packet };
    const mesh = TcpMesh.of(t, session);
    mesh.further = list;
    stream.send({ cm: mesh.cm() });
    return { mesh, handle, syn };
  }
  return t.inconc('no-session', 'The peer opened a connection and was confirmed, but sends no control message on it.');
}
