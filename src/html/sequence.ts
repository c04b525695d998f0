import { escapeHtml } from './escape.js';

/** A packet between two sides, as a sequence diagram shows it. */
export interface SequencePacket {
  /** Position in the capture, from 1. */
  readonly frame: number;
  /** Milliseconds since the first packet. */
  readonly timeMs: number;
  /** `sent` goes from left to right. */
  readonly direction: 'sent' | 'received';
  /** The end on the left: `127.0.0.5:40000`. */
  readonly tester: string;
  /** The end on the right. */
  readonly peer: string;
  /** Octets of user data. */
  readonly octets: number;
  /** The control message; null for an ordinary packet. */
  readonly cm: {
    readonly flags: string;
    readonly sessionId: number;
    readonly pathId: number;
    readonly feedbackPathId: number;
  } | null;
  /** True for a packet that is to stand out. */
  readonly decides: boolean;
}

/** Style of the diagrams. */
export const SEQUENCE_STYLE = `
.sequence { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .88em; }
.sequence { max-width: none; display: block; margin: .4rem 0; } .sequence text { fill: var(--ink); font-size: 11px; }
.sequence .end { font-weight: 600; } .sequence .peer { fill: var(--cm); } .sequence .life { stroke: var(--line); stroke-width: 2; }
.sequence .time, .sequence .gap { fill: var(--soft); } .sequence .packet line { stroke: var(--cm); stroke-width: 1.5; }
.sequence .packet path { fill: var(--cm); } .sequence .plain line { stroke: var(--none); stroke-dasharray: 4 3; } .sequence .plain path { fill: var(--none); }
.fail .sequence .decides line, .error .sequence .decides line { stroke: var(--fail); stroke-width: 3; } .fail .sequence .decides path { fill: var(--fail); }
.pass .sequence .decides line { stroke: var(--pass); stroke-width: 3; } .pass .sequence .decides path { fill: var(--pass); }
.sequence .words { paint-order: stroke; stroke: var(--ground); stroke-width: 3px; } .sequence .decides .words { font-weight: 700; }
`.trim();

const MARGIN = 90;
const COLUMN = 112;
const HEAD = 46;
const ROW = 26;

/**
 * Packets as a sequence diagram (SVG): a line down for each address and port of the tester, on the left, and of the peer, on the
 * right; an arrow for each packet from end to end, so that every pair of lines is a path.
 * @param sides what the two sides are called
 */
export function sequenceDiagram(
  packets: readonly SequencePacket[],
  sides: readonly [string, string] = ['the tester', 'the peer'],
): string {
  const testers = [...new Set(packets.map(({ tester }) => tester))];
  const peers = [...new Set(packets.map(({ peer }) => peer))];
  const at = new Map<string, number>();
  for (const [i, end] of testers.entries()) at.set(`tester ${end}`, MARGIN + 60 + i * COLUMN);
  // Room between the two sides for the words on the arrows.
  const right = MARGIN + 60 + (testers.length - 1) * COLUMN + 350;
  for (const [i, end] of peers.entries()) at.set(`peer ${end}`, right + i * COLUMN);
  const width = right + (peers.length - 1) * COLUMN + 80;
  const rows: string[] = [];
  let y = HEAD + ROW;
  let previous = 0;
  for (const packet of packets) {
    if (packet.frame > previous + 1) {
      const left = packet.frame - previous - 1;
      rows.push(`<text class="gap" x="8" y="${y}">… ${left} packet${left === 1 ? '' : 's'} not shown</text>`);
      y += ROW;
    }
    rows.push(arrow(packet, at.get(`tester ${packet.tester}`)!, at.get(`peer ${packet.peer}`)!, y));
    previous = packet.frame;
    y += ROW;
  }
  const height = y + 4;
  const lines = [...at].map(([name, x]) => {
    const [side, address, port] = name.split(/[ :]/);
    return (
      `<text class="end ${side}" x="${x}" y="14" text-anchor="middle">${escapeHtml(address!)}</text>` +
      `<text class="end ${side}" x="${x}" y="29" text-anchor="middle">:${escapeHtml(port!)}</text>` +
      `<line class="life" x1="${x}" x2="${x}" y1="${HEAD - 8}" y2="${height}"/>`
    );
  });
  const label = escapeHtml(
    `${packets.length} packets between ${testers.length} ends of ${sides[0]} and ${peers.length} of ${sides[1]}`,
  );
  return (
    `<svg class="sequence" role="img" aria-label="${label}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">` +
    `${lines.join('')}${rows.join('')}</svg>`
  );
}

function arrow(packet: SequencePacket, testerX: number, peerX: number, y: number): string {
  const isSent = packet.direction === 'sent';
  const [from, to] = isSent ? [testerX, peerX] : [peerX, testerX];
  const tip = isSent ? to - 7 : to + 7;
  const kind = packet.cm === null ? 'plain' : packet.cm.flags;
  const classes = `packet ${escapeHtml(kind)}${packet.decides ? ' decides' : ''}`;
  return (
    `<g class="${classes}"><title>frame ${packet.frame}, ${packet.timeMs.toFixed(3)} ms: ${escapeHtml(packet.tester)} ${isSent ? 'to' : 'from'} ` +
    `${escapeHtml(packet.peer)}, ${escapeHtml(wordsOf(packet))}</title>` +
    `<text class="time" x="8" y="${y + 4}">${packet.frame} · ${timeWords(packet.timeMs)}</text>` +
    // Before the arrow, so that the ground around the words covers the lines of the ends and not the arrow.
    `<text class="words" x="${(testerX + peerX) / 2}" y="${y - 5}" text-anchor="middle">${escapeHtml(wordsOf(packet))}</text>` +
    `<line x1="${from}" x2="${tip}" y1="${y}" y2="${y}"/>` +
    `<path d="M${to},${y} l${isSent ? -9 : 9},-4 v8 z"/></g>`
  );
}

function timeWords(millis: number): string {
  return millis < 1000 ? `${millis.toFixed(1)} ms` : `${(millis / 1000).toFixed(2)} s`;
}

/** What an arrow says: flags, session, path, feedback; the octets of user data. */
function wordsOf({ cm, octets }: SequencePacket): string {
  if (cm === null) return `ordinary, ${octets} octets`;
  const feedback = cm.feedbackPathId === 0 ? '' : ` feedback ${cm.feedbackPathId}`;
  return `${cm.flags}, session ${cm.sessionId} path ${cm.pathId}${feedback}, ${octets} octets`;
}
