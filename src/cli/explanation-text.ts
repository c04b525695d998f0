import type { ExplainedField, ExplainedLayer, Explanation } from '../codec/index.js';

/** An explanation of octets in words: a table for people, JSON for programs. */

const LAYER_TITLES: Record<ExplainedLayer, string> = {
  ipv4: 'IPv4 header',
  udp: 'UDP header',
  tcp: 'TCP header',
  data: 'User data',
  compact: 'Control message, layout compact',
  full: 'Control message, layout full',
};

/** Refusals of octets that do not even have a layout's mark. */
const NO_MARK: readonly string[] = ['truncated', 'length-marker', 'version'];

/** Most octets of one field that the table shows. */
const SHOWN_OCTETS = 8;

/** The table: a headline, the fields by layer, and what keeps the octets from being a CM. */
export function explanationToText(explanation: Explanation): string {
  const { fields, layout, refusals } = explanation;
  const lines = [headline(explanation)];
  const rows = fields.map((field) => [
    String(field.offset),
    shownHex(field.hex),
    field.title,
    String(field.value),
    field.isWrong ? `${field.meaning}  <--` : field.meaning,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  let layer: ExplainedLayer | undefined;
  fields.forEach((field, i) => {
    if (field.layer !== layer) {
      layer = field.layer;
      const isMessage = layer === 'compact' || layer === 'full';
      lines.push('', `${LAYER_TITLES[layer]}${isMessage && layout === undefined ? ' (as it would be read)' : ''}`);
    }
    const cells = rows[i]!.map((cell, column) =>
      column === 0 || column === 3 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column] ?? 0),
    );
    lines.push(`  ${cells.join('  ')}`.trimEnd());
  });
  // Beside a CM, only a near miss of the other layout is worth a line.
  const shown = layout === undefined ? refusals : refusals.filter((error) => !NO_MARK.includes(error.code));
  if (shown.length > 0)
    lines.push('', layout === undefined ? 'Why it is no control message:' : 'Nearly of the other layout:');
  for (const error of shown) lines.push(`  ${error.message}`);
  return `${lines.join('\n')}\n`;
}

function headline({ kind, length, start, layout, isAmbiguous, trailerOffset, end }: Explanation): string {
  const what =
    kind === 'block'
      ? `${length} octets`
      : `${start > 0 ? 'Ethernet frame with a d' : 'D'}atagram of ${length - start} octets`;
  if (layout === undefined) return `${what}: no control message.`;
  const both = isAmbiguous ? '; both layouts hold, it is read as compact' : '';
  return `${what}: a control message of layout ${layout}; trailer from ${trailerOffset} to ${end - 1}${both}.`;
}

function shownHex(hex: string): string {
  const octets = hex.match(/../g) ?? [];
  const shown = octets.slice(0, SHOWN_OCTETS).join(' ');
  return octets.length > SHOWN_OCTETS ? `${shown} …` : shown;
}

/** One JSON object; `fields` in the order of the octets. */
export function explanationToJson(explanation: Explanation): string {
  const { kind, length, start, layout, isAmbiguous, trailerOffset, fields, refusals } = explanation;
  const object = {
    kind,
    length,
    datagramOffset: kind === 'datagram' ? start : null,
    isControlMessage: layout !== undefined,
    layout: layout ?? null,
    isAmbiguous,
    trailerOffset: trailerOffset ?? null,
    fields: fields.map((field: ExplainedField) => ({ ...field, isWrong: field.isWrong ?? false })),
    refusals: refusals.map(({ code, details, message }) => ({ code, ...details, message })),
  };
  return `${JSON.stringify(object, null, 2)}\n`;
}
